"""What the health server is told of the feed."""

import json
from dataclasses import replace

import numpy as np

from flows.domain.frames import FeedEvents
from flows.domain.scale import UNKNOWN
from flows.latency import Latency
from flows.sources.binance.board import ALIVE_S, Board, View
from flows.sources.binance.feed import Legs
from flows.sources.binance.standing import LegStanding, LinkStanding, RestStanding

NOW_US = 1_721_347_022_000_000


def view() -> View:
    known = np.array([7, UNKNOWN, 9])
    legs = Legs(
        last_id=known, last_trade_time=np.array([NOW_US - 2_500_000, UNKNOWN, NOW_US]), received=known, held=np.arange(3),
        held_since=known, first_held=known, filled=np.arange(3), missing=np.arange(3), proven=known, watermark=known,
    )  # fmt: skip
    standings = [LegStanding("live", NOW_US, ""), LegStanding("silent", NOW_US, "the stream says nothing")]
    return View(
        NOW_US, 500_000, ("ETHUSDT", "BTCUSDT"), (0, 2), standings, legs, [LinkStanding(True, NOW_US, "connection 1", 1)],
        RestStanding("", 40, 2_000), 12, {"trades": 5},
    )  # fmt: skip


def test_ready_only_while_every_leg_can_be_relied_on_and_the_flow_turns() -> None:
    now = [0.0]
    board = Board(lambda: now[0])
    assert board.health()[0]
    assert board.readiness() == (False, {"ready": False, "reason": "the feed has not begun"})
    board.show(view())
    ready, why = board.readiness()
    assert not ready
    assert why["reason"] == "BTCUSDT silent"
    assert why["legs"] == {"BTCUSDT": {"state": "silent", "detail": "the stream says nothing"}}
    good = LegStanding("quiet", NOW_US, "")
    board.show(replace(view(), standings=[good, good]))
    assert board.readiness() == (True, {"ready": True, "legs": 2})
    now[0] = ALIVE_S
    assert not board.health()[0]
    assert board.readiness()[1]["reason"] == "the flow has not turned for 10.0 s"
    board.polled()
    assert board.health()[0]
    assert board.readiness()[0]


def test_the_status_holds_everything_and_is_json() -> None:
    board = Board(lambda: 0.0)
    json.dumps(board.status(), allow_nan=False)
    board.show(view())
    texts = np.array(["gap"] * 60, np.object_)
    ids = np.arange(60)
    board.tell(FeedEvents(ids + NOW_US, ids, texts, texts, texts, ids, ids, ids))
    latency = Latency()
    latency.add("received_chunk", np.array([1_000]))
    board.measure(latency.take(NOW_US))
    status = json.loads(json.dumps(board.status(), allow_nan=False))
    first, second = status["legs"]
    assert (first["symbol"], first["last_id"], first["last_trade_age_s"]) == ("ETHUSDT", 7, 2.0)
    assert (second["symbol"], second["last_id"], second["state"], second["held"]) == ("BTCUSDT", 9, "silent", 2)
    assert first["since"] == "2024-07-18T23:57:02.000+00:00"
    assert len(status["events"]) == 50, "the newest"
    assert status["latency"]["received_chunk"]["max_ms"] == 1.0
    assert status["latency"]["bar_row"]["p50_ms"] is None
    assert status["connections"][0]["flowing"] is True
    assert (status["queued_messages"], status["rest"]["used_weight"], status["counts"]) == (12, 40, {"trades": 5})


def test_the_rows_of_the_table() -> None:
    frame = view().frame()
    assert frame.symbol.tolist() == ["ETHUSDT", "BTCUSDT"]
    assert frame.state.tolist() == ["live", "silent"]
    assert frame.last_id.tolist() == [7, 9]
    assert frame.held.tolist() == [0, 2]
    assert frame.lead_ms.tolist() == [500, 500]
    assert frame.time.tolist() == [NOW_US] * 2
