"""Settings: what is shipped loads, files and environment override, and every mistake is named with file, key, value and a way out."""

import tomllib
from pathlib import Path

import pytest

from flows.domain.battery import BatteryPlan
from flows.domain.interval import Interval
from flows.domain.pair import Pair
from flows.errors import SettingsError
from flows.settings import Settings, config_dir, load


def _load(tmp_path: Path, text: str, environment: dict[str, str] | None = None, name: str = "mine.toml") -> Settings:
    path = tmp_path / name
    path.write_text(text)
    return load(path, environment or {})


def test_every_shipped_file_loads() -> None:
    files = sorted(config_dir().glob("*.toml"))
    assert {file.name for file in files} >= {"default.toml", "binance.toml", "simulated.toml"}
    for file in files:
        load(file, {})


def test_the_defaults_are_those_of_the_file() -> None:
    settings = load(None, {})
    tree = tomllib.loads((config_dir() / "default.toml").read_text())
    for section in tree:
        if section not in ("market", "models"):
            for key, value in tree[section].items():
                assert getattr(getattr(settings, section), key) == value
    assert settings.market.pairs == (Pair("ETHUSDT", "BTCUSDT"),)
    assert settings.market.intervals == (Interval.S1, Interval.M1, Interval.M5)
    assert (settings.models[0].name, settings.models[0].window) == ("ols", 600)


def test_a_file_overrides_only_what_it_names(tmp_path: Path) -> None:
    made = _load(tmp_path, '[bars]\nfill_limit_s = 7\n[market]\nintervals = ["5m", "1s"]\n')
    assert made.bars.fill_limit_s == 7
    assert made.bars.forming_every_ms == load(None, {}).bars.forming_every_ms
    assert made.market.intervals == (Interval.S1, Interval.M5)


def test_models_of_a_file_replace_the_default_ones(tmp_path: Path) -> None:
    made = _load(tmp_path, "[models.fast]\nwindow = 60\nz_window = 30\n[models.slow]\n")
    assert [(model.name, model.window, model.z_window) for model in made.models] == [
        ("fast", 60, 30),
        ("slow", 600, 600),
    ]


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    environment = {
        "PAIRS_BARS__FILL_LIMIT_S": "9",
        "PAIRS_JOIN__STALE_AFTER_S": "2.5",
        "PAIRS_SINKS__STORE_TRADES": "false",
        "PAIRS_STORAGE__DATA_DIR": "elsewhere/here",
        "PAIRS_MARKET__PAIRS": "SOLUSDT/ETHUSDT, ETHUSDT/BTCUSDT",
        "PAIRS_MARKET__INTERVALS": '["1m"]',
        "PAIRS_MODELS__SHORT": "{ window = 50, z_window = 40 }",
        "PAIRSX_BARS__FILL_LIMIT_S": "1",
        "PAIRS_PLAIN": "not a setting",
    }
    made = _load(tmp_path, "[bars]\nfill_limit_s = 7\n", environment)
    assert made.bars.fill_limit_s == 9
    assert made.join.stale_after_s == 2.5
    assert made.sinks.store_trades is False
    assert made.storage.data_dir == "elsewhere/here"
    assert [str(pair) for pair in made.market.pairs] == ["SOLUSDT/ETHUSDT", "ETHUSDT/BTCUSDT"]
    assert made.market.intervals == (Interval.M1,)
    assert [(model.name, model.window) for model in made.models] == [("short", 50)]


def test_the_environment_is_that_of_the_process_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAIRS_DASHBOARD__PORT", "6123")
    assert load().dashboard.port == 6123
    assert load(None, {}).dashboard.port == 5006


