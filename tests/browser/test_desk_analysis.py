"""The Analysis view in Chromium, on recorded trades that a replay has put into a real QuestDB: what it shows is what SQL says."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from desk_page import DeskPage
from desk_rows import Market, Writer
from scipy import stats as scipy_stats
from short_replay import short_replay

from flows.asynchrony.lead_lag import LAGS_US
from flows.storage.client import connect
from flows.storage.server import ManagedServer

pytestmark = [pytest.mark.browser, pytest.mark.questdb]

DATASET = "deskanalysis"
CONFIG = """
[market]
intervals = ["1s", "5m"]
[tests]
window_1s = 130
cadence_1s = 15
significance = 0.2
[ticks]
window = 30
look_every_s = 10
[models.ols]
window = 60
z_window = 30
correlation_window = 15
[models.kalman]
method = "kalman"
window = 15
z_window = 15
correlation_window = 15
"""


@pytest.fixture(scope="module")
def recorded(questdb: ManagedServer, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A dataset with every table filled by the flow itself."""
    return short_replay(questdb, shared_data, tmp_path_factory.mktemp(DATASET), DATASET, CONFIG)


def asked(questdb: ManagedServer, table: str, columns: Sequence[str], rest: str) -> list[dict[str, Any]]:
    """Rows by a plain query, in order of time."""
    query = f"SELECT {', '.join(columns)} FROM {DATASET}_{table} {rest}"  # noqa: S608
    with connect(questdb.read_address) as connection:
        return [dict(zip(columns, row, strict=True)) for row in connection.execute(query).fetchall()]


def drawn(desk: DeskPage, source: str, column: str) -> Any:
    """A column that the browser draws from."""
    values = desk.page.evaluate(
        """([name, column]) => { for (const model of Bokeh.documents[0]._all_models.values())
        if (model.name === name) return Array.from(model.data[column]).map((v) => Number.isFinite(v) ? v : null); return []; }""",
        [source, column],
    )
    return np.array([math.nan if value is None else value for value in values])


def exact(desk: DeskPage, selector: str) -> float:
    """A number to its last digit: the hover text of its cell."""
    return float(desk.page.locator(selector).first.get_attribute("title") or "nan")


