"""What differs between two sets of named settings, in words."""

from collections.abc import Mapping


def differences(before: Mapping[str, str], now: Mapping[str, str], comes_and_goes: str = "\0") -> str:
    """The names whose values differ, with both values; '' where none does.

    Args:
        comes_and_goes: names that begin so may be on one side only.

    >>> differences({"window": "60", "form": "1"}, {"window": "90", "form": "1"})
    'window was 60, is 90'
    >>> differences({"models.a": "1"}, {"models.a": "2", "models.b": "1"}, comes_and_goes="models.")
    'models.a was 1, is 2'
    """
    names = dict.fromkeys([*before, *now])
    free = {name for name in names if name.startswith(comes_and_goes) and (name in before) != (name in now)}
    return "; ".join(
        f"{name} was {before.get(name, 'absent')}, is {now.get(name, 'absent')}"
        for name in names
        if name not in free and before.get(name) != now.get(name)
    )
