"""What is compared with: the fastest readers that other libraries offer, each on one thread and doing nothing else.

Every function reads one file entirely and gives the number of its rows.
"""

from collections.abc import Callable
from pathlib import Path

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

_ARROW = {
    "symbol": pa.string(), "time": pa.int64(), "trade_id": pa.int64(), "price": pa.float64(), "size": pa.float64(),
    "is_buyer_maker": pa.bool_(),
}  # fmt: skip
_POLARS = {
    "symbol": pl.String, "time": pl.Int64, "trade_id": pl.Int64, "price": pl.Float64, "size": pl.Float64,
    "is_buyer_maker": pl.Boolean,
}  # fmt: skip
_COLLECTOR_ARROW = {"symbol": pa.string(), "ts": pa.string(), "price": pa.float64(), "size": pa.float64()}
_COLLECTOR_POLARS = {"symbol": pl.String, "ts": pl.String, "price": pl.Float64, "size": pl.Float64}
_TRADE_ARROW = {
    "E": pa.int64(), "T": pa.int64(), "s": pa.string(), "t": pa.int64(), "p": pa.string(), "q": pa.string(),
    "X": pa.string(), "m": pa.bool_(),
}  # fmt: skip
_TRADE_POLARS = {
    "E": pl.Int64, "T": pl.Int64, "s": pl.String, "t": pl.Int64, "p": pl.String, "q": pl.String, "X": pl.String,
    "m": pl.Boolean,
}  # fmt: skip
_CAPTURE_ARROW = {"recv_ns": pa.int64(), "msg": pa.struct({"data": pa.struct(_TRADE_ARROW)})}
_CAPTURE_POLARS = {"recv_ns": pl.Int64, "msg": pl.Struct({"data": pl.Struct(_TRADE_POLARS)})}


def arrow_csv(path: Path) -> int:
    convert = pa.csv.ConvertOptions(column_types=_ARROW)
    return int(pa.csv.read_csv(path, pa.csv.ReadOptions(use_threads=False), convert_options=convert).num_rows)


def polars_csv(path: Path) -> int:
    return pl.read_csv(path, schema=_POLARS).height


def arrow_parquet(path: Path) -> int:
    return int(pa.parquet.read_table(path, columns=list(_ARROW), use_threads=False).num_rows)


def polars_parquet(path: Path) -> int:
    return pl.read_parquet(path, columns=list(_POLARS)).height


def arrow_collector(path: Path) -> int:
    return _arrow_json(path, _COLLECTOR_ARROW)


def arrow_capture(path: Path) -> int:
    return _arrow_json(path, _CAPTURE_ARROW)


def polars_collector(path: Path) -> int:
    return pl.read_ndjson(path, schema=_COLLECTOR_POLARS).height


def polars_capture(path: Path) -> int:
    return pl.read_ndjson(path, schema=_CAPTURE_POLARS).height


def orjson_lines(path: Path) -> int:
    rows = 0
    with path.open("rb") as file:
        for line in file:
            orjson.loads(line)  # not kept: a million objects would measure the garbage collector
            rows += 1
    return rows


def _arrow_json(path: Path, schema: dict[str, pa.DataType]) -> int:
    options = pa.json.ParseOptions(explicit_schema=pa.schema(schema), unexpected_field_behavior="ignore")
    return int(pa.json.read_json(path, pa.json.ReadOptions(use_threads=False), options).num_rows)


READERS: dict[str, Callable[[Path], int]] = {
    "pyarrow csv": arrow_csv,
    "polars csv": polars_csv,
    "pyarrow parquet": arrow_parquet,
    "polars parquet": polars_parquet,
    "pyarrow collector": arrow_collector,
    "polars collector": polars_collector,
    "pyarrow capture": arrow_capture,
    "polars capture": polars_capture,
    "orjson collector": orjson_lines,
    "orjson capture": orjson_lines,
}
