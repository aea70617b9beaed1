"""Verified: what is missing is filled by answers of REST, or given up; what they prove is believed, and nothing else."""

import numpy as np
from numpy.typing import NDArray

from flows.sources.binance import clockwork as step
from flows.sources.binance.book import Book
from flows.sources.binance.columns import ID, RECEIVED, START, SYMBOL, TIME, WIDTH
from flows.sources.binance.fills import newest_trade, read_answer
from flows.sources.binance.judged import REST, Judged, blank
from flows.sources.binance.messages import Malformed
from flows.sources.binance.records import Event, Fill, Lost, Newest

I64 = NDArray[np.int64]
_UNUSED = "the exchange never used these ids: the trade ids go on without a hole"
_NOT_SERVED = "the exchange does not serve them"
_DROPPED = "too many trades wait for missing ones: these will be asked for again"
_NO_ROWS = np.zeros((0, WIDTH), np.int64)


def fill_in(book: Book, fill: Fill, number: int, out: Judged) -> None:
    """Believe an answer if all of it is right: its rows, the holes in it, and the silence that it proves."""
    symbol = book.symbols.index(fill.symbol)
    lead = book.lead_us
    try:
        if symbol is None:
            raise Malformed(f"expected an answer for a subscribed symbol, found {fill.symbol}")
        rows = read_answer(fill, symbol, fill.received_us - (lead or 0) + book.rules.most_ahead_us)
    except Malformed as error:
        _reject(book, number, f"{fill.symbol} from id {fill.from_id}: {error}", fill.body, out)
        return
    rows[:, START] = number
    leg, newest_only = book.legs[symbol], fill.from_id < 0
    last = int(leg[step.LAST_ID])
    begins = int(rows[0, ID]) if newest_only and len(rows) else fill.from_id
    if not book.rules.verified or (last >= 0 and begins > last + 1):
        return  # of the ids between nothing is known
    complete = newest_only or len(rows) < fill.limit
    _filled(book, fill, symbol, rows[rows[:, ID] > last], out)
    if complete and book.holds.table[symbol, step.HELD]:
        _refute(book, fill, symbol, out)  # and proves no silence: the next answer does
    elif complete and lead is not None:
        leg[step.PROVEN] = max(leg[step.PROVEN], fill.asked_us - lead - book.rules.proof_margin_us)


def _reject(book: Book, number: int, reason: str, body: bytes, out: Judged) -> None:
    text = body[:1_000].decode("utf-8", "replace")
    out.reject(REST, number, max(int(book.clock[step.NEWEST]), 0), reason, text)


def believe_newest(book: Book, newest: Newest, number: int, out: Judged) -> None:
    """The newest single trade is the last one of our newest aggregate, or there is none at all: nothing has traded since. Any other one
    proves nothing."""
    symbol = book.symbols.index(newest.symbol)
    try:
        if symbol is None:
            raise Malformed(f"expected an answer for a subscribed symbol, found {newest.symbol}")
        identity = newest_trade(newest.body)
    except Malformed as error:
        _reject(book, number, f"{newest.symbol}, the newest trade: {error}", newest.body, out)
        return
    leg, lead = book.legs[symbol], book.lead_us
    held = book.holds.table[symbol, step.HELD]
    same = identity == leg[step.LAST_TRADE] if leg[step.LAST_ID] >= 0 else identity is None
    if book.rules.verified and lead is not None and not held and same:
        leg[step.PROVEN] = max(leg[step.PROVEN], newest.asked_us - lead - book.rules.proof_margin_us)


def _filled(book: Book, fill: Fill, symbol: int, rows: I64, out: Judged) -> None:
    """Let rows of an answer in, and tell when the last of a gap has come."""
    leg, waited = book.legs[symbol], book.holds.table[symbol, step.HELD] > 0
    leg[step.FILLED] += len(rows)
    if len(rows):
        _let_in(book, fill.received_us, symbol, rows, int(rows[-1, ID]), _NOT_SERVED, out)
    if fill.from_id >= 0 and len(rows):
        leg[step.FILLING_FROM] = leg[step.FILLING_FROM] if leg[step.FILLING] else rows[0, ID]
        leg[step.FILLING] += len(rows)
        leg[step.FILLING_TO] = rows[-1, ID]
    if waited and not book.holds.table[symbol, step.HELD]:
        tell_filled(book, symbol, fill.received_us, out)


def _refute(book: Book, fill: Fill, symbol: int, out: Judged) -> None:
    """Reject waiting rows whose ids the exchange does not know, by an answer that ends before them.

    A row is refuted if it came well before the exchange was asked, and either every row that waits did, or a lower id was traded well
    after it. A stream that goes on behind a jump is not: there REST lags. A refuted row moves no id, so a trade that REST learns of
    later is filled like any other.
    """
    margin, newest = book.rules.proof_margin_us, int(book.legs[symbol, step.LAST_ID])
    rows = book.holds.take(symbol)
    old = rows[:, RECEIVED] <= fill.asked_us - margin
    contradicted = rows[:, TIME] * 1000 + margin < book.legs[symbol, step.LEG_TIME]
    refuted = old & (old.all() | contradicted)
    book.holds.put_back(symbol, rows[~refuted])
    if not refuted.any():
        return
    found, filed = rows[refuted], max(int(book.clock[step.NEWEST]), 0)
    for row in found:
        reason = f"its id is too high: {(fill.asked_us - row[RECEIVED]) / 1e6:.1f} s later the newest that the exchange knew was {newest}"
        out.reject_row(row, filed, reason)
    detail = f"{len(found):,} messages with ids that the exchange does not know are rejected; its newest was {newest:,}"
    first, last = int(found[0, ID]), int(found[-1, ID])
    out.events.append(Event(fill.received_us, "refuted", fill.symbol, detail, first, last, len(found)))
    tell_filled(book, symbol, fill.received_us, out)


