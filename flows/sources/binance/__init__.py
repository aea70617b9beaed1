"""The live feed of Binance USD-M futures: wire format, feed state machine, socket."""
