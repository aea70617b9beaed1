"""An instrument and the scale of its integers."""

from dataclasses import dataclass

MAX_DECIMALS = 15


@dataclass(frozen=True, slots=True)
class Instrument:
    """A symbol with the number of decimals its scaled integers carry.

    A price of 3424.98 with `price_decimals = 2` is the integer 342498. A scale only ever grows: an input with more decimals than the
    instrument has makes a finer `Instrument`, and integers of the coarser one are multiplied up, so no digit is lost.
    """

    symbol: str
    price_decimals: int = 0
    size_decimals: int = 0

    @property
    def quote_decimals(self) -> int:
        """Decimals of price · size."""
        return self.price_decimals + self.size_decimals


def symbol_problem(symbol: str) -> str | None:
    """Why `symbol` cannot be a symbol, or None. Binance lists symbols outside ASCII, so only what breaks keys and paths is refused."""
    if not symbol:
        return "empty symbol"
    if len(symbol) > 32:
        return "symbol longer than 32 characters"
    if symbol != symbol.upper():
        return "symbol not in upper case"
    if any(not (c.isalnum() or c in "_-.") for c in symbol):
        return "symbol with a character that is neither letter, digit nor one of _ - ."
    return None
