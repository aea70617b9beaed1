"""The charts of the workspace the way dashboards of this kind are made today: a Streamlit script that runs anew twice a second.

It has packages of its own (`anchor-requirements.txt`) and reads the same rows. It is more frugal than those it stands for: it computes
nothing, and reads what the flow has stored.
"""

import os
import time
from datetime import UTC

import pandas as pd
import plotly.graph_objects as go
import psycopg
import streamlit as st
from plotly.subplots import make_subplots

BARS = 600
STATS = "hedge_ratio, r_squared, spread, spread_mean, spread_std, zscore, correlation"


@st.cache_resource
def connection() -> psycopg.Connection:
    return psycopg.connect(os.environ["DESK_PG"], autocommit=True)


def read(query: str, *values: str) -> pd.DataFrame:
    cursor = connection().execute(query, values)
    return pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description or ()])


def candles(rows: pd.DataFrame, title: str) -> go.Figure:
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.8, 0.2])
    figure.add_candlestick(
        x=rows.open_time, open=rows.open, high=rows.high, low=rows.low, close=rows.close, name=title, row=1, col=1
    )
    figure.add_bar(x=rows.open_time, y=rows.volume, row=2, col=1)
    figure.update_layout(title=title, height=240, xaxis_rangeslider_visible=False, showlegend=False)
    return figure


def lines(rows: pd.DataFrame, title: str, *names: str) -> go.Figure:
    figure = go.Figure([go.Scatter(x=rows.open_time, y=rows[name], name=name) for name in names])
    figure.update_layout(title=title, height=220, showlegend=False)
    return figure


began = time.perf_counter()
st.set_page_config(layout="wide")
legs = {
    symbol: read(f"SELECT * FROM bars_1s WHERE symbol = %s LIMIT -{BARS}", symbol)  # noqa: S608
    for symbol in ("ETHUSDT", "BTCUSDT")
}
stats = read(f"SELECT open_time, {STATS} FROM pair_stats_1s WHERE model = %s LIMIT -{BARS}", "ols")  # noqa: S608
newest = stats.iloc[-1]
for tile, name in zip(st.columns(6), ("zscore", "spread", "hedge_ratio", "r_squared", "correlation"), strict=False):
    tile.metric(name, f"{newest[name]:.4f}")
left, right = st.columns(2)
for symbol, rows in legs.items():
    left.plotly_chart(candles(rows, symbol), key=symbol)
norm = pd.DataFrame({symbol: 100 * (rows.close / rows.close.iloc[0] - 1) for symbol, rows in legs.items()})
norm["open_time"] = legs["ETHUSDT"].open_time
left.plotly_chart(lines(norm, "Normalised %", *legs), key="norm")
stats["upper"], stats["lower"] = (stats.spread_mean + side * 2 * stats.spread_std for side in (1, -1))
right.plotly_chart(lines(stats, "Spread", "upper", "lower", "spread_mean", "spread"), key="spread")
right.plotly_chart(lines(stats, "z", "zscore"), key="z")
right.plotly_chart(lines(stats, "Correlation", "correlation", "r_squared"), key="correlation")
right.plotly_chart(lines(stats, "Hedge ratio", "hedge_ratio"), key="hedge")
closed = legs["BTCUSDT"][legs["BTCUSDT"].complete].open_time.iloc[-1]
st.html(f'<i id="newest">{round(closed.replace(tzinfo=UTC).timestamp() * 1000)}</i>')
with open(os.environ["DESK_RUNS"], "ab") as runs:  # noqa: PTH123 - what is measured is a script, written as those are
    runs.write(b".")
time.sleep(max(0.0, 0.5 - (time.perf_counter() - began)))
st.rerun()
