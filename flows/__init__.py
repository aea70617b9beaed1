"""pairdesk: one Bytewax dataflow from Binance USD-M futures ticks to pair statistics. `flows.pairs` is the place to start."""
