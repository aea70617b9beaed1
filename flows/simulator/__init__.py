"""A simulated exchange: a seeded market behind a real server that speaks Binance's USD-M protocol."""
