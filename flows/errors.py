"""Every error that pairdesk raises on purpose.

    PairdeskError                 a message for a person: what, where, what was wanted, what was found
    ├── SettingsError             a settings file or variable: file, key, value, nearest valid key
    ├── InputError                a file or message stream that cannot be used at all
    │   └── TooManyRejectsError   too large a share of rows was malformed
    ├── NotStoredError            what was asked for is not stored; what is near it
    ├── StorageError              QuestDB: cannot be started, reached or written
    └── FeedError                 the exchange: unreachable, refused, wrong route

Anything else that escapes is a defect of the program and keeps its traceback.
"""


class PairdeskError(Exception):
    """Base of the errors that a command prints as one line instead of a traceback."""


class SettingsError(PairdeskError):
    """A setting is unknown, of the wrong type or out of range."""


class InputError(PairdeskError):
    """An input that cannot be read as ticks at all."""


class TooManyRejectsError(InputError):
    """More rows were malformed than the settings allow."""


class NotStoredError(PairdeskError):
    """What was asked for is not among what is stored."""


class StorageError(PairdeskError):
    """The database cannot be started, reached or written."""


class FeedError(PairdeskError):
    """The exchange cannot be used as configured."""