MISTAKES = {
    "window of ticks too short": ("[ticks]\nwindow = 2\n", "ticks.window must be from 3 to 100000, was 2"),
    "look too short": ("[ticks]\nlook_window_s = 19\n", "ticks.look_window_s must be from 20 to 3600, was 19"),
    "looks of too few ticks": ("[ticks]\nlook_ticks = 59\n", "ticks.look_ticks must be from 60 to 100000, was 59"),
    "ticks neither on nor off": ("[ticks]\nenabled = 1\n", "ticks.enabled must be true or false, was 1"),
    "unknown key of ticks": ("[ticks]\nwindows = 9\n", 'unknown key ticks.windows; did you mean "ticks.window"?'),
    "unknown section": ("[bar]\n", 'unknown section [bar]; did you mean "bars"?'),
    "unknown section, nothing near": ("[zzz]\n", "unknown section [zzz]; valid: bars, binance,"),
    "a section that is none": ("bars = 3\n", "[bars] must be a table, was 3"),
    "unknown key": ("[bars]\nfill_limit = 1\n", 'unknown key bars.fill_limit; did you mean "bars.fill_limit_s"?'),
    "unknown key, nothing near": ("[bars]\nzzz = 1\n", "unknown key bars.zzz; valid: fill_limit_s, forming_every_ms"),
    "text for a number": ('[bars]\nfill_limit_s = "9"\n', "bars.fill_limit_s must be a whole number, was '9'"),
    "fraction for a whole number": ("[bars]\nfill_limit_s = 1.5\n", "bars.fill_limit_s must be a whole number, was 1.5"),
    "true for a number": ("[bars]\nfill_limit_s = true\n", "bars.fill_limit_s must be a whole number, was True"),
    "text for a fraction": ('[join]\nstale_after_s = "x"\n', "join.stale_after_s must be a number, was 'x'"),
    "not a number": ("[join]\nstale_after_s = nan\n", "join.stale_after_s must be from 0 to 1e+09, was nan"),
    "no end": ("[join]\nstale_after_s = inf\n", "join.stale_after_s must be from 0 to 1e+09, was inf"),
    "number for a text": ("[storage]\ndata_dir = 3\n", "storage.data_dir must be a text, was 3"),
    "number for true or false": ("[sinks]\nstore_trades = 1\n", "sinks.store_trades must be true or false, was 1"),
    "too small": ("[files]\nblock_bytes = 10\n", "files.block_bytes must be from 1024 to 1.07374e+09, was 10"),
    "too large": ("[files]\nreject_share = 1.5\n", "files.reject_share must be from 0 to 1, was 1.5"),
    "negative": ("[files]\nallowed_lateness_ms = -1\n", "files.allowed_lateness_ms must be from 0 to 1e+09, was -1"),
    "no port": ("[dashboard]\nport = 70000\n", "dashboard.port must be from 0 to 65535, was 70000"),
    "no choice": ('[binance]\nroute = "x"\n', "binance.route must be one of market, public, was 'x'"),
    "no pairs": ("[market]\npairs = []\n", "market.pairs must be a list of texts with at least one, was []"),
    "no pair": ('[market]\npairs = ["ETHUSDT"]\n', 'market.pairs: expected a pair as "Y/X", found "ETHUSDT"'),
    "one leg": ('[market]\npairs = ["A/A"]\n', 'market.pairs: pair "A/A": both legs are A'),
    "bad symbol": ('[market]\npairs = ["a/B"]\n', 'market.pairs: pair "a/B": symbol not in upper case'),
    "pair twice": ('[market]\npairs = ["A/B", "A/B"]\n', "market.pairs names one twice: ['A/B', 'A/B']"),
    "no interval": ('[market]\nintervals = ["2m"]\n', "market.intervals must be among 1s, 1m, 5m, was '2m'"),
    "no models": ("[models]\n", "models must name at least one model"),
    "model no table": ("[models]\nols = 3\n", "models.ols must be a table, was 3"),
    "unknown model key": ("[models.a]\nwindw = 3\n", 'models.a: unknown key models.a.windw; did you mean "models.a.window"?'),
    "model window": ("[models.a]\nwindow = 2\n", "models.a.window must be from 3 to 1e+06, was 2"),
    "model window type": ('[models.a]\nwindow = "x"\n', "models.a.window must be a whole number, was 'x'"),
    "model price": ('[models.a]\nprice = "ln"\n', "models.a.price must be one of log, raw, was 'ln'"),
    "tests' window": ("[tests]\nwindow_1m = 19\n", "tests.window_1m must be from 20 to 100000, was 19"),
    "tests' lag": ('[tests]\nlag = "bic"\n', "tests.lag must be a whole number or \"aic\", was 'bic'"),
    "tests' lag too small": ("[tests]\nlag = -1\n", "tests.lag must be from 0 to 100, was -1"),
    "tests' lag true": ("[tests]\nlag = true\n", 'tests.lag must be a whole number or "aic", was True'),
    "tests' level": ("[tests]\nsignificance = 5\n", "tests.significance must be from 0.0001 to 0.5, was 5"),
    "tests' key": ("[tests]\ncadence_1h = 5\n", 'unknown key tests.cadence_1h; did you mean "tests.cadence_1s"?'),
    "too many looks": (
        "[tests]\ncadence_1s = 14\n",
        "tests.cadence_1s must leave at most 5,760 looks in tests.looks_period_h = 24 h, 14 makes 6,171",
    ),
    "z window": ("[models.a]\nwindow = 10\nz_window = 11\n", "models.a.z_window must be at most window = 10, was 11"),
}  # fmt: skip


