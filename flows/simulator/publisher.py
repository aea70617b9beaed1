"""Hands what the market publishes to its readers, each pulse printed once for all who want the same."""

from collections.abc import Sequence

from flows.simulator import delivery
from flows.simulator.delivery import Delivery, spoiled
from flows.simulator.faults import Fault, Faults
from flows.simulator.listing import Listing
from flows.simulator.printing import Template, frame
from flows.simulator.readers import OUTBOX, Reader
from flows.simulator.streams import ROUTES
from flows.simulator.trades import I64, Field, Flags, Pulse
from flows.simulator.wire import message_template


class Publisher:
    """All readers.

    Args:
        kinds: of streams that have data.

    Attributes:
        streams: names by kind, in the order of the listings.
    """

    def __init__(self, listings: Sequence[Listing], kinds: Sequence[str]) -> None:
        self.streams = {kind: [f"{each.symbol.lower()}@{kind}" for each in listings] for kind in ROUTES.values()}
        self.readers: set[Reader] = set()
        self._delivery = {kind: Delivery(self.streams[kind]) for kind in kinds}
        self._templates: dict[tuple[str, bool], Template] = {
            (kind, combined): message_template(kind, combined, listings) for kind in kinds for combined in (True, False)
        }

    def publish(self, pulse: Pulse, faults: Faults) -> None:
        """Send a pulse to all who want it, as the faults let it pass."""
        between = faults.active(*delivery.KINDS)
        for kind, deliver in self._delivery.items():
            readers = [reader for reader in self.readers if reader.subscription.kind == kind]
            if (readers and pulse.rows.shape[1]) or between or deliver.waits:
                self._send(kind, readers, *deliver(pulse.of_kind(kind), between))
        slow = faults.active("slow")
        for reader in tuple(self.readers):
            limits = [fault.values["outbox"] for fault in slow if self._carries(reader, fault)]
            reader.flush(min(limits, default=OUTBOX))

    def retire(self, opened_before_ms: float) -> None:
        """End the connections that are too old."""
        for reader in tuple(self.readers):
            if reader.opened_ms < opened_before_ms:
                reader.retire()

    def concerned(self, fault: Fault) -> list[Reader]:
        """Readers that carry a stream of the fault, whether it has data or not."""
        return [reader for reader in self.readers if self._carries(reader, fault)]

    def huge(self, fault: Fault) -> None:
        """Send one very long message."""
        for reader in self.concerned(fault):
            name = next(name for name in reader.subscription.streams if fault.concerns(name))
            reader.put(frame(_long_message(name, fault.values["bytes"])), 1)
            reader.flush(OUTBOX)

    def _carries(self, reader: Reader, fault: Fault) -> bool:
        # A connection without a stream is meant where all are.
        return fault.values["stream"] == "*" or any(map(fault.concerns, reader.subscription.streams))

    def _send(self, kind: str, readers: list[Reader], rows: I64, broken: Flags | None) -> None:
        if not rows.shape[1]:
            return
        printed: dict[object, tuple[bytes, int]] = {}
        for reader in readers:
            asked = reader.subscription
            if asked.key not in printed:
                frames, ends = self._templates[kind, asked.combined](rows, asked.wanted)
                if broken is not None and broken.any():
                    frames = _with_broken(frames, ends, rows, broken, asked.wanted)
                printed[asked.key] = (frames, len(ends))
            frames, count = printed[asked.key]
            if count:
                reader.put(frames, count)


def _with_broken(frames: bytes, ends: I64, rows: I64, broken: Flags, wanted: Flags) -> bytes:
    """Frames with the broken ones put in the place of the good ones."""
    shown = wanted[rows[Field.symbol]]
    parts, start = [], 0
    for end, identity, bad in zip(ends.tolist(), rows[Field.id, shown].tolist(), broken[shown].tolist(), strict=True):
        one = frames[start:end]
        # The header is 2 bytes long, or 4 from 126 bytes of text on.
        parts.append(frame(spoiled(one[4 if one[1] == 126 else 2 :], identity)) if bad else one)
        start = end
    return b"".join(parts)


def _long_message(stream: str, size: int) -> str:
    head = f'{{"stream":"{stream}","data":{{"e":"aggTrade","padding":"'
    return head + "x" * max(0, size - len(head) - 3) + '"}}'
