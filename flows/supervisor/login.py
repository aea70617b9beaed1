"""Who may see the page: the names and passwords of a file, by Panel's own login, with our form.

Nothing secret stands in a command line, which every user of a machine can read: Panel is given the file, and by its environment the
key that signs its cookies.
"""

import importlib.util
import json
import stat
from pathlib import Path

from flows.errors import SettingsError
from flows.process.secret import kept_secret

COOKIE_SECRETS = ("PANEL_COOKIE_SECRET", "BOKEH_COOKIE_SECRET")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def login_options(users_file: str, assets: Path) -> list[str]:
    """Options of `panel serve`; none where no file is named: then everyone who reaches the port sees the page.

    Raises:
        SettingsError: the file cannot be used.
    """
    if not users_file:
        return []
    path = Path(users_file).absolute()
    check_users(path)
    forms = ["--basic-login-template", str(assets / "login.html"), "--logout-template", str(assets / "logout.html")]
    return ["--basic-auth", str(path), *forms]


def cookie_secret(environment: dict[str, str], home: Path) -> dict[str, str]:
    """The key of the cookies, unless the environment has one: kept in `home`, so that a restart of the page logs nobody out."""
    if any(environment.get(name) for name in COOKIE_SECRETS):
        return {}
    home.mkdir(parents=True, exist_ok=True)
    return {COOKIE_SECRETS[0]: kept_secret(home / "cookie_secret")}


def wants_login(users_file: str, environment: dict[str, str]) -> bool:
    """Whether a visitor has to say who it is: by a file of users, or by a provider that Panel knows (`PANEL_OAUTH_PROVIDER`)."""
    return bool(users_file or environment.get("PANEL_OAUTH_PROVIDER"))


def check_users(path: Path) -> None:
    """Refuse what Panel would take without a word and then let nobody in, or everyone.

    Raises:
        SettingsError: no file, readable by others, not a JSON object of names and passwords, or one of them empty.
    """

    def refused(problem: str) -> SettingsError:
        wanted = (
            'wanted a JSON object of names and passwords, {"name": "password"}, in a file that only its owner can read'
        )
        return SettingsError(f"dashboard.users_file: {path}: {problem}; {wanted}")

    try:
        if mode := path.stat().st_mode & _OTHERS:
            raise refused(f"others may read or change it (mode {mode:03o}); chmod 600 helps")
        users = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise refused(error.strerror or str(error)) from error
    except ValueError as error:
        raise refused(f"not JSON: {error}") from error
    if not isinstance(users, dict) or not users:
        raise refused("holds no object with names")
    for name, password in users.items():
        if not name.strip() or not isinstance(password, str) or not password.strip():
            raise refused(f"the user {json.dumps(name)} has no name or no password")


def page_file(name: str) -> Path | None:
    """Where a file of the package `dashboard` is; found without an import: the flow side never imports the page."""
    spec = importlib.util.find_spec("dashboard")
    return None if spec is None or spec.origin is None else Path(spec.origin).with_name(name)
