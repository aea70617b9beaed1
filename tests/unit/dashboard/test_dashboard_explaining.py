"""Explanations in a thread: the loop goes on, one at a time, the newest question wins; and how an answer is shown."""

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from loops import run_async
from stored_in_memory import InMemory

from dashboard.explaining import Answer, Asked, Explained, Explainer, Say
from dashboard.selection import Selection
from dashboard.views.explain import explain_body, explain_head, nothing_to_explain
from flows.domain.interval import Interval
from flows.domain.model import Model
from flows.domain.pair import Pair
from flows.errors import NotStoredError, StorageError
from flows.explain import show
from flows.explain.explanation import explain

SELECTION = Selection("q3", Pair("ETHUSDT", "BTCUSDT"), Interval.S1, "ols")


class Work:
    """An explanation that takes until it is let go on."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.go_on = threading.Event()
        self.problem: Exception | None = None

    def __call__(self, asked: Asked, say: Say) -> Explained:
        self.begun.append(asked.time)
        say(f"working on {asked.time}")
        assert self.go_on.wait(20)
        if self.problem is not None:
            raise self.problem
        return Explained(None, {"time": asked.time}, "", "own", "other")  # type: ignore[arg-type]


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def asked(time: str) -> Asked:
    return Asked(SELECTION, time)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(4_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("not within 20 s")


def run(test: Coroutine[object, object, None]) -> None:
    async def completed() -> None:
        await test

    run_async(completed())


def test_the_loop_goes_on_and_hears_of_every_step(thread: ThreadPoolExecutor) -> None:
    async def test() -> None:
        work, steps = Work(), []
        explainer = Explainer(work, thread, lambda: steps.append(explainer.answer))
        explainer.ask(asked("A"))
        assert explainer.answer is not None
        assert explainer.answer.doing.startswith("waiting")
        await until(lambda: [step.doing for step in steps if step] == ["working on A"])
        work.go_on.set()
        await until(lambda: len(steps) == 2)
        assert explainer.answer.explained is not None
        assert explainer.answer.explained.facts == {"time": "A"}

    run(test())


def test_what_waits_is_not_begun_when_something_else_is_asked(thread: ThreadPoolExecutor) -> None:
    async def test() -> None:
        work = Work()
        explainer = Explainer(work, thread, lambda: None)
        explainer.ask(asked("A"))
        await until(lambda: work.begun == ["A"])
        for time in ("B", "C"):
            explainer.ask(asked(time))
        work.go_on.set()
        await until(lambda: explainer.answer is not None and explainer.answer.explained is not None)
        assert work.begun == ["A", "C"]
        assert explainer.answer is not None
        assert explainer.answer.asked.time == "C", "the answer to A came and was for nobody"

    run(test())


def test_a_page_that_has_gone_hears_nothing(thread: ThreadPoolExecutor) -> None:
    async def test() -> None:
        work, told = Work(), []
        explainer = Explainer(work, thread, lambda: told.append(1))
        explainer.ask(asked("A"))
        await until(lambda: bool(told))
        explainer.end()
        work.go_on.set()
        await asyncio.get_running_loop().run_in_executor(thread, lambda: None)  # behind the explanation
        await asyncio.sleep(0)
        assert told == [1]
        assert explainer.answer is None

    run(test())


@pytest.mark.parametrize(
    ("problem", "away", "said"),
    [
        (NotStoredError("no bar opens then"), False, "no bar opens then"),
        (StorageError("connection refused"), True, "connection refused"),
        (ZeroDivisionError("by <nothing>"), False, "because of a defect: ZeroDivisionError"),
    ],
)
def test_errors_are_answers(thread: ThreadPoolExecutor, problem: Exception, away: bool, said: str) -> None:
    async def test() -> None:
        work = Work()
        work.problem = problem
        work.go_on.set()
        explainer = Explainer(work, thread, lambda: None)
        explainer.ask(asked("A"))
        await until(lambda: explainer.answer is not None and bool(explainer.answer.error))
        assert explainer.answer is not None
        assert said in explainer.answer.error
        assert explainer.answer.away is away
        html = explain_body(explainer.answer)
        assert ("Trying again" in html) is away
        assert "<nothing>" not in html

    run(test())


@pytest.fixture(scope="module")
def answer() -> Answer:
    """A row of our own statistics in memory."""
    rng = np.random.default_rng(5)
    x = np.round(60_000 * np.exp(np.cumsum(rng.normal(0, 3e-5, 90))), 1)
    y = np.round(3_000 * (x / 60_000) ** 0.85 * np.exp(rng.normal(0, 1e-4, 90)), 2)
    stored = InMemory(y, x, Model("ols", "ols", window=40, z_window=30, correlation_window=20))
    made = explain(stored, stored.question(80), 10_000)
    of = Explained(made, show.facts(made), show.correlation_sentence(made), *show.verdicts(made))
    return Answer(asked("2024-07-19T00:01:40Z"), explained=of)


def cells(html: str, name: str) -> list[str]:
    row = html.split(f'data-column="{name}"')[1].split("</tr>")[0]
    return [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<td>(.*?)</td>", row)]


def test_every_number_is_shown_three_times_with_its_difference(answer: Answer) -> None:
    html = explain_body(answer)
    assert answer.explained is not None
    for column in answer.explained.explanation.columns:
        if column.name in ("open_time", "pair", "model"):
            assert f'data-column="{column.name}"' not in html
            continue
        shown = cells(html, column.name)
        if column.stored is None and column.name not in ("stale", "gap"):
            assert shown[0] == "null: ols has none"
            continue
        assert shown[1] == "same bits"
        if isinstance(column.stored, float):
            assert float(shown[0]) == column.stored, "every digit"
            assert float(shown[2]) == column.oracle
            assert column.difference is not None
            assert float(shown[3]) == pytest.approx(column.difference, rel=0.06)
    assert html.count('data-held="True"') == 2
    assert "gives the stored row to the last bit" in html
    assert "every number within its tolerance" in html
    assert "window 40, z window 30" in html
    assert re.search(r'<th scope="row">fit</th><td>[-\d: ]+</td><td>[-\d: ]+</td><td>40</td>', html)


def test_a_number_that_is_another_is_marked(answer: Answer) -> None:
    assert answer.explained is not None
    made = answer.explained.explanation
    columns = tuple(
        replace(column, stored=1.5, same=False, agrees=False) if column.name == "zscore" else column
        for column in made.columns
    )
    changed = replace(made, columns=columns, notes=("gap: <odd>",))
    html = explain_body(
        replace(
            answer, explained=replace(answer.explained, explanation=changed, own="it DIFFERS", other="it DIFFERS too")
        )
    )
    assert html.count('class="wrong"') == 1
    assert cells(html, "zscore")[:2] == ["1.5", repr(next(c.own for c in columns if c.name == "zscore"))]
    assert html.count('data-held="False"') == 2
    assert "&lt;odd&gt;" in html
    none = explain_body(
        replace(
            answer,
            explained=replace(
                answer.explained, explanation=replace(changed, columns=tuple(replace(c, agrees=None) for c in columns))
            ),
        )
    )
    assert 'data-held="None"' in none, "no other library was asked"


def test_the_head_leads_to_the_bars_beside() -> None:
    html = explain_head(SELECTION, "2024-07-19T00:01:40Z")
    assert "explain: '2024-07-19T00:01:39Z'" in html
    assert "explain: '2024-07-19T00:01:41Z'" in html
    for bad in ("soon", '"><script>', "nan", "9999-12-31T23:59:59Z", "1e99"):
        html = explain_head(SELECTION, bad)
        assert "bar before" not in html, bad
        assert "<script>" not in html
    assert explain_head(None, "") == ""
    assert "Nothing to explain" in nothing_to_explain()


def test_progress_is_said() -> None:
    html = explain_body(Answer(asked("<A>"), doing="loading the libraries to compare with"))
    assert "loading the libraries to compare with" in html
    assert "<A>" not in html
