"""Where ticks come from: files of several formats, and the exchange. Time enters here and nowhere below."""
