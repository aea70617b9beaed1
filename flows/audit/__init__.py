"""`pairs audit`: proves on given files that no number depends on later input, on cuts, on workers or on restarts."""