def test_the_tests_have_a_plan_for_each_interval(tmp_path: Path) -> None:
    made = _load(tmp_path, '[tests]\nlag = "aic"\nwindow_5m = 200\ncadence_1s = 7\nlooks_period_h = 1.5\n').tests
    assert made.plan(Interval.S1) == BatteryPlan(600, 7, "aic", 0.05, 5_400_000_000, 0.05)
    assert made.plan(Interval.M5) == BatteryPlan(200, 6, "aic", 0.05, 5_400_000_000, 0.05)
    assert load(None, {}).tests.plan(Interval.M1) == BatteryPlan(300, 15)
    assert load(None, {"PAIRS_TESTS__LAG": "3"}).tests.plan(Interval.M1).lag == 3


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("name", ["mine.toml", "models.a.toml"])
def test_a_mistake_is_named_with_its_file(text: str, message: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        _load(tmp_path, text, name=name)
    assert str(error.value).startswith(f"{tmp_path / name}: {message}")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PAIRS_DASHBOARD__PROT", "1", 'unknown key dashboard.prot; did you mean "dashboard.port"?'),
        ("PAIRS_DASHBORD__PORT", "1", 'unknown section [dashbord]; did you mean "dashboard"?'),
        ("PAIRS_DASHBOARD__PORT", "none", "dashboard.port must be a whole number, was 'none'"),
        ("PAIRS_MARKET__PAIRS", "A-B", 'market.pairs: expected a pair as "Y/X", found "A-B"'),
    ],
)
def test_a_mistake_in_the_environment_is_named_with_its_variable(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(None, {name: value})
    assert str(error.value) == f"environment variable {name}: {message}"


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing.toml: cannot be read: No such file or directory"):
        load(tmp_path / "missing.toml", {})
    with pytest.raises(SettingsError, match=r"mine.toml: not valid TOML: .*line 1"):
        _load(tmp_path, "[bars\n")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(SettingsError, match=r"latin.toml: not valid TOML"):
        load(tmp_path / "latin.toml", {})


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("wss://fstream.binance.com", "live"),
        ("wss://binance.com/ws", "live"),
        ("ws://127.0.0.1:9443", "simulated"),
        ("wss://fstream.binance.com.example.org", "simulated"),
        ("wss://notbinance.com", "simulated"),
    ],
)
def test_only_the_exchange_itself_is_live(url: str, origin: str, tmp_path: Path) -> None:
    made = _load(tmp_path, f'[binance]\nstream_url = "{url}"\n')
    assert made.binance.origin == origin
    assert made.storage.database_root(origin) == Path("var") / origin / "questdb"
    assert made.storage.recovery_dir(origin) == Path("var") / origin / "recovery"
