"""A pair of symbols, written `Y/X`, and the groups in which pairs are worked on."""

from dataclasses import dataclass

from flows.domain.instrument import symbol_problem


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """`ETHUSDT/BTCUSDT` regresses ETHUSDT (y) on BTCUSDT (x)."""

    y: str
    x: str

    @classmethod
    def parse(cls, text: str) -> "Pair":
        """The pair written as `Y/X`.

        Raises:
            ValueError: not two different symbols with a slash between.

        >>> Pair.parse("ETHUSDT/BTCUSDT").x
        'BTCUSDT'
        """
        y, slash, x = text.partition("/")
        if not slash:
            raise ValueError(f'expected a pair as "Y/X", found "{text}"')
        for symbol in (y, x):
            if problem := symbol_problem(symbol):
                raise ValueError(f'pair "{text}": {problem}')
        if x == y:
            raise ValueError(f'pair "{text}": both legs are {x}')
        return cls(y, x)

    def __str__(self) -> str:
        return f"{self.y}/{self.x}"


GROUP_SIZE = 64
"""Enough pairs that what an item of the dataflow costs does not count, few enough that a cluster has something to share out."""


def groups(pairs: tuple[Pair, ...]) -> tuple[tuple[Pair, ...], ...]:
    """The pairs in the order given, at most `GROUP_SIZE` together.

    >>> [len(group) for group in groups(tuple(Pair(f"Y{i}", "X") for i in range(100)))]
    [64, 36]
    """
    return tuple(pairs[start : start + GROUP_SIZE] for start in range(0, len(pairs), GROUP_SIZE))