def test_every_picture_and_figure_is_what_sql_says(desk: DeskPage, questdb: ManagedServer, recorded: str) -> None:
    desk.open(recorded, model="ols", tf="1s", n="300")
    desk.until("the workspace", lambda: desk.rows("time"))
    desk.page.get_by_role("button", name="Analysis").click()
    desk.until("the pictures", lambda: desk.page.locator('[data-role="liquidity"]').count() == 1, 120)
    assert "view=analysis" in desk.page.url
    desk.until("its looks", lambda: desk.page.locator("[data-share]").count() == 1)

    stats = asked(
        questdb,
        "pair_stats_1s",
        ("hedge_ratio", "hedge_ratio_se", "intercept", "zscore"),
        "WHERE model = 'ols' AND complete LIMIT -300",
    )
    last = stats[-1]
    assert exact(desk, '[data-slope="ols"]') == last["hedge_ratio"], "the flow's own line, to the last bit"
    assert [exact(desk, f'[data-slope="{name}"]') > 0 for name in ("tls", "huber", "theil_sen", "kalman")] == [True] * 4
    bars = {
        symbol: asked(
            questdb,
            "bars_1s",
            ("close", "quote_volume", "trade_count"),
            f"WHERE symbol = '{symbol}' AND complete LIMIT -301",
        )
        for symbol in ("ETHUSDT", "BTCUSDT")
    }
    y, x = (np.log([bar["close"] for bar in bars[symbol][-60:]]) for symbol in ("ETHUSDT", "BTCUSDT"))
    np.testing.assert_allclose(drawn(desk, "scatter-points", "y"), y, rtol=1e-15)
    np.testing.assert_allclose(drawn(desk, "scatter-points", "x"), x, rtol=1e-15)
    ends = drawn(desk, "line-ols", "x")
    np.testing.assert_allclose(drawn(desk, "line-ols", "y"), last["intercept"] + last["hedge_ratio"] * ends, rtol=1e-15)
    spread = y - last["intercept"] - last["hedge_ratio"] * x
    assert f"skew {scipy_stats.skew(spread):.2f}" in desk.head("spread-bars")
    assert f"excess kurtosis {scipy_stats.kurtosis(spread):.2f}" in desk.head("spread-bars")
    z = np.array([row["zscore"] for row in stats], float)
    assert drawn(desk, "z-bars-bars", "count").sum() == np.isfinite(z).sum()
    assert f"skew {scipy_stats.skew(z[np.isfinite(z)]):.2f}" in desk.head("z-bars")
    d = spread - spread.mean()
    np.testing.assert_allclose(
        drawn(desk, "acf-spread", "r")[:2], [d[k:] @ d[:-k] / (d @ d) for k in (1, 2)], rtol=1e-6
    )

    for symbol, bought in bars.items():
        at = 2 if symbol == "BTCUSDT" else 1
        assert exact(desk, f'[data-liquidity="trades"] td:nth-of-type({at})') == sum(
            bar["trade_count"] for bar in bought[1:]
        )
        volume = math.fsum(bar["quote_volume"] for bar in bought[1:])
        assert exact(desk, f'[data-liquidity="quote_volume"] td:nth-of-type({at})') == pytest.approx(volume, rel=1e-12)
    assert "300" in desk.page.locator('[data-summary="price of ETHUSDT"] td').first.inner_text()

    columns = ("y_on_x_statistic", "x_on_y_statistic", "johansen_trace_0", "adf_statistic", "kpss_statistic", "variance_ratio_statistic",
               "hurst", "cusum_level", "y_on_x_p_value", "half_life", "half_life_says")  # fmt: skip
    look = asked(questdb, "pair_tests_1s", columns, "LIMIT -1")[0]
    for name, column in (("y_on_x", "y_on_x_statistic"), ("x_on_y", "x_on_y_statistic"), ("johansen0", "johansen_trace_0"),
                         ("adf", "adf_statistic"), ("kpss", "kpss_statistic"), ("vr", "variance_ratio_statistic"),
                         ("hurst", "hurst"), ("break", "cusum_level")):  # fmt: skip
        if look[column] is not None:
            assert exact(desk, f'[data-test="{name}"] td') == look[column], name
    assert "right only for a fixed hedge ratio" in desk.page.locator('[data-test="adf"]').inner_text()
    assert f"{look['y_on_x_p_value']:.3f}" in desk.page.locator('[data-test="y_on_x"]').inner_text()

    verdict = asked(questdb, "pair_verdicts_1s", ("share", "looks_known"), "LIMIT -1")[0]
    looks = asked(questdb, "pair_tests_1s", ("p_value", "half_life", "half_life_says"), "")
    known = [row["p_value"] for row in looks if row["p_value"] is not None]
    assert drawn(desk, "shares", "both")[-1] == pytest.approx(sum(p < 0.2 for p in known) / len(known), abs=1e-12)
    assert verdict["share"] in drawn(desk, "shares", "both"), "with the level of the flow's settings"
    half_lives = [row["half_life"] for row in looks if row["half_life_says"] == "reverts"]
    shown = drawn(desk, "half-lives", "half_life")
    assert shown[np.isfinite(shown)].tolist() == half_lives

    lead = asked(questdb, "pair_lead_lag", ("lead_ms", "correlation", "correlation_at_zero", "reason"), "LIMIT -1")[0]
    lags, rho = drawn(desk, "lead-curve", "lag"), drawn(desk, "lead-curve", "rho")
    assert lags.tolist() == (LAGS_US / 1_000).tolist()
    if lead["reason"] is None:
        assert lags[np.argmax(np.abs(rho))] == lead["lead_ms"]
        assert rho[lags == lead["lead_ms"]] == lead["correlation"]
        assert rho[lags == 0] == lead["correlation_at_zero"]
    assert (drawn(desk, "lead-curve", "high") > rho).all()

    for width, height in ((1366, 768), (1920, 1080)):
        desk.page.set_viewport_size({"width": width, "height": height})
        desk.until(f"no picture sticks out sideways at {width}", lambda: desk.page.evaluate(_FITS))


