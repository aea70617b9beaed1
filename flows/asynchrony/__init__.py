"""Correlation of two legs that do not trade at the same moments, straight from their ticks, and which of them moves first.

Bars pretend that a price stands until the next trade, and so lose correlation as they get shorter than the pauses between trades
(Epps effect). Here every trade counts at its own time. Nothing here knows bytewax but `operators`.
"""
