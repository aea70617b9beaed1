"""What the tables of ticks must hold, slowly and from the definitions: recorded files as plain rows, sums as fractions, every overlapping
pair of increments by itself, every window summed anew. Shares no code with `flows`."""

import gzip
import json
import math
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import mean, variance

S = 1_000_000
FILL_LIMIT = 900 * S

Tick = tuple[int, float]
"""Microseconds and log price."""


def recorded_legs(path: Path) -> dict[str, list[Tick]]:
    """Of each symbol its trades in time order; of those of one time the one with the highest id."""
    newest: dict[str, dict[int, tuple[int, float]]] = defaultdict(dict)
    for symbol, time, identity, price in _rows(path):
        if identity >= newest[symbol].get(time, (-1, 0.0))[0]:
            newest[symbol][time] = (identity, math.log(price))
    return {symbol: [(time, of[time][1]) for time in sorted(of)] for symbol, of in newest.items()}


def _rows(path: Path) -> Iterator[tuple[str, int, int, float]]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for number, line in enumerate(lines):
            row = json.loads(line)
            if "msg" in row:
                data = row["msg"]["data"]
                if data["X"] == "MARKET" and float(data["p"]) > 0 and float(data["q"]) > 0:
                    yield data["s"], data["T"] * 1_000, data["t"], float(data["p"])
            elif row["price"] and row["size"]:
                time = datetime.fromisoformat(row["ts"])
                yield row["symbol"], round(time.timestamp() * 1_000) * 1_000, number, float(row["price"])


@dataclass(frozen=True, slots=True)
class Second:
    """What one second holds of both legs, exactly, and whether it is a function of what came since the legs began."""

    cov: Fraction
    y: Fraction
    x: Fraction
    y_ticks: int
    x_ticks: int
    whole: bool


def _runs(leg: list[Tick]) -> list[list[Tick]]:
    """Cut where the leg was silent for so long that it had no second any more."""
    runs: list[list[Tick]] = [[]]
    for tick in leg:
        if runs[-1] and tick[0] // S > (runs[-1][-1][0] + FILL_LIMIT) // S + 1:
            runs.append([])
        runs[-1].append(tick)
    return runs


