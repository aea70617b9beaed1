"""The recipe of one stored number: from which bars it was made and how, and the same number made again, twice.

`explain()` reads the row of `pair_stats` and the bars that it needs, and makes the row again: with our own library, which must give every
bit of it, and with others that share no line with ours (`oracle`), which must give it within a stated tolerance. `show` prints what it
says; the page calls the same function.
"""
