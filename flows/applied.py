"""The models of the settings together with those that were applied on the page."""

from collections.abc import Callable
from dataclasses import replace

from flows.domain.model import Model
from flows.errors import SettingsError
from flows.settings import Settings
from flows.storage.models import ModelStore

SUPERVISED = "PAIRDESK_SUPERVISED"
"""Variable in the environment of a page whose flow is started anew when models are applied."""


def store_of(settings: Settings) -> ModelStore:
    """Where the models are kept that were applied to the data of this origin."""
    return ModelStore(settings.storage.models_file(settings.binance.origin))


def with_applied(settings: Settings) -> Settings:
    """The settings as the live flow has them.

    Raises:
        SettingsError: the stored models cannot be read, or one has the name of another one of the settings.
    """
    store, own = store_of(settings), {model.name: model for model in settings.models}
    applied = store.read()
    for model in applied:
        if model.name in own and own[model.name] != model:
            raise SettingsError(f"{store.path}: models.{model.name} is in the settings too, with other parameters")
    return replace(settings, models=(*settings.models, *(model for model in applied if model.name not in own)))


class AppliedWatch:
    """Whether the flow must start anew because models were applied or removed. Cheap to ask all the time.

    Args:
        settings: of the flow, without what was applied. say: is told of a file that cannot be read: the flow goes on as it is.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self._settings, self._say, self._store = settings, say, store_of(settings)
        self._seen = self._stamp()
        self._known = with_applied(settings).models

    def __call__(self) -> str:
        """What has changed, in words; '' where nothing has since the last time it did."""
        if (stamp := self._stamp()) == self._seen:
            return ""
        self._seen = stamp
        try:
            models = with_applied(self._settings).models
        except SettingsError as error:
            self._say(f"{error}; the flow goes on with the models that it has")
            return ""
        before, self._known = self._known, models
        return _change(before, models)

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._store.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _change(before: tuple[Model, ...], now: tuple[Model, ...]) -> str:
    came = [model.name for model in now if model not in before]
    went = [model.name for model in before if model not in now]
    words = [f"{', '.join(names)} {verb}" for names, verb in ((came, "applied"), (went, "removed")) if names]
    return "; ".join(words)
