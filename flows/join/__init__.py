"""Both legs of a pair brought to one row per open time, bounded and without a clock. Only `operators` knows bytewax."""
