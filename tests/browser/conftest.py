"""The page in a real Chromium: served as documented, watched for requests off the host and for errors."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from desk_page import DeskPage, served
from playwright.sync_api import ConsoleMessage, Page

from flows.storage.server import ManagedServer

_LOCAL = ("localhost", "127.0.0.1", "[::1]", "::1")


@pytest.fixture(scope="session")
def reader_environment(questdb: ManagedServer) -> dict[str, str]:
    """Settings that make a page read the tests' database as its read-only user."""
    read = questdb.read_address
    return {
        "QDB_CLIENT_CONF": read.ilp_conf,
        "PAIRS_STORAGE__EXTERNAL_PG": f'"{read.user}:{read.password}@{read.host}:{read.pg_port}"',
        "PAIRS_DASHBOARD__POLL_MS": "100",
    }


@pytest.fixture(scope="session")
def page_url(
    reader_environment: dict[str, str],
    free_ports: Callable[[int], list[int]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The served page on the tests' database."""
    with served(free_ports(1)[0], tmp_path_factory.mktemp("panel") / "panel.log", reader_environment) as (url, _):
        yield url


@pytest.fixture(autouse=True)
def offline_only(page: Page) -> Iterator[None]:
    """Fails if anything is asked for off this host."""
    elsewhere: list[str] = []

    def asked(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about") and parts.hostname not in _LOCAL:
            elsewhere.append(url)

    page.on("request", lambda request: asked(request.url))
    page.on("websocket", lambda socket: asked(socket.url))
    yield
    assert not elsewhere, f"requests left the host: {elsewhere}"


@pytest.fixture(autouse=True)
def page_errors(page: Page) -> Iterator[list[str]]:
    """Fails on any JavaScript exception and any error on the console. A test that provokes some takes them off the list."""
    errors: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(f"{message.text} {message.location}")

    page.on("console", said)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield errors
    assert not errors, errors


@pytest.fixture
def desk(page: Page, page_url: str) -> DeskPage:
    """The page, to be opened on a dataset."""
    return DeskPage(page, page_url)
