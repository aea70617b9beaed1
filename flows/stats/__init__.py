"""Rolling statistics of a pair: one implementation per statistic, called with 1 row live and 100,000 in a replay.

Every number is a pure function of the bars in its windows and of their absolute index `open_time // interval`, so it has the same
bits however the input was cut, from whichever bar the run began, and in the page's "what if" as in the flow. Not ready is NaN.
Nothing here knows bytewax but `operators`.
"""
