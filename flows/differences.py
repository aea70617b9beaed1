"""What differs between two sets of named settings, in words."""

from collections.abc import Mapping


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """The names whose values differ, with both values; '' where none does.

    >>> differences({"window": "60", "form": "1"}, {"window": "90", "form": "1"})
    'window was 60, is 90'
    """
    return "; ".join(
        f"{name} was {before.get(name, 'absent')}, is {now.get(name, 'absent')}"
        for name in dict.fromkeys([*before, *now])
        if before.get(name) != now.get(name)
    )
