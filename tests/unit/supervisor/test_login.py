"""Who may see the page: what is refused before it starts, and where the key of its cookies is kept."""

import json
import stat
from pathlib import Path

import pytest

from flows.errors import SettingsError
from flows.supervisor.login import cookie_secret, login_options
from flows.supervisor.stack import children, plan


def users(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "users.json"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    ("text", "mode", "problem"),
    [
        ('{"ada": "long"}', 0o644, "others may read or change it (mode 044)"),
        ('{"ada": "long"', 0o600, "not JSON"),
        ('["ada"]', 0o600, "holds no object with names"),
        ("{}", 0o600, "holds no object with names"),
        ('{"ada": ""}', 0o600, 'the user "ada" has no name or no password'),
        ('{"ada": 7}', 0o600, 'the user "ada" has no name or no password'),
        ('{" ": "long"}', 0o600, 'the user " " has no name or no password'),
    ],
)
def test_a_file_that_would_let_in_nobody_or_everyone_is_refused(
    tmp_path: Path, text: str, mode: int, problem: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        login_options(users(tmp_path, text, mode), tmp_path)
    assert problem in str(refusal.value)
    assert "users.json" in str(refusal.value)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nobody\.json: No such file"):
        login_options(str(tmp_path / "nobody.json"), tmp_path)


def test_the_page_of_the_stack_asks_and_tells_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = users(tmp_path, json.dumps({"ada": "a long password"}))
    monkeypatch.setenv("PAIRS_STORAGE__DATA_DIR", json.dumps(str(tmp_path / "data")))
    monkeypatch.delenv("PANEL_COOKIE_SECRET", raising=False)
    asked_none = children(plan("simulated", None, print))[-1]
    assert "--basic-auth" not in asked_none.argv
    assert "PANEL_COOKIE_SECRET" not in asked_none.environment

    monkeypatch.setenv("PAIRS_DASHBOARD__USERS_FILE", json.dumps(file))
    page, again = (children(plan("simulated", None, print))[-1] for _ in range(2))
    assert page.argv[page.argv.index("--basic-auth") + 1] == file
    kept = tmp_path / "data" / "simulated" / "cookie_secret"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    secret = page.environment["PANEL_COOKIE_SECRET"]
    assert secret == again.environment["PANEL_COOKIE_SECRET"] == kept.read_text()
    assert len(secret) >= 32
    assert not any(word in argument for argument in page.argv for word in (secret, "a long password"))


def test_a_key_of_the_environment_is_left_alone(tmp_path: Path) -> None:
    assert cookie_secret({"BOKEH_COOKIE_SECRET": "mine"}, tmp_path) == {}
    assert not list(tmp_path.iterdir())
