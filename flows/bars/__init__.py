"""Ticks to tumbling OHLCV bars, exactly as the exchange's own klines."""
