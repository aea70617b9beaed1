"""A file replayed into QuestDB as a program of its own, `python -m bytewax.run recovering_flow`: for tests that kill it."""

import os
from dataclasses import replace
from pathlib import Path

from bytewax.dataflow import Dataflow

from flows.pairs import build, retry_of
from flows.replay import source_of
from flows.settings import load
from flows.sinks.questdb import QuestDBSink
from flows.storage.client import address_of


def flow() -> Dataflow:
    """The dataflow of `pairs replay`, with blocks so small that there are hundreds of epochs."""
    settings = load()
    settings = replace(settings, files=replace(settings.files, block_bytes=int(os.environ["REPLAY_BLOCK_BYTES"])))
    address = address_of(
        "127.0.0.1", int(os.environ["REPLAY_HTTP_PORT"]), int(os.environ["REPLAY_PG_PORT"]), "", {}
    )  # fmt: skip
    sink = QuestDBSink(address, os.environ["REPLAY_DATASET"], settings.sinks.batch_rows, retry_of(settings))
    return build(settings, source_of([Path(os.environ["REPLAY_FILE"])], settings), sink)
