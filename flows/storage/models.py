"""Models that were applied on the page: a file beside the data of an origin, which page and flow read and only this module writes.

    # Applied on the page; the flow computes these beside the models of its settings.
    [models.huber_log_900]
    method = "huber"
    price = "log"
    source = "close"
    window = 900
    z_window = 900
    correlation_window = 300

A model has the name that its parameters give it (`flows.domain.model.name_of`), so that rows of one name are of one model for ever.
"""

import json
import os
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from flows.domain.model import CHOICES, LIMITS, Model, name_of, z_window_problem
from flows.errors import SettingsError
from flows.process.lock import FileLock, LockTakenError
from flows.stats.methods import METHODS

MOST_MODELS = 16
"""Each costs a row of every pair and interval at each bar."""
KEYS = ("method", "price", "source", "window", "z_window", "correlation_window")
_HEAD = "# Applied on the page; the flow computes these beside the models of its settings.\n"
_MOST_BYTES = 100_000
_PATIENCE_S = 2.0


class ModelStore:
    """The applied models of one origin, in the order in which they came."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Model, ...]:
        """What is stored; nothing where there is no file.

        Raises:
            SettingsError: the file cannot be read, or is not what this module writes; with line and key.
        """
        try:
            if self.path.stat().st_size > _MOST_BYTES:
                raise SettingsError(f"{self.path}: larger than {_MOST_BYTES:,} bytes: this is no file of models")
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise SettingsError(f"{self.path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SettingsError(f"{self.path}: not UTF-8: byte {error.start}") from error
        return _parsed(self.path, text)

    def add(self, model: Model) -> Model:
        """Store a model under the name of its parameters; one that is there stays as it is.

        Raises:
            SettingsError: a value is out of range, there are enough models, or the file cannot be read or written.
        """
        named = replace(model, name=name_of(model))
        if name_of(Model("", **_values(named))) != named.name or Model(named.name, **_values(named)) != named:
            raise SettingsError("only a model of the six parameters of the page can be applied")
        for key, value in _values(named).items():
            if problem := _problem(key, value):
                raise SettingsError(f"{named.name}: {key} {problem}")
        if problem := z_window_problem(named.window, named.z_window):
            raise SettingsError(f"{named.name}: z_window {problem}")

        def added(models: tuple[Model, ...]) -> tuple[Model, ...]:
            if named in models:
                return models
            if len(models) >= MOST_MODELS:
                raise SettingsError(f"{self.path}: there are {MOST_MODELS} applied models: remove one first")
            return (*models, named)

        self._change(added)
        return named

    def remove(self, name: str) -> None:
        """Store it no longer; its rows stay in the tables. Nothing happens where it is not stored. Raises as `add`."""
        self._change(lambda models: tuple(model for model in models if model.name != name))

    def _change(self, change: Callable[[tuple[Model, ...]], tuple[Model, ...]]) -> None:
        """One at a time among all processes; whoever reads finds the old file or the new one."""
        try:
            lock = FileLock(self.path.with_suffix(".lock"), _PATIENCE_S)
        except LockTakenError as error:
            raise SettingsError(f"{self.path}: another page writes it ({error.holder}): try again") from error
        except OSError as error:
            raise SettingsError(f"{self.path}: cannot be written: {error.strerror}") from error
        try:
            before = self.read()
            if (after := change(before)) != before:
                self._write(_text(after))
        except OSError as error:
            raise SettingsError(f"{self.path}: cannot be written: {error.strerror}") from error
        finally:
            lock.close()

    def _write(self, text: str) -> None:
        unfinished = self.path.with_suffix(".new")
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.path)


def _values(model: Model) -> dict[str, Any]:
    return {key: getattr(model, key) for key in KEYS}


def _text(models: tuple[Model, ...]) -> str:
    tables = [
        f"\n[models.{model.name}]\n"
        + "".join(f"{key} = {json.dumps(value)}\n" for key, value in _values(model).items())
        for model in models
    ]
    return _HEAD + "".join(tables)


def _problem(key: str, value: object) -> str | None:
    """Why a value cannot stand there, or None."""
    texts = {"method": tuple(METHODS), **CHOICES}.get(key)
    if texts is not None:
        return None if value in texts else f"must be one of {', '.join(texts)}, was {value!r}"
    low, high = LIMITS[key]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        return f"must be a whole number from {low:,.0f} to {high:,.0f}, was {value!r}"
    return None


def _parsed(path: Path, text: str) -> tuple[Model, ...]:
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error
    for key in tree:
        if key != "models":
            raise SettingsError(f"{_at(path, text, key)}: unknown key {key}; expected tables [models.NAME]")
    tables = tree.get("models", {})
    if not isinstance(tables, dict):
        raise SettingsError(f"{_at(path, text, 'models')}: models must be tables [models.NAME], was {tables!r}")
    if len(tables) > MOST_MODELS:
        raise SettingsError(f"{path}: at most {MOST_MODELS} models, found {len(tables)}")
    return tuple(_model(path, text, name, values) for name, values in tables.items())


def _model(path: Path, text: str, name: str, values: Any) -> Model:
    def wrong(key: str, problem: str) -> SettingsError:
        return SettingsError(f"{_at(path, text, key, name)}: models.{name}{f'.{key}' if key else ''} {problem}")

    if not isinstance(values, dict):
        raise wrong("", f"must be a table, was {values!r}")
    for key, value in values.items():
        if key not in KEYS:
            raise wrong(key, f"is unknown; valid: {', '.join(KEYS)}")
        if problem := _problem(key, value):
            raise wrong(key, problem)
    for key in KEYS:
        if key not in values:
            raise wrong("", f"has no {key}")
    if problem := z_window_problem(values["window"], values["z_window"]):
        raise wrong("z_window", problem)
    model = Model(name, **values)
    if name != name_of(model):
        raise wrong("", f"must be named after its parameters: {name_of(model)}")
    return model


def _at(path: Path, text: str, key: str, name: str = "") -> str:
    """File and line of a key, as far as the text shows it; of the table's head where there is no key."""
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if head := re.match(r"\s*\[\s*models\s*\.\s*[\"']?([^\"'\]]+?)[\"']?\s*\]", line):
            table = head.group(1)
            if table == name and not key:
                return f"{path} line {number}"
        elif (not name or table == name) and key and re.match(rf"\s*\[?[\"']?{re.escape(key)}[\"']?\s*[=\].]", line):
            return f"{path} line {number}"
    return str(path)
