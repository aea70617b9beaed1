"""What the columns of a CSV file of candles are, told by its first line."""

import re
from dataclasses import dataclass

from flows.domain.instrument import symbol_problem
from flows.errors import InputError

ROLES = (
    "symbol", "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "trade_count",
    "taker_buy_volume", "taker_buy_quote_volume",
)  # fmt: skip
_WANTED = ("open_time", "open", "high", "low", "close", "volume")
# Header names in the wild, in lower case.
_NAMES = {
    "symbol": ("symbol", "ticker", "s"),
    "open_time": ("open_time", "open time", "opentime", "time", "timestamp", "date", "datetime", "ts", "t"),
    "open": ("open", "o"), "high": ("high", "h"), "low": ("low", "l"), "close": ("close", "c"),
    "volume": ("volume", "vol", "v", "base_volume"),
    "close_time": ("close_time", "close time", "closetime"),
    "quote_volume": ("quote_volume", "quote_asset_volume", "quote asset volume"),
    "trade_count": ("count", "trades", "trade_count", "number_of_trades", "number of trades"),
    "taker_buy_volume": ("taker_buy_volume", "taker_buy_base_asset_volume", "taker buy base asset volume"),
    "taker_buy_quote_volume": ("taker_buy_quote_volume", "taker_buy_quote_asset_volume", "taker buy quote asset volume"),
}  # fmt: skip
_ROLE_OF = {name: role for role, names in _NAMES.items() for name in names}
_ARCHIVE = (*ROLES[1:], "")
"""The exchange's archives of klines have no header in older files."""
_IN_NAME = re.compile(r"(?<![A-Z0-9])([A-Z0-9]{2,20}(?:USDT|USDC|BUSD|FDUSD|USD|BTC|ETH))(?![A-Z0-9])")


@dataclass(frozen=True, slots=True)
class Dialect:
    """One file's columns.

    Attributes:
        columns: the role of each, '' for what is not needed. symbol: of the whole file, where it has no such column.
    """

    columns: tuple[str, ...]
    delimiter: str
    header: bool
    symbol: str | None


def is_candles(head: str) -> bool:
    """Whether the beginning of a text looks like candles: a header with open, high, low, close, or an archive's row."""
    names, _ = _first(head)
    roles = {_ROLE_OF.get(name.lower(), "") for name in names}
    return {"open", "high", "low", "close"} <= roles or _is_archive(names)


def candle_dialect(file: str, head: str) -> Dialect:
    """The columns of a file.

    Args:
        file: its name, which may tell the symbol: `BTCUSDT-1m-2024-07.csv`.

    Raises:
        InputError: columns that are missing, or named twice, or no symbol.
    """
    names, delimiter = _first(head)
    archive = _is_archive(names)
    columns = _ARCHIVE if archive else tuple(_ROLE_OF.get(name.lower(), "") for name in names)
    for role in _WANTED:
        if role not in columns:
            raise InputError(
                f"{file} line 1: no column for {role}; wanted {', '.join(_WANTED)} and symbol, found {', '.join(names)[:200]}"
            )
    for role in set(columns) - {""}:
        if columns.count(role) > 1:
            twice = [name for name, r in zip(names, columns, strict=True) if r == role]
            raise InputError(f"{file} line 1: columns {' and '.join(twice)} both look like {role}")
    return Dialect(columns, delimiter, not archive, None if "symbol" in columns else symbol_of(file))


def symbol_of(file: str) -> str:
    """The symbol that a file's name holds.

    Raises:
        InputError: it holds none.
    """
    found = _IN_NAME.search(file.upper())
    if found is None or symbol_problem(found[1]):
        raise InputError(
            f"{file} line 1: no column symbol, and the file's name does not tell it: name it like ETHUSDT-1m.csv"
        )
    return found[1]


def _first(head: str) -> tuple[list[str], str]:
    line = next((line for line in head.splitlines() if line.strip()), "")
    delimiter = max(",;\t|", key=line.count)
    return [name.strip().strip('"') for name in line.split(delimiter)], delimiter


def _is_archive(values: list[str]) -> bool:
    return len(values) == len(_ARCHIVE) and all(re.fullmatch(r"[\d.]+", value) for value in values)
