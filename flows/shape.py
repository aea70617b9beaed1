"""Everything in the settings that decides what the saved state of the flow means."""

import json
from dataclasses import asdict
from importlib.metadata import version

from flows.settings import Settings

_LAYOUT = 3
"""One more whenever a step writes its state otherwise, or means something else by it, within a version."""


def state_shape(settings: Settings) -> dict[str, str]:
    """The shape of a saved state: what its numbers mean, and how they are written."""
    return {**shape(settings), "layout of the state": str(_LAYOUT)}


def shape(settings: Settings) -> dict[str, str]:
    """All that decides the values, by the names a person knows them by. A state of another shape cannot be gone on with."""
    market, binance = settings.market, settings.binance
    return {
        "version of pairdesk": version("pairdesk"),
        "market.pairs": ", ".join(map(str, market.pairs)),
        "market.intervals": ", ".join(map(str, market.intervals)),
        "bars.fill_limit_s": str(settings.bars.fill_limit_s),
        "bars.gap_limit_s": str(settings.bars.gap_limit_s),
        "join.stale_after_s": str(settings.join.stale_after_s),
        "join.pending_limit": str(settings.join.pending_limit),
        "ticks": json.dumps(asdict(settings.ticks)),
        "binance.stream": binance.stream,
        "binance.stream_url": binance.stream_url,
        "tests": _tests(settings),
        **{f"models.{model.name}": json.dumps(asdict(model)) for model in settings.models},
    }


def _tests(settings: Settings) -> str:
    return json.dumps(asdict(settings.tests)) if settings.tests.enabled else "none"
