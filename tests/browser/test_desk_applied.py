"""A model applied on the page while the whole stack runs: the flow computes it, no trade is lost, and the other models go on."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from desk_page import DeskPage
from playwright.sync_api import Page

from flows.storage.client import connect, reader_of
from flows.storage.models import ModelStore
from tests.running_stack import PORTS, Stack

pytestmark = [pytest.mark.browser, pytest.mark.questdb]

NAME = "tls_log_20_c10"
TRIED = "tls:log:close:20:20:10"


def test_a_model_is_applied_and_removed_while_the_others_go_on(
    tmp_path: Path, free_ports: Callable[[int], list[int]], page: Page
) -> None:
    home = tmp_path / "var" / "simulated"
    with Stack(tmp_path, free_ports(len(PORTS)), {"BINANCE__SPEED": "5"}) as stack:
        stack.said("QuestDB console: ")
        reader = reader_of(stack.database, home / "questdb")

        def asked(query: str) -> list[tuple[Any, ...]]:
            with connect(reader) as connection:
                return connection.execute(query).fetchall()

        def rows(model: str) -> int:
            return int(asked(f"SELECT count() FROM pair_stats_1s WHERE model = '{model}' AND complete")[0][0])  # noqa: S608

        stack.until(lambda: rows("ols_fast") > 30, "bars")
        desk = DeskPage(page, stack.said(r"page: (http\S+)"))
        desk.open("", what=TRIED)
        desk.until("the what-if", lambda: "WHAT IF" in desk.text("header"), 30)
        page.get_by_role("button", name=f"Apply {NAME}").click()
        stack.said(rf"flow: starts anew: {NAME} applied")
        desk.until("that it is stored", lambda: f"{NAME} is stored. The flow starts anew" in desk.text("apply-said"))
        before = rows("ols_fast")
        stack.said("flow: started", count=2)
        stack.until(lambda: rows(NAME) > 5, "rows of the new model")
        desk.until("that it is computed", lambda: f"The flow computes {NAME} now" in desk.text("apply-said"), 30)

        ((n, left, zscore),) = asked(
            f"SELECT n, warmup_left, zscore FROM pair_stats_1s WHERE model = '{NAME}' ORDER BY open_time LIMIT 1"  # noqa: S608
        )
        assert (n, left) == (20, 0), "it has the bars that the flow kept"
        assert zscore is not None
        of_old = "FROM pair_stats_1s WHERE model = 'ols_fast' AND complete ORDER BY open_time"
        times, counts = zip(*asked(f"SELECT cast(open_time AS long), n {of_old}"), strict=True)
        assert len(times) > before + 5
        assert {later - earlier for earlier, later in pairwise(times)} == {1_000_000}, "no bar is lacking"
        assert counts == tuple(min(i + 1, 120) for i in range(len(counts))), "no window began anew"
        lacking = asked("SELECT DISTINCT cast(open_time AS long) FROM bars_1s WHERE gap")
        assert set(lacking) <= {(times[0],)}, "but for the bar in which the feed began, none lacks a trade"

        stored = ModelStore(home / "models.toml").path
        good = stored.read_text()
        stored.write_text("oops")
        stack.said(r"models\.toml: not valid TOML: .*; the flow goes on with the models that it has")
        desk.until("what is wrong", lambda: "not valid TOML" in desk.text("apply-said"))
        stored.write_text(good)
        page.get_by_role("button", name=f"Remove {NAME}").click()
        stack.said(rf"flow: starts anew: {NAME} removed")
        stack.said("flow: started", count=3)
        after = rows(NAME)
        many = rows("ols_fast")
        stack.until(lambda: rows("ols_fast") > many + 5, "rows without it")
        assert rows(NAME) <= after + 60
    assert "Traceback" not in stack.output, stack.output
