"""What goes wrong and when: a pure function of the seed."""

import random
from dataclasses import dataclass, field

SYMBOLS = ("ETHUSDT", "BTCUSDT")
PROCESSES = ("flow", "questdb", "exchange", "page", "supervisor")
WARM_UP_S = 30.0
"""Exchange seconds before the first fault: the flow is up and has a snapshot."""
CALM_S = 60.0
"""Exchange seconds without new faults at the end."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something the exchange is told to do, `at_s` exchange seconds after the run began."""

    at_s: float
    kind: str
    parameters: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.kind, *(f"{name}={value}" for name, value in self.parameters.items())])


@dataclass(frozen=True, slots=True)
class Kill:
    """Processes that are killed with SIGKILL at once."""

    at_s: float
    processes: tuple[str, ...]

    def __str__(self) -> str:
        return "kill -9 " + " ".join(self.processes)


Action = Fault | Kill


def schedule(seed: int, length_s: float, kills: int, faults: int) -> list[Action]:
    """Actions in the order of their times.

    Every process is killed at least once where there are enough kills; the flow and the database most often, now and then together.

    Args:
        length_s: of the run, in exchange seconds.
    """
    draw = random.Random(seed)
    begin, end = WARM_UP_S, length_s - CALM_S
    actions: list[Action] = [_fault(draw, draw.uniform(begin, end), k) for k in range(faults)]
    wanted = [("flow",), ("questdb",), ("flow", "questdb"), ("exchange",), ("supervisor",), ("page", "flow")]
    draw.shuffle(wanted)
    victims = [*wanted[:kills], *(draw.choice(wanted) for _ in range(kills - len(wanted)))]
    # One in each stretch of time: two kills close together would be one.
    stretch = (end - begin) / max(kills, 1)
    actions += [Kill(begin + stretch * (k + draw.uniform(0.1, 0.9)), names) for k, names in enumerate(victims)]
    return sorted(actions, key=lambda action: action.at_s)


def _fault(draw: random.Random, at_s: float, number: int) -> Fault:
    """The kinds in turn, each with random numbers."""
    stream = f"{draw.choice(SYMBOLS).lower()}@aggTrade"
    seconds = f"{draw.uniform(5.0, 40.0):.1f}"
    seed = str(draw.randrange(1 << 30))
    kinds: list[tuple[str, dict[str, str]]] = [
        ("drop", {}),
        ("stall", {"stream": stream, "for_s": seconds}),
        ("silent", {"stream": stream, "for_s": seconds}),
        ("duplicate", {"stream": stream, "share": "0.3", "seed": seed, "for_s": seconds}),
        ("reorder", {"stream": stream, "within": "5", "seed": seed, "for_s": seconds}),
        ("skip", {"symbol": draw.choice(SYMBOLS), "count": str(draw.randrange(1, 50))}),
        ("malformed", {"stream": stream, "share": "0.05", "seed": seed, "for_s": seconds}),
        ("half_open", {"for_s": seconds}),
        ("refuse", {"for_s": seconds}),
        (
            "rest",
            {"status": draw.choice(["429", "500", "html", "timeout", "403"]), "for_s": seconds, "retry_after": "5"},
        ),
        ("huge", {"stream": stream, "bytes": "2000000"}),
        ("clock", {"offset_ms": str(draw.choice([-1500, 1500, 4000])), "for_s": seconds}),
    ]
    kind, parameters = kinds[number % len(kinds)]
    return Fault(at_s, kind, parameters)