_FITS = """() => { const view = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name('analysis-view')).el;
    return view.scrollWidth <= view.clientWidth && document.documentElement.scrollWidth <= innerWidth; }"""


def test_what_cannot_be_shown_says_why_and_until_when(desk: DeskPage, questdb: ManagedServer, recorded: str) -> None:
    Writer(questdb.address, "deskanalysisempty", Market(1, 1_700_000_000_000_000)).prepare()
    desk.open("deskanalysisempty", view="analysis")
    desk.until("why there is nothing", lambda: "The first comes as soon as" in desk._html("note-scatter"), 120)
    desk.until("the same of trades", lambda: "No trade is stored" in desk._html("note-ticks-y"), 20)
    assert "The first comes with the first round of looks" in desk._html("note-half-life")
    assert "no look at the ticks yet" in desk._html("note-lead")
    assert "No look at this pair yet" in desk._html("all-tests")

    desk.open(recorded, model="ols", tf="5m", view="analysis")
    desk.until(
        "why there is no line",
        lambda: (
            "waiting for 60 bars"
            in desk._html("foot-scatter") + desk._html("note-scatter") + desk._html("note-spread-bars")
        ),
        120,
    )
    assert "waiting for 60 bars" in desk._html("note-spread-bars")
    assert "ols is waiting for 60 bars" in desk._html("note-acf")
    desk.until("why there is no look", lambda: desk._html("note-share") != "")
    assert "needs" in desk._html("note-share") or "first round" in desk._html("note-share")
    assert "0.0" not in desk._html("head-half-life")


def test_trades_are_counted_anew_for_what_is_in_view(desk: DeskPage, questdb: ManagedServer, recorded: str) -> None:
    def count(since_ms: float, until_ms: float) -> int:
        within = f"WHERE symbol = 'ETHUSDT' AND timestamp >= {round(since_ms * 1_000)} AND timestamp < {round(until_ms * 1_000)}"
        return int(asked(questdb, "trades", ("count()",), within)[0]["count()"])

    def in_view() -> int:
        return int(desk.page.locator("[data-trades]").first.inner_text().replace(",", ""))

    def ends() -> tuple[float, float]:
        start, end = desk.page.evaluate(
            "(({start, end}) => [start, end])(Bokeh.documents[0].get_model_by_name('ticks-y').x_range)"
        )
        return start, end

    desk.open(recorded, view="analysis", ticks="all")
    desk.until("all trades", lambda: desk.page.locator("[data-trades]").count() == 2, 60)
    every = in_view()
    assert every == asked(questdb, "trades", ("count()",), "WHERE symbol = 'ETHUSDT'")[0]["count()"] == count(*ends())
    drawn_trades = f"Array.from({_IMAGE}).reduce((a, b) => a + b, 0)"
    assert desk.page.evaluate(drawn_trades) == every
    desk.page.evaluate(
        "Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name('ticks-y')).el.scrollIntoView({ block: 'center' })"
    )
    frame = desk.frame_of("ticks-y")
    middle = frame["left"] + frame["width"] / 2, frame["top"] + frame["height"] / 2
    desk.page.mouse.move(*middle)
    desk.page.mouse.wheel(0, -600)
    desk.until("fewer trades in view", lambda: in_view() < every, 20)
    start, end = desk.until("the counts of what is in view", lambda: in_view() == count(*ends()) and ends(), 20)
    assert end - start > 0
    desk.until("the same in the picture", lambda: desk.page.evaluate(drawn_trades) == count(start, end))
    desk.page.mouse.dblclick(*middle)
    desk.until("all of them again", lambda: in_view() == every, 20)
    button = desk.page.get_by_role("group", name="Range of the trades").get_by_role("button", name="1 h", exact=True)
    button.click()
    desk.until("the button is pressed", lambda: button.get_attribute("aria-pressed") == "true", 20)
    desk.until("its range is the default of the address", lambda: "ticks=" not in desk.page.url)


_IMAGE = (
    """[...Bokeh.documents[0]._all_models.values()].find((model) => model.name === 'ticks-y-image').data.image[0]"""
)
