"""What the simulated exchange lists: prices to start from, tick and lot sizes."""

import math
import re
import zlib
from collections.abc import Container, Iterator
from dataclasses import dataclass

_QUOTES = ("USDT", "USDC", "BUSD")


@dataclass(frozen=True, slots=True)
class Listing:
    """A perpetual contract.

    Attributes:
        price: where the market starts.
        price_decimals, size_decimals: as printed. tick: smallest price step in units of the last printed decimal; the lot step is 1.
        share: of all trades, before it is made to add up to 1.
    """

    symbol: str
    price: float
    price_decimals: int
    tick: int
    size_decimals: int
    share: float

    @property
    def quote_asset(self) -> str:
        """What prices are stated in."""
        return next((quote for quote in _QUOTES if self.symbol.endswith(quote)), "USDT")

    @property
    def base_asset(self) -> str:
        """What is traded."""
        return self.symbol.removesuffix(self.quote_asset) or self.symbol

    @property
    def tick_size(self) -> str:
        """As `exchangeInfo` prints it."""
        return decimal(self.tick, self.price_decimals)

    @property
    def step_size(self) -> str:
        """As `exchangeInfo` prints it."""
        return decimal(1, self.size_decimals)


_KNOWN = {
    "BTCUSDT": Listing("BTCUSDT", 60_000.0, price_decimals=2, tick=10, size_decimals=3, share=0.45),
    "ETHUSDT": Listing("ETHUSDT", 3_000.0, price_decimals=2, tick=1, size_decimals=3, share=0.55),
}


_SYNTHETIC = re.compile(r"SYM(\d{3})USDT")


def synthetic(count: int, taken: Container[str]) -> Iterator[str]:
    """Names of `count` made-up contracts, SYM001USDT and so on, but for those `taken`."""
    number = 0
    for _ in range(count):
        number += 1
        while (name := f"SYM{number:03d}USDT") in taken:
            number += 1
        yield name


def listing(symbol: str) -> Listing:
    """The contract of that name. One that is not known by heart gets a price between 0.1 and 1,000 that depends on its name alone."""
    if symbol in _KNOWN:
        return _KNOWN[symbol]
    price = 10.0 ** (zlib.crc32(symbol.encode()) % 4_000 / 1_000 - 1.0)
    magnitude = math.floor(math.log10(price))
    made_up = _SYNTHETIC.fullmatch(symbol)
    # Many made-up ones are traded unequally, as on a real exchange.
    share = 0.3 * max(int(made_up[1]), 1) ** -0.5 if made_up else 0.2
    # Five digits of price, and a lot worth between one and ten units of the quote.
    return Listing(symbol, price, price_decimals=4 - magnitude, tick=1, size_decimals=max(0, magnitude), share=share)


def decimal(scaled: int, decimals: int) -> str:
    """A scaled integer as the decimal text that the exchange prints.

    >>> decimal(342498, 2), decimal(7, 3), decimal(12, 0)
    ('3424.98', '0.007', '12')
    """
    if decimals == 0:
        return str(scaled)
    whole, part = divmod(scaled, 10**decimals)
    return f"{whole}.{part:0{decimals}d}"
