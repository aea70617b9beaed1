"""The watchdog: what stands where, what has to be asked, and what nobody can give. Pure: the legs, the connections and the clock are given.

Nothing is taken for silence before everything that was received has been applied. A leg that says nothing for `leg_silent_after` is
asked about: an answer without trades proves that it is quiet; one with trades that the stream should have brought long ago proves that
the stream is dead, and a new connection is wanted. What the exchange said is used in both cases, so the feed goes on meanwhile.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from flows.domain.scale import UNKNOWN
from flows.sources.binance.feed import Legs
from flows.sources.binance.records import Event, Fill, Lost, Newest
from flows.sources.binance.standing import NEWEST, Ask, LegStanding, LinkStanding

_SECOND = 1_000_000
_RETRY_US = (250_000, 5 * _SECOND)
"""Pause before missing ids that the exchange did not serve are asked for again: doubles from the first to the second."""
_FRESH_US = _SECOND
"""Trades that may still be on their way are looked at again after this."""
_TRUST_US = 60 * _SECOND
"""A leg that was proven quiet counts as such for this long while its next check waits for the budget."""
_HEAD_START_US = 15 * _SECOND
"""Who waits longest is asked about first; one that has spoken since it was quiet, and may be dead, counts as waiting so much longer."""
_MOST_RENEWALS_US = 600 * _SECOND
_MOST_REORDERED = 100
"""More missing ids than this are a gap at once."""
_UNASKED = -(1 << 62)
_TIME = re.compile(rb'"T"\s*:\s*(\d+)')


@dataclass(frozen=True, slots=True)
class Patience:
    """Microseconds of the receive clock. `renew_us`: from one new connection for a silent stream to the next, doubling."""

    leg_silent_after_us: int
    reorder_us: int
    proof_margin_us: int
    gap_patience_us: int
    renew_us: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look says.

    Attributes:
        asks: what is wanted of REST, the most urgent first. records: to be applied now, in this order.
        renew: symbols that want a new connection. standings: of each leg.
    """

    asks: list[Ask]
    records: list[Event | Lost]
    renew: list[str]
    standings: list[LegStanding]


@dataclass
class _Leg:
    """What is remembered of one leg; times of the receive clock."""

    symbol: str
    standing: LegStanding
    received: int = int(UNKNOWN)
    answered: int = _UNASKED
    """When the newest question that was answered was asked."""
    quiet: int = _UNASKED
    """When the newest question was asked whose answer was that nothing traded."""
    next_check: int = _UNASKED
    cheap: bool = True
    """Whether the newest single trade may prove its quiet; not where it was another than ours and yet no aggregate had come."""
    doubted: bool = False
    """The newest single trade is not ours: the aggregates are asked for."""
    silent: bool = False
    silence_told: bool = False
    unproven: bool = False
    opened: int = 0
    """Connections that had been made when the stream was found silent."""
    next_renewal: int = _UNASKED
    renewal_pause: int = 0
    told_to: int = -1
    """Up to which id the gap was told; one whose end was refuted is none."""
    last_id: int = -1
    progress: int = _UNASKED
    next_fill: int = _UNASKED
    fill_pause: int = _RETRY_US[0]
    gap: bool = False


@dataclass(frozen=True, slots=True)
class _Now:
    """A leg's row of `Legs`, with what else a look knows of it."""

    now: int
    last_id: int
    received: int
    held: int
    held_since: int
    first_held: int
    link: LinkStanding


