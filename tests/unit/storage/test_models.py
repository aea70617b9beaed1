"""The file of applied models: what is written is read, whoever writes; what somebody else made of it is refused with line and key."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from flows.applied import AppliedWatch, store_of, with_applied
from flows.domain.model import Model, name_of
from flows.errors import SettingsError
from flows.process.lock import FileLock
from flows.settings import load
from flows.storage import models
from flows.storage.models import MOST_MODELS, ModelStore

GOOD = """# any comment
[models.huber_log_900]
method = "huber"
price = "log"
source = "close"
window = 900
z_window = 900
correlation_window = 300
"""


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "simulated" / "models.toml")


def test_what_is_added_is_read_in_order_and_removed(store: ModelStore) -> None:
    assert store.read() == ()
    first, second = Model("any", "huber", window=900, z_window=900), Model("x", "tls", "raw", "vwap", 60, 30, 20)
    assert store.add(first).name == "huber_log_900"
    assert store.add(second).name == "tls_raw_vwap_60_z30_c20"
    assert store.add(replace(first, name="again")).name == "huber_log_900"
    assert store.read() == (replace(first, name=name_of(first)), replace(second, name=name_of(second)))
    store.remove("nothing")
    store.remove("huber_log_900")
    assert [model.name for model in store.read()] == ["tls_raw_vwap_60_z30_c20"]
    assert sorted(path.name for path in store.path.parent.iterdir()) == ["models.lock", "models.toml"]


def test_a_file_by_hand_is_read(store: ModelStore) -> None:
    store.path.parent.mkdir()
    store.path.write_text(GOOD)
    assert store.read() == (Model("huber_log_900", "huber", window=900, z_window=900),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace('"huber"', '"hubr"'), "line 3: models.huber_log_900.method must be one of ols, tls, huber,"),
        (GOOD.replace('"log"', '"lg"'), "line 4: models.huber_log_900.price must be one of log, raw, was 'lg'"),
        (GOOD.replace("window = 900\nz", "window = 2\nz"), "line 6: models.huber_log_900.window must be a whole number from 3 to"),
        (GOOD.replace("window = 900\nz", "window = true\nz"), "line 6: models.huber_log_900.window must be a whole number from"),
        (GOOD.replace("z_window = 900", "z_window = 901"), "line 7: models.huber_log_900.z_window must be at most window = 900, was 901"),
        (GOOD + "refit_every = 3\n", "line 9: models.huber_log_900.refit_every is unknown; valid: method, price,"),
        (GOOD.replace('source = "close"\n', ""), "line 2: models.huber_log_900 has no source"),
        (GOOD.replace("[models.huber_log_900]", "[models.mine]"), "line 2: models.mine must be named after its parameters: huber_log_900"),
        ("[model]\na = 1\n", "line 1: unknown key model; expected tables [models.NAME]"),
        ("models = 3\n", "line 1: models must be tables [models.NAME], was 3"),
        ("[models]\nx = 3\n", "models.x must be a table, was 3"),
        (GOOD + "oops\n", "not valid TOML: Expected '=' after a key in a key/value pair (at line 9, column 5)"),
        (GOOD + GOOD, "not valid TOML: Cannot declare ('models', 'huber_log_900') twice (at line 10"),
        ("#" * 100_001, "larger than 100,000 bytes"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_with_line_and_key_and_left_as_it_is(store: ModelStore, text: str, said: str) -> None:
    store.path.parent.mkdir()
    store.path.write_text(text)
    for action in (store.read, lambda: store.add(Model("", window=50, z_window=50)), lambda: store.remove("x")):
        with pytest.raises(SettingsError) as error:
            action()
        assert str(error.value).startswith(str(store.path))
        assert said in str(error.value)
    assert store.path.read_text() == text


def test_bytes_that_are_no_text_and_a_folder_in_its_place_are_said(store: ModelStore) -> None:
    store.path.parent.mkdir()
    store.path.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8: byte 0"):
        store.read()
    store.path.unlink()
    store.path.mkdir()
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        store.read()


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Model("", "none"), "method must be one of"),
        (Model("", window=2, z_window=2), "window must be a whole number from 3"),
        (Model("", window=50), "z_window must be at most window = 50, was 600"),
        (Model("", "kalman", forget_bars=9), "only a model of the six parameters"),
    ],
)
def test_a_model_that_cannot_be_is_not_stored(store: ModelStore, model: Model, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        store.add(model)
    assert not store.path.exists()


def test_there_is_an_end_to_their_number(store: ModelStore) -> None:
    for window in range(10, 10 + MOST_MODELS):
        store.add(Model("", window=window, z_window=window))
    with pytest.raises(SettingsError, match=f"there are {MOST_MODELS} applied models: remove one first"):
        store.add(Model("", window=500, z_window=500))
    store.remove("ols_log_10")
    store.add(Model("", window=500, z_window=500))
    assert len(store.read()) == MOST_MODELS


def test_pages_that_write_at_the_same_time_lose_nothing_and_one_that_waits_too_long_says_so(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda w: ModelStore(store.path).add(Model("", window=w, z_window=w)), range(20, 32)))
    assert {model.window for model in store.read()} == set(range(20, 32))
    monkeypatch.setattr(models, "_PATIENCE_S", 0.1)
    held = FileLock(store.path.with_suffix(".lock"))
    with pytest.raises(SettingsError, match=r"another page writes it \(process \d+\): try again"):
        store.add(Model("", window=70, z_window=70))
    held.close()


def test_a_writer_that_is_killed_leaves_the_old_file(store: ModelStore) -> None:
    store.add(Model("", window=70, z_window=70))
    code = (
        "import os, sys; from pathlib import Path; from flows.storage.models import ModelStore; from flows.domain.model import Model\n"
        "Path.replace = lambda *_: os.kill(os.getpid(), 9)\n"
        "ModelStore(Path(sys.argv[1])).add(Model('', window=80, z_window=80))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(store.path)], check=False)
    assert done.returncode == -9
    assert [model.window for model in store.read()] == [70]
    store.add(Model("", window=90, z_window=90))
    assert [model.window for model in store.read()] == [70, 90]


def test_the_flow_has_the_models_of_its_settings_and_the_applied_ones(tmp_path: Path) -> None:
    settings = load(None, {"PAIRS_STORAGE__DATA_DIR": f'"{tmp_path}"'})
    assert with_applied(settings) == settings
    added = store_of(settings).add(Model("", "tls", window=50, z_window=50))
    assert with_applied(settings).models == (*settings.models, added)
    assert store_of(settings).path == tmp_path / "live" / "models.toml"
    same = replace(settings, models=(added,))
    assert with_applied(same).models == (added,)
    other = replace(settings, models=(replace(added, refit_every=3),))
    with pytest.raises(SettingsError, match=r"models\.tls_log_50 is in the settings too, with other parameters"):
        with_applied(other)


def test_a_change_of_the_applied_models_is_told_once(tmp_path: Path) -> None:
    settings, said = load(None, {"PAIRS_STORAGE__DATA_DIR": f'"{tmp_path}"'}), list[str]()
    store = store_of(settings)
    short = store.add(Model("", "tls", window=50, z_window=50))
    watch = AppliedWatch(settings, said.append)
    assert watch() == "", "what was there at the start is computed already"
    long = store.add(Model("", "tls", window=60, z_window=60))
    assert [watch(), watch()] == [f"{long.name} applied", ""]
    store.remove(short.name)
    assert [watch(), watch()] == [f"{short.name} removed", ""]
    good = store.path.read_text()
    store.path.write_text("oops")
    assert [watch(), watch()] == ["", ""]
    assert len(said) == 1
    assert "the flow goes on with the models that it has" in said[0]
    store.path.write_text(good)
    assert watch() == "", "mended, with the same models"
    store.path.unlink()
    assert watch() == f"{long.name} removed"
