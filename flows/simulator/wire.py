"""What the simulated exchange says: messages and REST answers in Binance's format, written apart from the parser that reads them."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import orjson

from flows.simulator.listing import Listing
from flows.simulator.printing import Template
from flows.simulator.trades import I64, Field, Trades, aggregate_rows

ONBOARD_MS = 1_569_398_400_000
WEIGHT_PER_MINUTE = 2_400

MESSAGES = {
    "aggTrade": '{"e":"aggTrade","E":<event>,"s":"<SYMBOL>","a":<id>,"p":"<price>","q":"<size>","nq":"<size>",'
    '"f":<first>,"l":<last>,"T":<time>,"m":<maker>,"st":1}',
    "trade": '{"e":"trade","E":<event>,"T":<time>,"s":"<SYMBOL>","t":<id>,"p":"<price>","q":"<size>",'
    '"X":"<execution>","m":<maker>,"st":1}',
}
_AGGREGATE = '{"a":<id>,"p":"<price>","q":"<size>","nq":"<size>","f":<first>,"l":<last>,"T":<time>,"m":<maker>},'


def message_template(kind: str, combined: bool, listings: Sequence[Listing]) -> Template:
    """Prints the frames of a stream kind, for a combined connection or a raw one."""
    text = f'{{"stream":"<symbol>@{kind}","data":{MESSAGES[kind]}}}' if combined else MESSAGES[kind]
    return Template(text, listings, framed=True)


class Answers:
    """Prints rows as `GET /fapi/v1/aggTrades` does."""

    def __init__(self, listings: Sequence[Listing]) -> None:
        self._template = Template(_AGGREGATE, listings, framed=False)

    def __call__(self, rows: I64) -> bytes:
        """A JSON array of the rows."""
        return b"[" + self._template(rows)[0][:-1] + b"]"


def single_trades(rows: I64, listing: Listing, limit: int) -> bytes:
    """The newest single trades of rows of aggregates, as `GET /fapi/v1/trades` prints them."""
    told: list[dict[str, object]] = []
    for row in rows.T[::-1].tolist():
        count = row[Field.last] - row[Field.first] + 1
        part, rest = divmod(row[Field.size], count)
        for k in range(count - 1, -1, -1):
            if len(told) == limit:
                break
            size = part + (rest if k == count - 1 else 0)
            told.append(
                {
                    "id": row[Field.first] + k,
                    "price": _decimal(row[Field.price], listing.price_decimals),
                    "qty": _decimal(size, listing.size_decimals),
                    "quoteQty": _decimal(row[Field.price] * size, listing.price_decimals + listing.size_decimals),
                    "time": row[Field.time],
                    "isBuyerMaker": bool(row[Field.maker]),
                }
            )
    return orjson.dumps(told[::-1])


def _decimal(value: int, decimals: int) -> str:
    return f"{Decimal(value).scaleb(-decimals):f}"


def aggregate_frames(trades: Trades, listings: Sequence[Listing]) -> Iterator[tuple[str, str]]:
    """Stream name and message of each aggregate trade."""
    rows = aggregate_rows(trades)
    text, ends = Template(MESSAGES["aggTrade"], listings, framed=False)(rows)
    starts = [0, *ends.tolist()]
    for k, start, end in zip(rows[Field.symbol].tolist(), starts[:-1], starts[1:], strict=True):
        yield f"{listings[k].symbol.lower()}@aggTrade", text[start:end].decode()


def exchange_info(listings: Sequence[Listing], now_ms: int) -> bytes:
    """Answer of `GET /fapi/v1/exchangeInfo`."""
    return orjson.dumps(
        {
            "serverTime": now_ms,
            "rateLimits": [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": WEIGHT_PER_MINUTE}
            ],
            "symbols": [
                {
                    "symbol": listed.symbol,
                    "status": "TRADING",
                    "contractType": "PERPETUAL",
                    "onboardDate": ONBOARD_MS,
                    "baseAsset": listed.base_asset,
                    "quoteAsset": listed.quote_asset,
                    "pricePrecision": listed.price_decimals,
                    "quantityPrecision": listed.size_decimals,
                    "filters": [
                        {"filterType": "PRICE_FILTER", "tickSize": listed.tick_size},
                        {"filterType": "LOT_SIZE", "stepSize": listed.step_size},
                    ],
                }
                for listed in listings
            ],
        }
    )
