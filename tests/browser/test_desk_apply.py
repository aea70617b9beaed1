"""Nothing can be applied where no flow computes it, and the page says why. `tests/e2e/test_applied_models.py` follows what can."""

import pytest
from desk_page import DeskPage
from desk_rows import Market, Writer

from flows.storage.server import ManagedServer

pytestmark = [pytest.mark.browser, pytest.mark.questdb]


def test_nothing_can_be_applied_to_a_dataset_that_no_flow_fills(desk: DeskPage, questdb: ManagedServer) -> None:
    for dataset, origin, said in (
        ("deskreplayed", "replay", "A replay is over: there is no flow that could compute this model."),
        ("desknoflow", "simulated", "No flow fills the dataset desknoflow: models are applied to the main data."),
    ):
        writer = Writer(questdb.address, dataset, Market(150, 1_721_347_200_000_000, window=50), origin)
        writer.prepare()
        writer.write(0, 150)
        writer.await_rows(150)
        desk.open(dataset, what="ols:log:close:40:40:30")
        desk.until("why not", lambda said=said: said in desk._html("apply-said"))
        assert desk.page.get_by_role("button", name="Apply ols_log_40_c30").is_disabled()
