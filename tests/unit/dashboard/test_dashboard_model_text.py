"""A model in the address and in the side bar: each value by itself, and what is wrong said."""

from itertools import product

import pytest

from dashboard.model_text import model_of, problems_of, read_model, text_of
from dashboard.state import Desk
from flows.domain.model import Model, name_of
from flows.stats.methods import METHODS


def test_an_address_gives_back_every_model_and_its_name_tells_them_apart() -> None:
    names = set()
    combinations = list(product(METHODS, ("log", "raw"), ("close", "vwap"), (300, 900), (100, 300), (60, 300)))
    for method, price, source, window, z_window, returns in combinations:
        text = f"{method}:{price}:{source}:{window}:{z_window}:{returns}"
        model, remarks = read_model(text)
        assert (text_of(model), remarks) == (text, [])
        names.add(model.name)
    assert len(names) == len(combinations)
    assert name_of(Model("", "huber", window=900, z_window=900)) == "huber_log_900"


@pytest.mark.parametrize(
    ("text", "taken", "said"),
    [
        ("hubr:log:close:900:300:300", "ols:log:close:900:300:300", 'method must be one of ols, tls, huber, theil_sen, kalman, was "hubr"'),
        ("huber:log:mid:900:300:300", "huber:log:close:900:300:300", 'price source must be one of close, vwap, was "mid"'),
        ("huber:log:close:2:2:300", "huber:log:close:600:600:300", "window must be from 3 to 1,000,000 bars, was 2"),
        ("huber:log:close:300:x:300", "huber:log:close:300:300:300", 'z window must be a whole number of bars, was "x"'),
        ("huber:log:close:300:900:300", "huber:log:close:300:300:300", "z window must be at most window = 300, was 900"),
        ("huber:log:close:300:300", "huber:log:close:300:300:300", "correlation window is missing"),
        ("huber:log:close:300:300:2000000", "huber:log:close:300:300:300", "must be from 3 to 1,000,000 bars, was 2,000,000"),
        ("huber:log:close:300:300:1234567890", "huber:log:close:300:300:300", 'a whole number of bars, was "1234567890"'),
        ("huber:log:close:300:300:-5", "huber:log:close:300:300:300", 'correlation window must be a whole number of bars, was "-5"'),
    ],
)  # fmt: skip
def test_a_wrong_value_is_left_out_and_said_and_the_others_kept(text: str, taken: str, said: str) -> None:
    model, remarks = read_model(text)
    assert text_of(model) == taken
    assert any(remark.startswith("address: what: ") and remark.endswith(said) for remark in remarks)
    assert not problems_of({name: getattr(model, name) for name in Model.__dataclass_fields__})


def test_the_view_model_keeps_a_what_if_in_the_address() -> None:
    desk = Desk()
    desk.read({"what": "kalman:raw:vwap:200:100:50", "model": "ols"})
    wanted = {"method": "kalman", "price": "raw", "source": "vwap", "window": 200, "z_window": 100}
    assert desk.what_if == model_of({**wanted, "correlation_window": 50})
    assert desk.what_if is not None
    assert desk.what_if.name == "kalman_raw_vwap_200_z100_c50"
    assert "&what=kalman:raw:vwap:200:100:50&" in desk.query()
    desk.what = ""
    assert desk.what_if is None
    assert "what" not in desk.query()
    wrong = Desk()
    wrong.read({"what": "<b>"})
    assert any('was "<b>"' in remark for remark in wrong.remarks)
    assert wrong.what == "ols:log:close:600:600:300"