def seconds_of(y: list[Tick], x: list[Tick]) -> dict[int, Second]:
    """The seconds that both legs have, by index."""
    runs_of = [_runs(leg) for leg in (y, x)]
    has = [
        {second for run in runs for second in range(run[0][0] // S, (run[-1][0] + FILL_LIMIT) // S + 1)}
        for runs in runs_of
    ]
    sums: list[dict[int, Fraction]] = [defaultdict(Fraction) for _ in range(3)]
    increments = [[(a, b) for run in runs for a, b in pairwise(run)] for runs in runs_of]
    for end, product in _products(*increments, 0):
        sums[0][end // S] += product
    for own, leg in zip(sums[1:], increments, strict=True):
        for (_, p), (end, q) in leg:
            own[end // S] += (Fraction(q) - Fraction(p)) ** 2
    counts = [defaultdict(int), defaultdict(int)]
    for count, leg in zip(counts, (y, x), strict=True):
        for time, _ in leg:
            count[time // S] += 1
    joined = sorted(has[0] & has[1])
    whole = _whole(set(joined), runs_of, (y, x))
    return {s: Second(sums[0][s], sums[1][s], sums[2][s], counts[0][s], counts[1][s], s in whole) for s in joined}


def _whole(joined: set[int], runs_of: list[list[list[Tick]]], legs: tuple[list[Tick], list[Tick]]) -> set[int]:
    begins = [[run[0][0] for run in runs] for runs in runs_of]
    anew = {begin // S for of in begins for begin in of}
    found = set()
    state = [(-1, -1), (-1, -1)]  # of each leg: when it began, when it last traded
    events = sorted((time, k) for k, leg in enumerate(legs) for time, _ in leg)
    at = 0
    for s in sorted(joined):
        while at < len(events) and events[at][0] < s * S:
            time, k = events[at]
            state[k] = (time if time in begins[k] else state[k][0], time)
            at += 1
        settled = state[0][1] >= state[1][0] and state[1][1] >= state[0][0]
        if s - 1 in joined and s not in anew and settled:
            found.add(s)
    return found


def _products(y: list[tuple[Tick, Tick]], x: list[tuple[Tick, Tick]], lag: int) -> Iterator[tuple[int, Fraction]]:
    """Every product of increments that have a moment in common, x's times shifted, with the later of their ends."""
    first = 0
    for (a, p), (b, q) in y:
        while first < len(x) and x[first][1][0] + lag <= a:
            first += 1
        k = first
        while k < len(x) and x[k][0][0] + lag < b:
            (_, r), (d, t) = x[k]
            yield max(b, d + lag), (Fraction(q) - Fraction(p)) * (Fraction(t) - Fraction(r))
            k += 1


@dataclass(frozen=True, slots=True)
class Window:
    """One row of a table; None where not known."""

    n: int
    cov: float | None = None
    y: float | None = None
    x: float | None = None
    y_ticks: int = 0
    x_ticks: int = 0


def windows_of(seconds: dict[int, Second], length: int, window: int) -> dict[int, Window]:
    """Of each bar of `length` seconds, by its index."""
    found: dict[int, Window] = {}
    n = 0
    for bar in sorted({s // length for s in seconds}):
        inside = [seconds.get(s) for s in range(bar * length, (bar + 1) * length)]
        n = n + 1 if all(s is not None and s.whole for s in inside) else 0
        if n < window:
            found[bar] = Window(n)
            continue
        of = [seconds[s] for s in range((bar - window + 1) * length, (bar + 1) * length)]
        sums = [float(sum(getattr(s, name) for s in of)) for name in ("cov", "y", "x")]
        found[bar] = Window(window, *sums, sum(s.y_ticks for s in of), sum(s.x_ticks for s in of))
    return found


@dataclass(frozen=True, slots=True)
class Lead:
    """One look; all None without a lead. An end of the interval is None where no shift of the grid bounds it."""

    y_ticks: int
    x_ticks: int
    window_ms: int
    reason: str | None
    lead_ms: float | None = None
    low_ms: float | None = None
    high_ms: float | None = None
    correlation: float | None = None
    at_zero: float | None = None
    leader: str | None = None


_GRID_MS = [(10, 0, 100), (100, 200, 1_000), (500, 1_500, 5_000)]
_STEP_OF = {sign * lag: step for step, low, high in _GRID_MS for lag in range(low, high + 1, step) for sign in (-1, 1)}


def looks_of(
    pair: str, legs: tuple[list[Tick], list[Tick]], seconds: dict[int, Second], every_s: int, window_s: int
) -> dict[int, Lead]:
    """Of every second whose turn it is, by its end in seconds."""
    turn = zlib.crc32(pair.encode())
    found: dict[int, Lead] = {}
    begin = 0
    for s in sorted(seconds):
        if not seconds[s].whole:
            begin = s + 1
        if (s + turn) % every_s == 0:
            start, end = max(begin, s + 1 - window_s) * S, (s + 1) * S
            y, x = ([tick for tick in _thinned(leg, 10) if start <= tick[0] < end] for leg in legs)
            found[s + 1] = _look(y, x, start, end)
    return found


def _thinned(leg: list[Tick], step_ms: int) -> list[Tick]:
    return list({time // (step_ms * 1_000): (time, price) for time, price in leg}.values())


def _look(y: list[Tick], x: list[Tick], start: int, end: int) -> Lead:
    sizes = len(y), len(x), (end - start) // 1_000
    if min(len(y), len(x)) < 60:
        return Lead(*sizes, "too_few_ticks")
    lags = sorted(_STEP_OF)
    parts = {lag: _stretches(y, x, lag, start, end) for lag in lags}
    curve = {lag: math.fsum(parts[lag]) for lag in lags}
    peak = max(lags, key=lambda lag: (abs(curve[lag]), -abs(lag)))
    sign = math.copysign(1, curve[peak])
    if _t(parts[peak], [0.0] * 20, sign) < 4.0:
        return Lead(*sizes, "no_correlation")
    told = [lag for lag in lags if _t(parts[peak], parts[lag], sign) > 2.861]
    low = _end_ms(lags, max((lag for lag in told if lag < peak), default=None), 1)
    high = _end_ms(lags, min((lag for lag in told if lag > peak), default=None), -1)
    leader = "x" if low is not None and low > 0 else "y" if high is not None and high < 0 else None
    return Lead(*sizes, None, float(peak), low, high, curve[peak], curve[0], leader)


def _stretches(y: list[Tick], x: list[Tick], lag: int, start: int, end: int) -> list[float]:
    ys, xs = (_thinned(leg, _STEP_OF[lag]) for leg in (y, x))
    of_y, of_x = (list(pairwise(leg)) for leg in (ys, xs))
    scale = math.sqrt(
        math.fsum((q - p) ** 2 for (_, p), (_, q) in of_y) * math.fsum((q - p) ** 2 for (_, p), (_, q) in of_x)
    )
    parts: list[list[float]] = [[] for _ in range(20)]
    first = 0
    for (c, r), (d, t) in of_x:
        while first < len(of_y) and of_y[first][1][0] <= c + lag * 1_000:
            first += 1
        k = first
        while k < len(of_y) and of_y[k][0][0] < d + lag * 1_000:
            parts[min((d - start) * 20 // (end - start), 19)].append((t - r) * (of_y[k][1][1] - of_y[k][0][1]))
            k += 1
    return [math.fsum(part) / scale for part in parts]


def _t(upper: list[float], lower: list[float], sign: float) -> float:
    d = [sign * (a - b) for a, b in zip(upper, lower, strict=True)]
    return mean(d) / math.sqrt(variance(d) / len(d)) if any(d) else 0.0


def _end_ms(lags: list[int], told: int | None, inward: int) -> float | None:
    """Half a step inside the first shift that can be told from the peak; that shift itself where the grid is finer there."""
    if told is None:
        return None
    inside = lags[lags.index(told) + inward]
    return float(told) if _STEP_OF[told] < _STEP_OF[inside] else (told + inside) / 2
