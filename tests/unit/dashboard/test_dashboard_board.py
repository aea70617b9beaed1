"""The board of all pairs: merging in any cut, the way of z, what a browser is told."""

import numpy as np
import pytest

from dashboard.board import (
    BEHIND_BARS,
    CHANGE_BARS,
    FIELDS,
    ROW_OF,
    UNKNOWN_BAR,
    WIDTH,
    Board,
    Difference,
    PairRows,
    difference,
    empty,
    merged,
)
from dashboard.board_data import with_history

PAIRS = ("A/B", "C/B", "D/B")
START = 1_700_000_000


def rows(*cells: tuple[int, int, float, bool]) -> PairRows:
    """Of (bar, pair, z, closed); every other value is z times its column."""
    z = np.array([cell[2] for cell in cells])
    values = np.concatenate((z * np.arange(1, len(FIELDS) + 1)[:, None], [[float(cell[3]) for cell in cells]]))
    return PairRows(np.array([c[0] for c in cells], np.int64), np.array([c[1] for c in cells], np.int64), values)


def walk(bars: int, seed: int = 5) -> list[tuple[int, int, float, bool]]:
    """Every pair at every bar, forming and then closed, but the last pair has a hole."""
    rng = np.random.default_rng(seed)
    cells = []
    for bar in range(START, START + bars):
        for pair in range(len(PAIRS)):
            if pair == 2 and START + 20 <= bar < START + 40:
                continue
            z = float(rng.standard_normal())
            cells += [(bar, pair, z + 0.1, False), (bar, pair, z, True)]
    return cells


def test_any_cut_gives_the_same_board() -> None:
    cells = walk(WIDTH + 30)
    whole = merged(empty(PAIRS, 1_000_000), rows(*cells))
    rng = np.random.default_rng(1)
    cut = empty(PAIRS, 1_000_000)
    at = 0
    while at < len(cells):
        size = int(rng.integers(1, 25))
        cut, at = merged(cut, rows(*cells[at : at + size])), at + size
    for name in ("bar", "settled", "values", "history"):
        np.testing.assert_array_equal(getattr(cut, name), getattr(whole, name))
    assert (whole.newest, whole.bar.tolist()) == (START + WIDTH + 29, [START + WIDTH + 29] * 3)


def test_values_are_those_of_the_newest_row_and_change_is_over_sixty_bars() -> None:
    cells = [cell for cell in walk(WIDTH + 30) if cell[3]]
    board = merged(empty(PAIRS, 1_000_000), rows(*cells))
    newest = board.newest
    z = {(bar, pair): value for bar, pair, value, _ in cells}
    assert board["zscore"].tolist() == [z[newest, i] for i in range(3)]
    assert board["correlation"][1] == z[newest, 1] * (1 + ROW_OF["correlation"])
    before = [z.get((newest - CHANGE_BARS, i), np.nan) for i in range(3)]
    assert np.isnan(before[2]), "the hole"
    np.testing.assert_array_equal(board["change"], board["zscore"] - before)


def test_a_forming_row_is_shown_but_is_no_history() -> None:
    board = merged(empty(PAIRS, 1_000_000), rows((START, 0, 1.0, True), (START + 1, 0, 2.0, False)))
    assert (board["zscore"][0], board["closed"][0], board.history[0, -2]) == (2.0, 0.0, 1.0)
    assert np.isnan(board.history[0, -1])
    closed = merged(board, rows((START + 1, 0, 3.0, True)))
    assert (closed["zscore"][0], closed["closed"][0], closed.history[0, -1]) == (3.0, 1.0, 3.0)
    assert merged(closed, rows((START + 1, 0, 3.0, True))) is closed, "nothing new"
    late = merged(closed, rows((START - 3, 0, -1.0, True)))
    assert (late["zscore"][0], late.history[0, -5]) == (3.0, -1.0), "an older row fills the history only"


def test_history_does_not_take_the_place_of_newer_rows() -> None:
    board = merged(empty(PAIRS, 1_000_000), rows((START, 0, 1.0, True)))
    bars = np.arange(START - 9, START + 1)
    filled = with_history(board, bars, np.zeros(10, np.int64), [None, *range(9)])
    assert filled["zscore"][0] == 1.0
    assert np.isnan(filled.history[0, -10])
    assert filled.history[0, -9:].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 1.0]


def test_pairs_far_behind_are_not_waited_for() -> None:
    board = merged(empty(PAIRS, 1_000_000), rows((START, 0, 1.0, True), (START, 1, 1.0, True)))
    assert board.awaited_us == START * 1_000_000
    assert board.behind == (("D/B",), (START - WIDTH) * 1_000_000), "it has no row at all"
    ahead = merged(board, rows((START + BEHIND_BARS, 0, 1.0, True)))
    assert ahead.awaited_us == (START + BEHIND_BARS) * 1_000_000
    assert ahead.behind == (("C/B", "D/B"), (START + BEHIND_BARS - WIDTH) * 1_000_000)


class Browser:
    """What assets/pairs.js does with a difference."""

    def __init__(self) -> None:
        self.z: dict[tuple[int, int], float] = {}
        self.values: dict[int, list[float]] = {}

    def take(self, change: Difference, board: Board) -> None:
        if change.full:
            self.__init__()  # type: ignore[misc]
        for i, bar, z in change.points:
            self.z.pop((i, bar), None)
            if z is not None:
                self.z[i, bar] = z
        self.z = {key: z for key, z in self.z.items() if key[1] > board.newest - WIDTH}
        for i in change.pairs:
            self.values[i] = board.values[:, i].tolist()


def test_differences_bring_a_browser_from_board_to_board() -> None:
    cells, browser = walk(3 * WIDTH), Browser()
    board, told, points = empty(PAIRS, 1_000_000), None, []
    for at in range(0, len(cells), 7):
        board = merged(board, rows(*cells[at : at + 7]))
        if at % 21 == 0:  # it does not see every board
            change = difference(told, board)
            browser.take(change, board)
            told = board
            points.append(len(change.points))
            known = {
                (i, board.newest - WIDTH + 1 + j): board.history[i, j] for i, j in np.argwhere(~np.isnan(board.history))
            }
            assert browser.z == known
            np.testing.assert_array_equal(np.array([browser.values[i] for i in range(3)]).T, board.values)
    assert max(points[1:]) < 30, "only what is new is told"
    assert difference(told, board) is difference(told, board), "made once for all pages"


@pytest.mark.parametrize("change", ["pairs", "jump", "back"])
def test_what_cannot_be_told_as_a_difference_is_told_anew(change: str) -> None:
    before = merged(empty(PAIRS, 1_000_000), rows((START, 0, 1.0, True)))
    after = {
        "pairs": merged(empty(PAIRS[:2], 1_000_000), rows((START, 0, 1.0, True))),
        "jump": merged(before, rows((START + WIDTH, 0, 2.0, True))),
        "back": merged(empty(PAIRS, 1_000_000), rows((START - 1, 0, 1.0, True))),
    }[change]
    told = difference(before, after)
    assert told.full
    assert told.pairs == tuple(range(len(after.pairs)))
    assert len(told.points) == 1


def test_an_empty_board_is_told() -> None:
    board = empty(PAIRS, 1_000_000)
    assert board.bar.tolist() == [UNKNOWN_BAR] * 3
    assert difference(None, board) == Difference(True, (0, 1, 2), ())
