"""`pairs up`: the processes of the whole stack, started in order, kept running, stopped in reverse order."""
