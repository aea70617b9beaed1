"""What the simulated exchange says: frames and REST answers in Binance's format, written apart from the parser that reads them."""

from collections.abc import Iterator

import orjson

from flows.simulator.listing import Listing, decimal
from flows.simulator.market import Trades

ONBOARD_MS = 1_569_398_400_000
WEIGHT_PER_MINUTE = 2_400


def aggregate_frames(trades: Trades, listings: tuple[Listing, ...]) -> Iterator[tuple[str, str]]:
    """Stream name and message of each aggregate trade."""
    columns = (trades.symbol, trades.event_ms, trades.aggregate_id, trades.price, trades.size, trades.first_id, trades.last_id,
               trades.time_ms, trades.maker)  # fmt: skip
    for k, event, identity, price, size, first, last, time, maker in zip(*(c.tolist() for c in columns), strict=True):
        listed = listings[k]
        p, q = decimal(price, listed.price_decimals), decimal(size, listed.size_decimals)
        yield (
            f"{listed.symbol.lower()}@aggTrade",
            f'{{"e":"aggTrade","E":{event},"s":"{listed.symbol}","a":{identity},"p":"{p}","q":"{q}","nq":"{q}",'
            f'"f":{first},"l":{last},"T":{time},"m":{"true" if maker else "false"},"st":1}}',
        )


def single_frames(trades: Trades, listings: tuple[Listing, ...]) -> Iterator[tuple[str, str]]:
    """Stream name and message of each single trade inside the aggregates."""
    columns = (
        trades.symbol,
        trades.event_ms,
        trades.price,
        trades.first_id,
        trades.last_id,
        trades.time_ms,
        trades.maker,
    )
    fills = iter(trades.fills.tolist())
    for k, event, price, first, last, time, maker in zip(*(c.tolist() for c in columns), strict=True):
        listed = listings[k]
        p = decimal(price, listed.price_decimals)
        for identity in range(first, last + 1):
            q = decimal(next(fills), listed.size_decimals)
            yield (
                f"{listed.symbol.lower()}@trade",
                f'{{"e":"trade","E":{event},"T":{time},"s":"{listed.symbol}","t":{identity},"p":"{p}","q":"{q}",'
                f'"X":"MARKET","m":{"true" if maker else "false"},"st":1}}',
            )


def exchange_info(listings: tuple[Listing, ...], now_ms: int) -> bytes:
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
