"""Answers of `GET /fapi/v1/aggTrades`: a JSON array of rows in the order of their ids, or something else that is not believed."""

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from flows.sources.binance.columns import ID, RECEIVED, SYMBOL, TIME, WIDTH
from flows.sources.binance.messages import Malformed, found, read_served
from flows.sources.binance.records import Fill


def answer_rows(body: bytes) -> list[Any]:
    """The array of an answer, its rows unread.

    Raises:
        Malformed: it is none: an error object, a proxy's page, a cut body.
    """
    try:
        rows = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        start = body[:60].decode("utf-8", "replace")
        raise Malformed(f"expected a JSON array of trades, found {found(start)}: {error}") from None
    if not isinstance(rows, list):
        raise Malformed(f"expected an array of trades, found {found(rows)}")
    return rows


def newest_trade(body: bytes) -> int | None:
    """Id of the newest single trade in an answer of `GET /fapi/v1/trades?limit=1`; None where it has none.

    Raises:
        Malformed: it is no such answer.
    """
    rows = answer_rows(body)
    if len(rows) > 1:
        raise Malformed(f"expected at most 1 row, found {len(rows):,}")
    if not rows:
        return None
    identity = rows[0].get("id") if isinstance(rows[0], dict) else None
    if isinstance(identity, bool) or not isinstance(identity, int) or identity < 0:
        raise Malformed(f'"id": expected a whole number, found {found(identity)}')
    return identity


def read_answer(fill: Fill, symbol: int, latest_us: int) -> NDArray[np.int64]:
    """The trades of an answer as rows of `flows.sources.binance.columns`.

    Args:
        symbol: index for the rows. latest_us: no trade can be later than this.

    Raises:
        Malformed: any part of it is not what was asked for, so none of it is believed: the sentence names the first such row.
    """
    served = answer_rows(fill.body)
    rows = np.zeros((len(served), WIDTH), np.int64)
    if len(served) > fill.limit:
        raise Malformed(f"expected at most {fill.limit:,} rows, found {len(served):,}")
    before = fill.from_id - 1
    for number, (data, out) in enumerate(zip(served, rows, strict=True), 1):
        try:
            _read_row(data, out, fill.symbol, before, latest_us)
        except Malformed as error:
            raise Malformed(f"row {number:,}: {error}") from None
        before = int(out[ID])
    rows[:, SYMBOL], rows[:, RECEIVED] = symbol, fill.received_us
    return rows


def _read_row(data: Any, out: NDArray[np.int64], symbol: str, before: int, latest_us: int) -> None:
    read_served(data, out)
    if data.get("s", symbol) != symbol:
        raise Malformed(f'"s": expected {symbol}, found {found(data["s"])}')
    if out[ID] <= before:
        raise Malformed(f'"a": expected at least {before + 1}, as ids rise, found {out[ID]}')
    if out[TIME] * 1000 > latest_us:
        raise Malformed(
            f'"T": {out[TIME]} is too far ahead of the time of the answer; is the clock of this machine right?'
        )
