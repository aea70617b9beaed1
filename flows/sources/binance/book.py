"""What a feed knows: how each symbol stands, its clock, and the rows that wait."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flows.domain.chunk import BEGINNING
from flows.domain.instrument import Instrument
from flows.domain.scale import UNKNOWN
from flows.errors import FeedError
from flows.sources.binance import clockwork as step
from flows.sources.binance.holds import Holds
from flows.sources.binance.messages import KINDS
from flows.sources.symbols import SymbolTable

I64 = NDArray[np.int64]

COUNTED = (
    "trades", "late", "skipped", "duplicates", "zero", "insurance_fund", "na", "other_execution", "waited",
    "malformed", "ahead", "wrong_kind", "too_large",
)  # fmt: skip
"""What `Feed.counts` tells, in the order of the verdicts of `clockwork`; `trades` does not hold the late ones. A row that waited is
counted once more by what became of it."""


@dataclass(frozen=True, slots=True)
class FeedState:
    """Everything a feed needs to go on after a restart; plain values, a few dozen bytes per symbol. Rows that wait are no part of it."""

    instruments: tuple[Instrument, ...]
    messages: int
    answers: int
    events: int
    counts: tuple[int, ...]
    clock: tuple[int, ...]
    legs: tuple[tuple[int, ...], ...]
    watermark: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Legs:
    """How each symbol stands, for the I/O to decide what to ask: int64, shape (instruments,); UNKNOWN where there is none.

    Attributes:
        last_id: newest id applied, −1 before the first. last_trade_time: newest trade time applied.
        received: receive time of the symbol's newest message from the stream, also one that was known already.
        held: rows that wait for missing ids. first_held: the lowest id of them. held_since: receive time of the first of them.
        filled: rows that REST gave so far. missing: ids that nobody could give so far.
        proven: until when silence is proven, exchange clock. watermark: as in the chunks.
    """

    last_id: I64
    last_trade_time: I64
    received: I64
    held: I64
    held_since: I64
    first_held: I64
    filled: I64
    missing: I64
    proven: I64
    watermark: I64


@dataclass(frozen=True, slots=True)
class Rules:
    """What a feed goes by; see `flows.sources.binance.feed.Feed`."""

    verified: bool
    grace_us: int
    most_ahead_us: int
    proof_margin_us: int
    hold_limit: int


class Book:
    """The state of a feed.

    Attributes:
        symbols: the table that rows point into. clock, legs: what the compiled steps read and write. holds: the rows that wait.
        sent_watermark: as in the newest chunk.
    """

    def __init__(self, rules: Rules, state: FeedState | None) -> None:
        self.rules = rules
        self.symbols = SymbolTable(state.instruments if state else ())
        self.clock = np.array(state.clock if state else _NEW_CLOCK, np.int64)
        self.legs = np.array(state.legs if state else (), np.int64).reshape(-1, step.LEG)
        self.sent_watermark = np.array(state.watermark if state else (), np.int64)
        self.holds = Holds()

    def begin(self, instruments: Sequence[Instrument], stream: str | None, lead_us: int | None) -> None:
        """Take up symbols, the kind of stream and the measured lead."""
        for instrument in instruments:
            if self.symbols.index(instrument.symbol) is None:
                self.symbols.add(instrument)
        self.grow()
        for instrument in instruments:
            leg = self.legs[self.symbols.index(instrument.symbol)]
            leg[step.LEG_PRICE_DECIMALS] = max(leg[step.LEG_PRICE_DECIMALS], instrument.price_decimals)
            leg[step.LEG_SIZE_DECIMALS] = max(leg[step.LEG_SIZE_DECIMALS], instrument.size_decimals)
        self.refine()
        if stream is not None:
            if self.clock[step.STREAM_KIND] not in (0, KINDS[stream]):
                raise FeedError(
                    f'what came before is of another kind of stream than "{stream}": their ids cannot be continued'
                )
            self.clock[step.STREAM_KIND] = KINDS[stream]
        if lead_us is not None:
            self.clock[[step.LEAD, step.LEAD_NOW, step.LEAD_BEFORE]] = lead_us, step.UNSET, step.UNSET

    def begin_anew(self) -> None:
        """Forget the ids: the next trade of each symbol comes after a gap."""
        self.legs[:, [step.LAST_ID, step.LAST_TRADE]] = -1
        self.legs[:, step.GAP_NEXT] = 1

    @property
    def watermark(self) -> I64:
        """Per instrument: no trade before this follows that is not late."""
        proven = self.legs[:, step.PROVEN] if self.rules.verified else self.clock[step.SILENCE]
        watermark: I64 = np.maximum(self.legs[:, step.LEG_TIME], proven)
        return watermark

    @property
    def lead_us(self) -> int | None:
        """Receive clock − exchange clock: the least delay seen lately; None where nothing told it yet."""
        lead = int(self.clock[step.LEAD])
        return None if lead == step.UNSET else lead

    def standing(self) -> Legs:
        """How each symbol stands now."""
        legs, holds = self.legs, self.holds.table
        waiting = holds[:, step.HELD] > 0
        return Legs(
            last_id=legs[:, step.LAST_ID].copy(),
            last_trade_time=_known(legs[:, step.LEG_TIME], legs[:, step.LEG_TIME] > BEGINNING),
            received=_known(legs[:, step.LEG_RECEIVED], legs[:, step.LEG_RECEIVED] > 0),
            held=holds[:, step.HELD].copy(),
            held_since=_known(holds[:, step.HELD_SINCE], waiting),
            first_held=_known(holds[:, step.FIRST_HELD], waiting),
            filled=legs[:, step.FILLED].copy(),
            missing=legs[:, step.MISSING].copy(),
            proven=_known(legs[:, step.PROVEN], legs[:, step.PROVEN] > BEGINNING),
            watermark=self.watermark,
        )

    def grow(self) -> None:
        """One row of state for each symbol of the table."""
        new = len(self.symbols) - len(self.legs)
        if new:
            self.legs = np.concatenate([self.legs, np.tile(np.array(_NEW_LEG, np.int64), (new, 1))])
            self.sent_watermark = np.concatenate([self.sent_watermark, np.full(new, BEGINNING)])
        self.holds.grow(len(self.symbols))

    def refine(self) -> None:
        """Bring the table to the scales the rows needed."""
        price, size = self.legs[:, step.LEG_PRICE_DECIMALS], self.legs[:, step.LEG_SIZE_DECIMALS]
        finer = (price > self.symbols.price_decimals) | (size > self.symbols.size_decimals)
        for k in np.flatnonzero(finer).tolist():
            self.symbols.refine(k, int(price[k]), int(size[k]))


_NEW_CLOCK = (0, step.UNSET, step.UNSET, step.UNSET, step.UNSET, 0, int(BEGINNING), int(BEGINNING), 0)
_NEW_LEG = (-1, -1, int(BEGINNING), 0, 0, 0, 0, int(BEGINNING), 0, 1, 0, 0, 0, 0)


def _known(column: I64, known: NDArray[np.bool_]) -> I64:
    return np.where(known, column, UNKNOWN)
