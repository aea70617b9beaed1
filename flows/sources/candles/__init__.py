"""Candles (OHLC bars) of CSV files as closed bars: read and checked whole, then given to the join step in time order."""
