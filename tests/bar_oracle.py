"""Bars by the definition, one trade at a time, in dictionaries and fractions: slow, and written from the specification alone."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from flows.domain.frames import Bars, Ticks
from flows.domain.scale import UNKNOWN

SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Trade:
    """One tick with exact numbers.

    `first_id`, `last_id` are None where the input has no ids. `gap`: trades are missing before it, but not before the time `proven`.
    """

    symbol: str
    time: int
    price: Fraction
    size: Fraction
    side: int
    late: bool
    count: int
    first_id: int | None
    last_id: int | None
    gap: bool = False
    proven: int = 0


@dataclass(slots=True)
class Bar:
    """One bar; None is "not known"."""

    symbol: str
    open_time: int
    open: Fraction
    high: Fraction
    low: Fraction
    close: Fraction
    last_trade_time: int
    volume: Fraction = Fraction(0)
    quote_volume: Fraction = Fraction(0)
    trade_count: int = 0
    taker_buy_volume: Fraction | None = Fraction(0)
    taker_buy_quote_volume: Fraction | None = Fraction(0)
    first_trade_id: int | None = None
    last_trade_id: int | None = None
    late_count: int = 0
    gap: bool = False


def trades_of(ticks: Ticks, proven: int = 0) -> list[Trade]:
    """The rows of a frame, of which none is missing before the time `proven`."""
    first = ticks.trade_id if ticks.first_id is None else ticks.first_id
    last = ticks.trade_id if ticks.last_id is None else ticks.last_id
    out = []
    for i in range(len(ticks)):
        of = ticks.instruments[ticks.symbol[i]]
        out.append(
            Trade(
                of.symbol, int(ticks.time[i]), Fraction(int(ticks.price[i]), 10**of.price_decimals),
                Fraction(int(ticks.size[i]), 10**of.size_decimals), int(ticks.side[i]), bool(ticks.late[i]),
                int(last[i] - first[i] + 1), int(first[i]) if ticks.ids_known else None,
                int(last[i]) if ticks.ids_known else None, ticks.gap is not None and bool(ticks.gap[i]), proven,
            )
        )  # fmt: skip
    return out


@dataclass(slots=True)
class _Second:
    trades: list[Trade] = field(default_factory=list)
    late: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """Trades are missing from time `start` to `end`."""

    start: int
    end: int

    @property
    def seconds(self) -> range:
        """The seconds that it touches, whole."""
        return range(self.start // SECOND * SECOND, self.end // SECOND * SECOND + SECOND, SECOND)


def gaps_of(trades: Iterable[Trade]) -> dict[str, list[Gap]]:
    """The gaps of each symbol. One before a late trade, which is in no bar, is one before the next trade in time."""
    out: dict[str, list[Gap]] = {}
    newest: dict[str, int] = {}
    open_gap: dict[str, bool] = {}
    for trade in trades:
        lacking = open_gap[trade.symbol] = open_gap.get(trade.symbol, False) or trade.gap
        if trade.late:
            continue
        if lacking:
            known = max(newest[trade.symbol], trade.proven) if trade.symbol in newest else trade.time
            out.setdefault(trade.symbol, []).append(Gap(*sorted((known, trade.time))))
        open_gap[trade.symbol] = False
        newest[trade.symbol] = max(newest.get(trade.symbol, 0), trade.time)
    return out


def bars_until(
    trades: Iterable[Trade], watermark: int, length: int, fill_limit: int, gap_limit: int = 5 * SECOND
) -> list[Bar]:
    """All bars of one interval that a watermark closes, by symbol and time."""
    trades = list(trades)
    gaps = gaps_of(trades)
    seconds: dict[str, dict[int, _Second]] = {}
    late: dict[str, int] = {}
    for trade in trades:
        if trade.late:
            late[trade.symbol] = late.get(trade.symbol, 0) + 1
            continue
        of = seconds.setdefault(trade.symbol, {}).setdefault(trade.time // SECOND * SECOND, _Second())
        of.trades.append(trade)
        of.late += late.pop(trade.symbol, 0)
    out: list[Bar] = []
    for symbol in sorted(seconds):
        touched = {second for gap in gaps.get(symbol, []) for second in gap.seconds}
        holes = {s for gap in gaps.get(symbol, []) if gap.end - gap.start > gap_limit for s in gap.seconds}
        base = _filled(symbol, seconds[symbol], watermark, fill_limit, holes)
        groups: dict[int, list[Bar]] = {}
        for bar in base:
            groups.setdefault(bar.open_time // length * length, []).append(bar)
        # A longer bar is closed when the watermark has passed its end.
        for open_time, group in groups.items():
            if open_time + length <= watermark:
                lacking = not touched.isdisjoint(range(open_time, open_time + length, SECOND))
                out.append(replace(_folded(open_time, group), gap=lacking))
    return out


def _filled(
    symbol: str, seconds: dict[int, _Second], watermark: int, fill_limit: int, holes: Container[int]
) -> list[Bar]:
    """One-second bars with the silent ones between them, each with the close before it."""
    bars: list[Bar] = []
    for open_time in range(min(seconds), watermark // SECOND * SECOND, SECOND):
        if open_time in seconds:
            bars.append(_second(symbol, open_time, seconds[open_time], bars[-1] if bars else None))
        elif open_time <= bars[-1].last_trade_time + fill_limit and open_time not in holes:
            before = bars[-1]
            p, known = before.close, before.taker_buy_volume is not None
            none = Fraction(0) if known else None
            bars.append(
                Bar(
                    symbol,
                    open_time,
                    p,
                    p,
                    p,
                    p,
                    before.last_trade_time,
                    taker_buy_volume=none,
                    taker_buy_quote_volume=none,
                )
            )
    return bars


def _second(symbol: str, open_time: int, second: _Second, before: Bar | None) -> Bar:
    trades = second.trades
    with_ids = trades[0].first_id is not None
    first = min(trades, key=lambda t: t.first_id) if with_ids else trades[0]  # type: ignore[arg-type,return-value]
    last = max(trades, key=lambda t: t.last_id) if with_ids else trades[-1]  # type: ignore[arg-type,return-value]
    known = all(t.side for t in trades)
    buys = [t for t in trades if t.side > 0]
    newest = max(t.time for t in trades)
    return Bar(
        symbol, open_time, first.price, max(t.price for t in trades), min(t.price for t in trades), last.price,
        max(newest, before.last_trade_time) if before else newest,
        sum((t.size for t in trades), Fraction(0)), sum((t.price * t.size for t in trades), Fraction(0)),
        sum(t.count for t in trades), sum((t.size for t in buys), Fraction(0)) if known else None,
        sum((t.price * t.size for t in buys), Fraction(0)) if known else None,
        first.first_id, last.last_id, second.late,
    )  # fmt: skip


def _folded(open_time: int, group: list[Bar]) -> Bar:
    traded = [bar for bar in group if bar.trade_count]
    late = sum(bar.late_count for bar in group)
    if not traded:
        return replace(group[0], open_time=open_time, late_count=late)
    known = all(bar.taker_buy_volume is not None for bar in traded)
    return Bar(
        group[0].symbol, open_time, traded[0].open, max(b.high for b in traded), min(b.low for b in traded),
        traded[-1].close, traded[-1].last_trade_time,
        sum((b.volume for b in traded), Fraction(0)), sum((b.quote_volume for b in traded), Fraction(0)),
        sum(b.trade_count for b in traded),
        sum((b.taker_buy_volume for b in traded), Fraction(0)) if known else None,  # type: ignore[misc]
        sum((b.taker_buy_quote_volume for b in traded), Fraction(0)) if known else None,  # type: ignore[misc]
        traded[0].first_trade_id, traded[-1].last_trade_id, late,
    )  # fmt: skip


def bars_of(frame: Bars) -> list[Bar]:
    """The rows of a frame as exact bars."""
    out = []
    for i in range(len(frame)):
        of = frame.instruments[frame.symbol[i]]

        def exact(values: object, decimals: int, i: int = i) -> Fraction | None:
            value = int(values[i])  # type: ignore[index]
            return None if value == UNKNOWN else Fraction(value, 10**decimals)

        def whole(values: object, i: int = i) -> int | None:
            value = int(values[i])  # type: ignore[index]
            return None if value == UNKNOWN else value

        p, s, q = of.price_decimals, of.size_decimals, of.quote_decimals
        out.append(
            Bar(
                of.symbol, int(frame.open_time[i]), exact(frame.open, p), exact(frame.high, p), exact(frame.low, p),  # type: ignore[arg-type]
                exact(frame.close, p), int(frame.last_trade_time[i]), exact(frame.volume, s),  # type: ignore[arg-type]
                exact(frame.quote_volume, q), int(frame.trade_count[i]), exact(frame.taker_buy_volume, s),  # type: ignore[arg-type]
                exact(frame.taker_buy_quote_volume, q), whole(frame.first_trade_id), whole(frame.last_trade_id),
                int(frame.late_count[i]), bool(frame.gap[i]),
            )
        )  # fmt: skip
    return out