def tell_filled(book: Book, symbol: int, now_us: int, out: Judged) -> None:
    """One event about all that REST gave of a leg since its stream fell silent or lacked ids, now that this is over.

    The stream speaks again and nothing waits, or the watchdog found that it has nothing to say. While REST speaks for a dead stream, the
    status tells how much.
    """
    leg = book.legs[symbol]
    if not leg[step.FILLING] or book.holds.table[symbol, step.HELD]:
        return
    first, to, count = leg[[step.FILLING_FROM, step.FILLING_TO, step.FILLING]].tolist()
    detail = f"{count:,} trades that the stream did not bring came from REST"
    out.events.append(Event(now_us, "filled", book.symbols.instruments[symbol].symbol, detail, first, to, count))
    leg[step.FILLING] = 0


def give_up(book: Book, lost: Lost, out: Judged) -> None:
    """Give up ids: what waits among and behind them goes on."""
    symbol = book.symbols.index(lost.symbol)
    if symbol is None or not book.rules.verified or book.legs[symbol, step.LAST_ID] < 0:
        return
    _let_in(book, lost.received_us, symbol, _NO_ROWS, lost.to_id + 1, lost.reason, out)
    leg = book.legs[symbol]
    missing = lost.to_id - int(leg[step.LAST_ID])
    if missing > 0:
        first = int(leg[step.LAST_ID]) + 1
        out.events.append(Event(lost.received_us, "lost", lost.symbol, lost.reason, first, lost.to_id, missing))
        leg[step.LAST_ID], leg[step.GAP_NEXT] = lost.to_id, 1
        leg[step.MISSING] += missing
    tell_filled(book, symbol, lost.received_us, out)


def _let_in(book: Book, now_us: int, symbol: int, rows: I64, limit: int, reason: str, out: Judged) -> None:
    """Apply rows of a symbol, and those waiting whose turn it is, jumping over ids missing before `limit`.

    Args:
        rows: sorted by id; where one waits with the same id, this one counts. reason: why ids are missing.
    """
    hold = book.holds.table[symbol]
    near = max(limit, int(book.legs[symbol, step.LAST_ID]) + 1, int(rows[-1, ID]) + 1 if len(rows) else 0)
    if hold[step.HELD] and hold[step.FIRST_HELD] <= near:
        rows = np.concatenate([rows, book.holds.take(symbol)])
        rows = rows[np.argsort(rows[:, ID], kind="stable")]
    verdicts, filed, gaps = blank(len(rows))
    jumps = np.zeros((len(rows), 3), np.int64)
    used, jumped = step.enter(rows, limit, verdicts, filed, gaps, jumps, book.clock, book.legs)
    book.holds.put_back(symbol, rows[used:])
    out.add(rows[:used], verdicts[:used], gaps[:used])
    out.reject_rows(rows[:used], verdicts[:used], filed[:used])
    name = book.symbols.instruments[symbol].symbol
    for first, to, unused in jumps[:jumped].tolist():
        kind, why = ("skipped", _UNUSED) if unused else ("lost", reason)
        out.events.append(Event(now_us, kind, name, why, first, to, to - first + 1))


def look_after(book: Book, rows: I64, verdicts: NDArray[np.int8], first: int, out: Judged) -> None:
    """Keep the rows that wait, let in those whose turn the last of these rows made it, and hold no more than may wait."""
    waiting = np.flatnonzero(verdicts == step.WAITS)
    if len(waiting):
        kept = rows[waiting]
        kept[:, START] = first + waiting
        book.holds.add(kept)
    last, table = rows[-1], book.holds.table
    symbol, now = int(last[SYMBOL]), int(last[RECEIVED])
    if symbol >= 0 and table[symbol, step.HELD]:
        following = book.legs[symbol, step.LAST_ID] + 1
        if table[symbol, step.FIRST_HELD] <= following:
            _let_in(book, now, symbol, _NO_ROWS, -1, "", out)
    if (verdicts[-1] < step.FIRST_REJECT and verdicts[-1] != step.SKIPPED) or verdicts[-1] == step.TOO_LARGE:
        tell_filled(book, symbol, now, out)
    if book.holds.count > book.rules.hold_limit:
        most = int(np.argmax(table[:, step.HELD]))
        dropped = book.holds.take(most)
        name, ids = book.symbols.instruments[most].symbol, (int(dropped[0, ID]), int(dropped[-1, ID]))
        out.events.append(Event(now, "hold_dropped", name, _DROPPED, *ids, len(dropped)))