class Watch:
    """Watches over the legs of one feed.

    Args:
        symbols: what is subscribed. rows: where each stands in `Legs`. links: which connection carries each.
        verified: the exchange can be asked for the trades of this stream.
        now_us: when it begins.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        rows: Sequence[int],
        links: Sequence[int],
        patience: Patience,
        verified: bool,
        now_us: int,
    ) -> None:
        self._rows, self._links = list(rows), list(links)
        self._patience, self._verified, self._began = patience, verified, now_us
        waiting = LegStanding("waiting", now_us, "no trade yet")
        self._legs = [_Leg(symbol, waiting, renewal_pause=patience.renew_us) for symbol in symbols]
        self._by_symbol = {leg.symbol: k for k, leg in enumerate(self._legs)}

    def answered(self, fill: Fill, before: Legs, after: Legs, lead_us: int) -> None:
        """An answer of REST was applied: what it says of the stream.

        Args:
            before, after: the legs around it. lead_us: receive clock − exchange clock.
        """
        k = self._by_symbol[fill.symbol]
        leg, row = self._legs[k], self._rows[k]
        leg.answered = fill.asked_us
        new_rows = int(after.filled[row]) > int(before.filled[row])
        if leg.doubted and not new_rows:
            leg.cheap = False
        leg.doubted = False
        progress = int(after.last_id[row]) > int(before.last_id[row])
        if leg.gap:
            leg.fill_pause = _RETRY_US[0] if progress else min(2 * leg.fill_pause, _RETRY_US[1])
            leg.next_fill = fill.received_us + (0 if progress else leg.fill_pause)
            return
        spoke = int(after.received[row]) > fill.asked_us
        if fill.from_id == NEWEST or spoke:
            return
        if int(after.proven[row]) > int(before.proven[row]) and not new_rows:
            leg.quiet = fill.asked_us
            return
        first = _TIME.search(fill.body)
        oldest = int(first[1]) * 1000 if first else fill.asked_us
        if oldest <= fill.asked_us - lead_us - self._patience.proof_margin_us:
            leg.silent = True
        full_page = int(after.last_id[row]) - fill.from_id + 1 >= fill.limit
        leg.next_check = fill.received_us + (0 if full_page else min(_FRESH_US, self._patience.leg_silent_after_us))

    def answered_newest(self, newest: Newest, before: Legs, after: Legs) -> None:
        """An answer with the newest single trade was applied: it proves quiet, or more has to be asked."""
        k = self._by_symbol[newest.symbol]
        leg, row = self._legs[k], self._rows[k]
        if int(after.received[row]) > newest.asked_us:
            leg.answered = newest.asked_us
        elif int(after.proven[row]) > int(before.proven[row]):
            leg.answered = leg.quiet = newest.asked_us
        else:
            leg.doubted = True

    def look(self, now_us: int, settled: bool, legs: Legs, links: Sequence[LinkStanding], rest_problem: str) -> Seen:
        """Decide.

        Args:
            settled: everything that was received has been applied. links: how each connection stands.
            rest_problem: why the exchange cannot be asked; '' where it can.
        """
        seen = Seen([], [], [], [])
        wishes: list[tuple[int, int, Ask]] = []
        columns = [
            column.tolist() for column in (legs.last_id, legs.received, legs.held, legs.held_since, legs.first_held)
        ]
        for k, leg in enumerate(self._legs):
            row = self._rows[k]
            last_id, received, held, held_since, first_held = (column[row] for column in columns)
            now = _Now(now_us, last_id, received, held, held_since, first_held, links[self._links[k]])
            self._heard(leg, now, seen)
            gap = self._verified and now.held > 0 and self._is_gap(now)
            if gap:
                wishes += self._fill(leg, now, seen, rest_problem)
            else:
                leg.gap, leg.told_to = False, min(leg.told_to, now.last_id)
                if settled:
                    wishes += self._check(leg, now)
                    self._judge(leg, now, seen, rest_problem)
            seen.standings.append(self._stand(leg, now, gap, rest_problem))
        wishes.sort(key=lambda wish: wish[:2])
        seen.asks.extend(ask for _, _, ask in wishes)
        return seen

    def _is_gap(self, now: _Now) -> bool:
        """Whether missing ids are more than messages that come in another order."""
        jump = now.first_held - now.last_id - 1
        return now.held_since + self._patience.reorder_us <= now.now or jump > _MOST_REORDERED

    def _heard(self, leg: _Leg, now: _Now, seen: Seen) -> None:
        if now.received == leg.received:
            return
        leg.received, leg.cheap, leg.doubted = now.received, True, False
        if leg.silent or leg.unproven:
            seen.records.append(_event(now, "flowing", leg, "the stream speaks again"))
            leg.silent = leg.silence_told = leg.unproven = False
            leg.renewal_pause, leg.next_renewal = self._patience.renew_us, _UNASKED

    def _fill(self, leg: _Leg, now: _Now, seen: Seen, rest_problem: str) -> list[tuple[int, int, Ask]]:
        """Missing ids: tell them, ask for them, or give them up."""
        if not leg.gap or now.last_id != leg.last_id:
            if not leg.gap:
                leg.next_fill, leg.fill_pause = _UNASKED, _RETRY_US[0]
            leg.gap, leg.last_id, leg.progress = True, now.last_id, now.now
        first, last = now.last_id + 1, now.first_held - 1
        if last > leg.told_to:
            leg.told_to = last
            detail = f"ids {first:,} to {last:,} are missing; the exchange is asked for them"
            seen.records.append(_event(now, "gap", leg, detail, first, last))
        if now.now - leg.progress > self._patience.gap_patience_us:
            why = rest_problem or "the exchange does not serve them"
            seen.records.append(
                Lost(now.now, leg.symbol, last, f"{why}; given up after {(now.now - leg.progress) / 1e6:.0f} s")
            )
            leg.progress = now.now
            return []
        return [(0, now.held_since, Ask(leg.symbol, first, check=False))] if leg.next_fill <= now.now else []

    def _check(self, leg: _Leg, now: _Now) -> list[tuple[int, int, Ask]]:
        """Whether silence is to be asked about."""
        if not self._verified:
            return []
        silence = self._patience.leg_silent_after_us
        cheap = leg.cheap and not (leg.doubted or leg.silent) and now.link.flowing
        if now.last_id < 0:
            since = max(self._began, leg.answered)
            known = leg.answered > _UNASKED
            ask = Ask(leg.symbol, NEWEST, check=True, cheap=cheap and known)
        else:
            since, known = self._since(leg), self._known(leg)
            ask = Ask(leg.symbol, now.last_id + 1, check=True, cheap=cheap)
        due = since + (silence if known else silence // 3)
        if leg.next_check > _UNASKED and since <= leg.next_check:
            due = min(due, leg.next_check)
        urgent = 0 if leg.quiet >= leg.received else _HEAD_START_US
        return [(1, since - urgent, ask)] if due <= now.now else []

    def _known(self, leg: _Leg) -> bool:
        """Whether anything is known of a leg since the feed began or went on."""
        return max(leg.received, leg.quiet) > self._began

    def _since(self, leg: _Leg) -> int:
        """Since when nothing is known of a leg."""
        return max(self._began, leg.received, leg.answered)

    def _judge(self, leg: _Leg, now: _Now, seen: Seen, rest_problem: str) -> None:
        """Tell what has become known of a leg that says nothing; want a new connection for a dead stream."""
        patience = self._patience
        if not now.link.flowing:
            leg.silent = leg.silence_told  # without a connection there is nothing to find out about the stream
        elif leg.silent:
            if not leg.silence_told:
                leg.silence_told, leg.opened = True, now.link.opened
                detail = "the exchange trades it and the stream says nothing; its trades are asked for, a new connection is made"
                seen.records.append(_event(now, "silent", leg, detail))
            elif leg.quiet > leg.received and leg.quiet == leg.answered and now.link.opened > leg.opened:
                leg.silent = leg.silence_told = False
                detail = "a new connection was made, and the exchange says that nothing has traded since"
                seen.records.append(_event(now, "flowing", leg, detail))
                return
            self._want_renewal(leg, now, seen)
        if leg.silent:
            return
        unknown_us = now.now - (self._since(leg) if self._verified else max(self._began, leg.received))
        trusted = leg.quiet >= leg.received and leg.quiet > _UNASKED and not rest_problem
        limit = patience.leg_silent_after_us + (_TRUST_US if trusted else _SECOND)
        if unknown_us > limit and now.last_id >= 0:
            if not leg.unproven:
                leg.unproven = True
                seen.records.append(_event(now, "unproven", leg, self._doubt(rest_problem)))
            if not self._verified:
                self._want_renewal(leg, now, seen)
        elif leg.unproven and unknown_us <= patience.leg_silent_after_us:
            leg.unproven = False
            seen.records.append(_event(now, "flowing", leg, "the exchange says that nothing has traded"))

    def _want_renewal(self, leg: _Leg, now: _Now, seen: Seen) -> None:
        if now.link.flowing and leg.next_renewal <= now.now:
            seen.renew.append(leg.symbol)
            leg.next_renewal = now.now + leg.renewal_pause
            leg.renewal_pause = min(2 * leg.renewal_pause, max(_MOST_RENEWALS_US, self._patience.renew_us))

    def _doubt(self, rest_problem: str) -> str:
        if not self._verified:
            return "nothing has come, and trades of this stream cannot be asked for"
        return f"nothing has come, and the exchange cannot be asked: {rest_problem or 'it has not answered yet'}"

    def _stand(self, leg: _Leg, now: _Now, gap: bool, rest_problem: str) -> LegStanding:
        state, detail = self._state(leg, now, gap, rest_problem)
        since = leg.standing.since_us if state == leg.standing.state else now.now
        leg.standing = LegStanding(state, since, detail)
        return leg.standing

    def _state(self, leg: _Leg, now: _Now, gap: bool, rest_problem: str) -> tuple[str, str]:
        if not now.link.flowing and (now.link.opened > 1 or now.last_id >= 0):
            return "reconnecting", now.link.detail
        if now.last_id < 0:
            return "waiting", f"no trade yet; {rest_problem or now.link.detail}"
        if gap:
            last = now.first_held - 1
            return (
                "filling",
                f"ids {now.last_id + 1:,} to {last:,} are missing{f': {rest_problem}' if rest_problem else ''}",
            )
        if leg.silent:
            return "silent", "the exchange trades it and the stream says nothing: its trades come by REST"
        if leg.unproven:
            return "unproven", self._doubt(rest_problem)
        if not self._known(leg):
            return "waiting", f"nothing since the start; {rest_problem or now.link.detail}"
        silent_us = now.now - max(self._began, leg.received)
        silent = silent_us > self._patience.leg_silent_after_us or leg.received <= self._began
        quiet = silent and leg.quiet >= leg.received
        return ("quiet", "") if quiet else ("live", "")


def _event(now: _Now, kind: str, leg: _Leg, detail: str, first: int = -1, last: int = -1) -> Event:
    return Event(now.now, kind, leg.symbol, detail, first, last, last - first + 1 if first >= 0 else -1)
