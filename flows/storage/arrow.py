"""The tables' column types in Arrow, for Parquet files."""

import pyarrow as pa

from flows.storage.schema import ColumnType

ARROW_TYPES = {
    ColumnType.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    ColumnType.SYMBOL: pa.string(),  # plain, so that a file joins with any other
    ColumnType.DOUBLE: pa.float64(),
    ColumnType.LONG: pa.int64(),
    ColumnType.VARCHAR: pa.string(),
    ColumnType.BOOLEAN: pa.bool_(),
}
