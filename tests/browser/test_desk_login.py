"""The page behind a login, in Chromium."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from desk_page import DeskPage, served
from desk_rows import Market, Writer
from playwright.sync_api import Page

from flows.storage.server import ManagedServer
from flows.supervisor.login import login_options, page_file

pytestmark = [pytest.mark.browser, pytest.mark.questdb]

PASSWORD = "a long password"


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: object) -> None:
        return None


def answer(url: str) -> tuple[int, str]:
    """Status and where it redirects to, without following."""
    try:
        with urllib.request.build_opener(_Stay).open(url, timeout=10) as response:
            return response.status, ""
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Location", "")


def test_nothing_is_shown_before_the_login(
    page: Page,
    questdb: ManagedServer,
    reader_environment: dict[str, str],
    free_ports: Callable[[int], list[int]],
    tmp_path: Path,
) -> None:
    rows = Market(700, 1_700_000_000_000_000)
    writer = Writer(questdb.address, "login", rows)
    writer.prepare()
    writer.write(0, 700)
    writer.await_rows(700)
    users = tmp_path / "Users.json"
    descriptor = os.open(users, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(descriptor, json.dumps({"ada": PASSWORD}).encode())
    os.close(descriptor)
    app = page_file("app.py")
    assert app is not None
    options = login_options(str(users), app.parent / "assets")
    log = tmp_path / "panel.log"
    with served(free_ports(1)[0], log, {**reader_environment, "PANEL_COOKIE_SECRET": "of this test"}, *options) as (
        url,
        _,
    ):
        root = url.removesuffix("/app")
        for address in ("app?dataset=login", "app/metadata", ""):
            status, to = answer(f"{root}/{address}")
            assert (status, to.split("?")[0].rsplit("/", 1)[-1]) == (302, "login"), address
        assert answer(f"{root}/app/ws")[0] == 403, "no websocket without a cookie"
        assert answer(f"{root}/transfer/guessed/file/1")[0] == 404, "a file belongs to a page"
        assert answer(f"{root}/liveness") == (200, "")

        page.goto(f"{url}?dataset=login&n=650")
        name, password = page.get_by_label("Name"), page.get_by_label("Password")
        name.fill("ada")
        password.fill("wrong")
        password.press("Enter")
        page.get_by_role("alert").filter(has_text="Invalid").wait_for()
        name.fill("ada")
        password.fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        desk = DeskPage(page, url)
        page.wait_for_function("window.pairsDesk !== undefined", timeout=20_000)
        desk.until("the rows of the address that was asked for", lambda: len(desk.rows("time")) == 650, 20)
        desk.until("who is logged in", lambda: "ada · log out" in desk.text("header"))
        page.get_by_role("link", name="log out").click()
        page.get_by_text("You are logged out.").wait_for()
        page.get_by_role("button", name="Log in").click()
        page.get_by_label("Password").wait_for()
    assert PASSWORD not in log.read_text()


def test_a_provider_of_the_environment_is_asked(
    reader_environment: dict[str, str], free_ports: Callable[[int], list[int]], tmp_path: Path
) -> None:
    provider = {
        "PANEL_OAUTH_PROVIDER": "github", "PANEL_OAUTH_KEY": "the-key", "PANEL_OAUTH_SECRET": "the-secret",
        "PANEL_COOKIE_SECRET": "of this test",
    }  # fmt: skip
    with served(free_ports(1)[0], tmp_path / "panel.log", {**reader_environment, **provider}) as (url, _):
        root = url.removesuffix("/app")
        assert answer(url)[1] == "./login?next=%2Fapp"
        status, to = answer(f"{root}/login")
        assert status == 302
        assert to.startswith("https://github.com/login/oauth/authorize?")
        assert "the-key" in to
        assert "the-secret" not in to
