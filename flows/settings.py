"""Settings: strict TOML and environment, read once into frozen dataclasses.

`config/default.toml` holds every key with its unit and reason; a file of yours and then `PAIRS_<SECTION>__<KEY>` variables override
it. Anything unknown or out of range is an error that names file, key, value and the nearest valid key.
"""

import difflib
import os
import tomllib
import typing
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from flows.domain.battery import MOST_LOOKS, BatteryPlan
from flows.domain.interval import Interval
from flows.domain.model import CHOICES, LIMITS, Model, z_window_problem
from flows.domain.pair import Pair
from flows.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Market:
    pairs: tuple[Pair, ...]
    intervals: tuple[Interval, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """The legs of all pairs, each once, in the order in which the pairs name them."""
        return tuple(dict.fromkeys(leg for pair in self.pairs for leg in (pair.y, pair.x)))


@dataclass(frozen=True, slots=True)
class BarSettings:
    fill_limit_s: int
    gap_limit_s: int
    forming_every_ms: int


@dataclass(frozen=True, slots=True)
class JoinSettings:
    stale_after_s: float
    pending_limit: int


@dataclass(frozen=True, slots=True)
class TickSettings:
    enabled: bool
    window: int
    look_every_s: int
    look_window_s: int
    look_ticks: int
    pending_limit: int


@dataclass(frozen=True, slots=True)
class BatterySettings:
    enabled: bool
    window_1s: int
    window_1m: int
    window_5m: int
    cadence_1s: int
    cadence_1m: int
    cadence_5m: int
    lag: int | str
    significance: float
    looks_period_h: float
    fdr_rate: float

    def plan(self, interval: Interval) -> BatteryPlan:
        """The tests at an interval."""
        return BatteryPlan(
            window=getattr(self, f"window_{interval}"),
            cadence=getattr(self, f"cadence_{interval}"),
            lag=self.lag if isinstance(self.lag, int) else "aic",
            level=self.significance,
            period_us=round(self.looks_period_h * 3_600_000_000),
            fdr_rate=self.fdr_rate,
        )


@dataclass(frozen=True, slots=True)
class FileSettings:
    allowed_lateness_ms: int
    archive_lateness_ms: int
    reject_share: float
    max_forward_jump_s: float
    block_bytes: int


@dataclass(frozen=True, slots=True)
class BinanceSettings:
    stream_url: str
    rest_url: str
    route: str
    stream: str
    silence_grace_ms: int
    max_ahead_s: float
    connect_timeout_s: float
    streams_per_connection: int
    silent_after_s: float
    reconnect_min_s: float
    reconnect_max_s: float
    connection_life_s: float
    handover_s: float
    leg_silent_after_s: float
    proof_margin_ms: int
    reorder_ms: int
    hold_limit: int
    gap_patience_s: float
    weight_limit: int
    clock_limit_ms: int
    queue_limit: int
    max_message_bytes: int
    speed: float

    @property
    def origin(self) -> str:
        """`live` if the stream is Binance's own, else `simulated`: what the data is labelled with and stored under."""
        host = urllib.parse.urlsplit(self.stream_url).hostname or ""
        return "live" if host == "binance.com" or host.endswith(".binance.com") else "simulated"


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    dir: str
    rotate_mb: int


@dataclass(frozen=True, slots=True)
class HealthSettings:
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    host: str
    port: int
    symbols: int
    seed: int
    trades_per_s: float
    hedge_ratio: float
    half_life_s: float
    mispricing_bp: float


@dataclass(frozen=True, slots=True)
class StorageSettings:
    data_dir: str
    host: str
    http_port: int
    pg_port: int
    health_port: int
    max_heap_mb: int
    start_timeout_s: float
    external_pg: str

    def database_root(self, origin: str) -> Path:
        """Where the managed server of an origin keeps its tables."""
        return Path(self.data_dir) / origin / "questdb"

    def models_file(self, origin: str) -> Path:
        """Where the models are kept that were applied to an origin on the page."""
        return Path(self.data_dir) / origin / "models.toml"

    def recovery_dir(self, origin: str) -> Path:
        """Where the flow of an origin keeps its snapshots."""
        return Path(self.data_dir) / origin / "recovery"


@dataclass(frozen=True, slots=True)
class SinkSettings:
    store_trades: bool
    batch_rows: int
    retry_min_s: float
    retry_max_s: float
    retry_deadline_s: float


@dataclass(frozen=True, slots=True)
class FlowSettings:
    recovery: bool
    snapshot_s: int


@dataclass(frozen=True, slots=True)
class DashboardSettings:
    host: str
    port: int
    poll_ms: int
    lookback_bars: int
    users_file: str


@dataclass(frozen=True, slots=True)
class SupervisorSettings:
    restart_min_s: float
    restart_max_s: float
    stop_timeout_s: float


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, one attribute per section of `config/default.toml`, where units and reasons stand."""

    market: Market
    bars: BarSettings
    join: JoinSettings
    models: tuple[Model, ...]
    ticks: TickSettings
    tests: BatterySettings
    files: FileSettings
    binance: BinanceSettings
    capture: CaptureSettings
    health: HealthSettings
    simulator: SimulatorSettings
    storage: StorageSettings
    sinks: SinkSettings
    flow: FlowSettings
    dashboard: DashboardSettings
    supervisor: SupervisorSettings


# Numbers outside these bounds are refused; a number not named must be at least 0 and at most this: 31 years as seconds.
_MOST = 1_000_000_000
_BOUNDS: dict[str, tuple[float, float]] = {
    "bars.fill_limit_s": (0, 86_400),
    "join.pending_limit": (1, 10_000_000),
    "ticks.window": (3, 100_000),
    "ticks.look_every_s": (0, 86_400),
    "ticks.look_window_s": (20, 3_600),
    "ticks.look_ticks": (60, 100_000),
    "ticks.pending_limit": (1_000, 10_000_000),
    "tests.window_1s": (20, 100_000),
    "tests.window_1m": (20, 100_000),
    "tests.window_5m": (20, 100_000),
    "tests.cadence_1s": (1, 100_000),
    "tests.cadence_1m": (1, 100_000),
    "tests.cadence_5m": (1, 100_000),
    "tests.lag": (0, 100),
    "tests.significance": (0.0001, 0.5),
    "tests.looks_period_h": (0.1, 1_000),
    "tests.fdr_rate": (0.0001, 0.5),
    "files.reject_share": (0, 1),
    "files.block_bytes": (1_024, 1 << 30),
    "binance.silence_grace_ms": (1, 600_000),
    "binance.streams_per_connection": (1, 1_024),
    "binance.connection_life_s": (0.1, 86_400),
    "binance.leg_silent_after_s": (0.05, 3_600),
    "binance.hold_limit": (1_000, 100_000_000),
    "binance.weight_limit": (20, 1_000_000),
    "binance.queue_limit": (1, 100_000_000),
    "binance.speed": (0.01, 1_000),
    "capture.rotate_mb": (1, 100_000),
    "simulator.symbols": (0, 200),
    "simulator.trades_per_s": (0.1, 1e6),
    "simulator.half_life_s": (1, 1e6),
    "sinks.batch_rows": (1, 1_000_000),
    "sinks.retry_min_s": (0.001, 3_600),
    "flow.snapshot_s": (1, 3_600),
    "storage.max_heap_mb": (128, 1_000_000),
    "dashboard.poll_ms": (20, 60_000),
    "dashboard.lookback_bars": (10, 100_000),
    "supervisor.restart_min_s": (0.01, 3_600),
    **{f"models.{name}": limits for name, limits in LIMITS.items()},
}
_CHOICES: dict[str, tuple[str, ...]] = {
    "tests.lag": ("aic",),
    "binance.route": ("market", "public"),
    "binance.stream": ("aggTrade", "trade"),
    **{f"models.{name}": texts for name, texts in CHOICES.items()},
}
_SECTIONS: dict[str, type[Any]] = {
    "bars": BarSettings,
    "join": JoinSettings,
    "ticks": TickSettings,
    "tests": BatterySettings,
    "files": FileSettings,
    "binance": BinanceSettings,
    "capture": CaptureSettings,
    "health": HealthSettings,
    "simulator": SimulatorSettings,
    "storage": StorageSettings,
    "sinks": SinkSettings,
    "flow": FlowSettings,
    "dashboard": DashboardSettings,
    "supervisor": SupervisorSettings,
}


def config_dir() -> Path:
    """The folder of the shipped settings files: beside the packages in a checkout, inside `flows` when installed."""
    root = Path(__file__).parent
    return root / "_config" if (root / "_config").is_dir() else root.parent / "config"


def load(path: str | Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the defaults, then `path`, then the environment.

    Raises:
        SettingsError: a file that cannot be read, an unknown key, a wrong type or a value out of range.
    """
    environment = os.environ if environment is None else environment
    default = config_dir() / "default.toml"
    tree = _read(default)
    origin: dict[str, str] = {}
    known = {section: set(keys) for section, keys in tree.items()}
    for source, overlay in _overlays(path, environment, known):
        _merge(tree, overlay, known, source, origin)
    return _settings(tree, origin, str(default))


def _overlays(
    path: str | Path | None, environment: Mapping[str, str], known: dict[str, set[str]]
) -> list[tuple[str, dict[str, Any]]]:
    overlays: list[tuple[str, dict[str, Any]]] = []
    if path is not None:
        overlays.append((str(path), _read(Path(path))))
    for name in sorted(environment):
        if not (name.startswith("PAIRS_") and "__" in name):
            continue
        section, _, key = name.removeprefix("PAIRS_").lower().partition("__")
        try:
            value = tomllib.loads(f"v = {environment[name]}")["v"]
        except tomllib.TOMLDecodeError:
            value = environment[name]
        overlays.append((f"environment variable {name}", {section: {key: value}}))
    return overlays


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error


def _merge(
    tree: dict[str, Any], overlay: dict[str, Any], known: dict[str, set[str]], source: str, origin: dict[str, str]
) -> None:
    """Lay `overlay` over `tree`; remember where each value came from. A file with models replaces the default ones."""
    if "models" in overlay:
        tree["models"] = {}
        origin["models"] = source
    for section, values in overlay.items():
        if section not in known:
            raise SettingsError(f"{source}: unknown section [{section}]{_nearest(section, known)}")
        if not isinstance(values, dict):
            raise SettingsError(f"{source}: [{section}] must be a table, was {values!r}")
        for key, value in values.items():
            if section != "models" and key not in known[section]:
                raise SettingsError(f"{source}: unknown key {section}.{key}{_nearest(key, known[section], section)}")
            tree[section][key] = value
            origin[f"{section}.{key}"] = source


def _nearest(name: str, valid: typing.Iterable[str], section: str = "") -> str:
    close = difflib.get_close_matches(name, sorted(valid), n=1, cutoff=0.5)
    dotted = f"{section}.{close[0]}" if section and close else (close[0] if close else "")
    return f'; did you mean "{dotted}"?' if close else f"; valid: {', '.join(sorted(valid))}"


def _settings(tree: dict[str, Any], origin: dict[str, str], default: str) -> Settings:
    def where(key: str) -> str:
        section = "models" if key.startswith("models") else key
        return f"{origin.get(section, default)}: {key}"

    built: dict[str, Any] = {
        section: cls(
            **{f.name: _checked(f.type, tree[section][f.name], f"{section}.{f.name}", where) for f in fields(cls)}
        )
        for section, cls in _SECTIONS.items()
    }
    market = Market(_pairs(tree["market"]["pairs"], where), _intervals(tree["market"]["intervals"], where))
    models = tuple(_model(name, values, where) for name, values in tree["models"].items())
    if not models:
        raise SettingsError(f"{where('models')} must name at least one model")
    _check_looks(built["tests"], market.intervals, where)
    return Settings(market=market, models=models, **built)


def _checked(kind: Any, value: Any, key: str, where: Any, bound: str | None = None) -> Any:
    bound = bound or key
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise SettingsError(f"{where(key)} must be {_KIND_NAMES[kind]}, was {value!r}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = _BOUNDS.get(bound, (0, _MOST) if not key.endswith("port") else (0, 65_535))
        if not low <= value <= high:
            raise SettingsError(f"{where(key)} must be from {low:g} to {high:g}, was {value!r}")
    if bound in _CHOICES and isinstance(value, str) and value not in _CHOICES[bound]:
        texts = ", ".join(_CHOICES[bound])
        wanted = f"one of {texts}" if kind is str else f'a whole number or "{texts}"'
        raise SettingsError(f"{where(key)} must be {wanted}, was {value!r}")
    return value


_KIND_NAMES = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    int | str: 'a whole number or "aic"',
}


def _check_looks(tests: BatterySettings, intervals: tuple[Interval, ...], where: Any) -> None:
    """A period must not hold more looks than are kept, as the share of those that pass would be of a shorter one."""
    for interval in intervals:
        plan = tests.plan(interval)
        looks = plan.period_us // (plan.cadence * interval.us)
        if looks > MOST_LOOKS:
            raise SettingsError(
                f"{where(f'tests.cadence_{interval}')} must leave at most {MOST_LOOKS:,} looks in tests.looks_period_h = "
                f"{tests.looks_period_h:g} h, {plan.cadence} makes {looks:,}"
            )


def _texts(value: Any, key: str, where: Any) -> list[str]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise SettingsError(f"{where(key)} must be a list of texts with at least one, was {value!r}")
    if len(set(value)) != len(value):
        raise SettingsError(f"{where(key)} names one twice: {value!r}")
    return value


def _pairs(value: Any, where: Any) -> tuple[Pair, ...]:
    try:
        return tuple(Pair.parse(text) for text in _texts(value, "market.pairs", where))
    except ValueError as error:
        raise SettingsError(f"{where('market.pairs')}: {error}") from error


def _intervals(value: Any, where: Any) -> tuple[Interval, ...]:
    names = [interval.value for interval in Interval]
    texts = _texts(value, "market.intervals", where)
    for text in texts:
        if text not in names:
            raise SettingsError(f"{where('market.intervals')} must be among {', '.join(names)}, was {text!r}")
    return tuple(interval for interval in Interval if interval.value in texts)


_MODEL_KEYS: dict[str, type] = {field.name: type(field.default) for field in fields(Model) if field.name != "name"}


def _model(name: str, values: Any, where: Any) -> Model:
    key = f"models.{name}"
    if not isinstance(values, dict):
        raise SettingsError(f"{where(key)} must be a table, was {values!r}")
    for given in values:
        if given not in _MODEL_KEYS:
            raise SettingsError(f"{where(key)}: unknown key {key}.{given}{_nearest(given, _MODEL_KEYS, key)}")
    checked = {
        k: _checked(kind, values[k], f"{key}.{k}", where, f"models.{k}")
        for k, kind in _MODEL_KEYS.items()
        if k in values
    }
    model = Model(name=name, **checked)
    if problem := z_window_problem(model.window, model.z_window):
        raise SettingsError(f"{where(key)}.z_window {problem}")
    return model
