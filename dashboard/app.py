"""Served by `panel serve dashboard/app.py`: run anew for every session, so it only joins what imported modules keep."""

import os
import sys
from pathlib import Path

import panel as pn
from bokeh.settings import settings as bokeh_settings

if (
    root := str(Path(__file__).resolve().parent.parent)
) not in sys.path:  # served from a checkout that is not installed
    sys.path.insert(0, root)

from dashboard.hub import shared_hub
from dashboard.page import build
from flows.applied import SUPERVISED
from flows.settings import load
from flows.storage.client import address_of

pn.extension()
bokeh_settings.perform_document_validation = False  # an eighth of what a new page costs; tests check the figures
settings = load()
storage = settings.storage
address = address_of(storage.host, storage.http_port, storage.pg_port, storage.external_pg)
origins = dict.fromkeys((settings.binance.origin, "live", "simulated", "replay"))
roots = tuple(storage.database_root(origin).absolute() for origin in origins)
flow = settings.health.host, settings.health.port
models = tuple((origin, storage.models_file(origin).absolute()) for origin in ("live", "simulated"))
poll_s, stale_after_ms = settings.dashboard.poll_ms / 1000, int(settings.join.stale_after_s * 1_000)
hub = shared_hub(address, roots, poll_s, stale_after_ms, flow, models, SUPERVISED in os.environ)
with pn.state.curdoc.models.freeze():
    build(hub, settings.dashboard.lookback_bars).servable()
