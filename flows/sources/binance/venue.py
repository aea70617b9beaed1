"""The exchange before the first message: is it there, does it list the symbols, does the address serve the stream asked for."""

import difflib
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flows.domain.instrument import Instrument
from flows.errors import FeedError
from flows.sources import stop
from flows.sources.binance.budget import MEANINGS
from flows.sources.binance.reach import on_this_machine, unreachable
from flows.sources.rows import MAX_DECIMALS

ROUTES = {"aggTrade": "market", "trade": "public"}
"""The route that serves each stream."""
MOST_STREAMS = 1_024
"""Streams of one connection that the exchange takes."""
_RETRY_PAUSE_S = 0.1
_PASSING = (403, 418, 429)
_SPOT_HOSTS = ("stream.binance.com", "api.binance.com", "data-stream.binance.vision")


@dataclass(frozen=True, slots=True)
class Venue:
    """What the exchange says of itself.

    Attributes:
        instruments: the symbols asked for, in that order, at the scale of their tick and step sizes.
        lead_us: receive clock − exchange clock. measured_us: when that was measured, receive clock.
    """

    instruments: tuple[Instrument, ...]
    lead_us: int
    measured_us: int


def stream_address(stream_url: str, route: str, stream: str, symbols: Sequence[str]) -> str:
    """The combined-stream address of `symbols`.

    Raises:
        FeedError: an address that is known to bring no data: a retired or wrong route, the spot market, too many streams.
    """
    url = urllib.parse.urlsplit(stream_url)
    if url.scheme not in ("ws", "wss") or not url.hostname:
        raise FeedError(f'binance.stream_url: expected ws://host or wss://host, found "{stream_url}"')
    if url.hostname in _SPOT_HOSTS:
        raise FeedError(
            f"binance.stream_url: {url.hostname} is the spot market, which has other prices and ids than futures"
        )
    if url.path.strip("/"):
        raise FeedError(
            f'binance.stream_url: expected a host without a path, found "{stream_url}"; the routes /ws and /stream were retired, '
            "and /market or /public is the setting binance.route"
        )
    if ROUTES[stream] != route:
        raise FeedError(
            f'binance.route: stream {stream} is served by "{ROUTES[stream]}"; "{route}" would acknowledge it and stay silent'
        )
    if not 0 < len(symbols) <= MOST_STREAMS:
        raise FeedError(f"expected 1 to {MOST_STREAMS:,} symbols on one connection, found {len(symbols):,}")
    streams = "/".join(urllib.parse.quote(stream_name(symbol, stream), safe="@") for symbol in symbols)
    return f"{stream_url.rstrip('/')}/{route}/stream?streams={streams}"


def stream_name(symbol: str, stream: str) -> str:
    """As in addresses and messages: lower case.

    >>> stream_name("BTCUSDT", "aggTrade")
    'btcusdt@aggTrade'
    """
    return f"{symbol.lower()}@{stream}"


def survey(rest_url: str, symbols: Sequence[str], timeout_s: float, clock_us: Callable[[], int]) -> Venue:
    """Ask the exchange for its presence, its clock and its list. One that is just starting is waited for, up to the time-out.

    Args:
        clock_us: the receive clock.

    Raises:
        FeedError: it cannot be reached, refuses us, or does not list a symbol.
    """
    host = urllib.parse.urlsplit(rest_url).hostname
    if host in _SPOT_HOSTS:
        raise FeedError(f"binance.rest_url: {host} is the spot market, which has other prices and ids than futures")
    ask = _Asker(rest_url.rstrip("/"), timeout_s)
    ask("/fapi/v1/ping")
    before = clock_us()
    served = ask("/fapi/v1/time").get("serverTime")
    after = clock_us()
    if not isinstance(served, int):
        raise FeedError(f"{rest_url}/fapi/v1/time: expected serverTime, found {served!r}")
    listed = ask("/fapi/v1/exchangeInfo").get("symbols")
    try:
        table = {entry["symbol"]: entry for entry in listed or ()}
    except (TypeError, KeyError):
        raise FeedError(f"{rest_url}/fapi/v1/exchangeInfo: expected a list of symbols") from None
    middle = (before + after) // 2
    return Venue(tuple(_instrument(symbol, table) for symbol in symbols), middle - served * 1000, middle)


class _Asker:
    """GET of one host with a deadline for all requests together."""

    def __init__(self, base: str, timeout_s: float) -> None:
        self._base, self._deadline = base, time.monotonic() + timeout_s
        proxies = urllib.request.ProxyHandler({} if on_this_machine(base) else None)
        self._opener = urllib.request.build_opener(proxies)

    def __call__(self, path: str) -> dict[str, Any]:
        url = self._base + path
        while True:
            left = self._deadline - time.monotonic()
            try:
                with self._opener.open(url, timeout=max(left, 0.1)) as answer:
                    body = answer.read()
                break
            except urllib.error.HTTPError as error:
                meaning = MEANINGS.get(error.code, "expected 200")
                meaning += "; wait before the next try" if error.code in _PASSING else ""
                raise FeedError(f"{url}: the exchange answered {error.code}: {meaning}") from None
            except (OSError, ValueError, http.client.HTTPException) as error:
                reason = getattr(error, "reason", error)
                reason = reason if isinstance(reason, BaseException) else error
                if not isinstance(reason, ConnectionError) or left <= 0 or stop.requested():
                    raise FeedError(f"{url}: cannot be reached: {unreachable(reason)}") from None
            time.sleep(_RETRY_PAUSE_S)
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            start = body[:60].decode("utf-8", "replace")
            raise FeedError(f'{url}: expected a JSON object, found "{start}"; is there a proxy between?')
        return found


def _instrument(symbol: str, table: dict[str, Any]) -> Instrument:
    entry = table.get(symbol)
    if entry is None:
        near = difflib.get_close_matches(symbol, table, n=3, cutoff=0.6)
        hint = f"; near it: {', '.join(near)}" if near else ""
        raise FeedError(f'market.pairs: the exchange does not list "{symbol}"{hint}')
    if entry.get("status") != "TRADING":
        raise FeedError(f"market.pairs: {symbol} is listed, but its status is {entry.get('status')} instead of TRADING")
    try:
        filters = {each["filterType"]: each for each in entry["filters"]}
        price = _decimals(filters["PRICE_FILTER"]["tickSize"])
        size = _decimals(filters["LOT_SIZE"]["stepSize"])
    except (KeyError, TypeError, AttributeError):
        raise FeedError(f"exchangeInfo of {symbol}: expected PRICE_FILTER.tickSize and LOT_SIZE.stepSize") from None
    return Instrument(symbol, price, size)


def _decimals(step: str) -> int:
    """Decimals as printed: of "0.10" two, as prices come with two."""
    return min(len(step.partition(".")[2]), MAX_DECIMALS)
