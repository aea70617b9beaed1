"""The statistics of one bar by others: exact fractions, decimals, numpy, scipy and statsmodels. Nothing here imports `flows.stats`.

The definitions are those of `flows.stats`, written down again from the text: which windows, which degrees of freedom, what a flat leg
means. Only the series is shared: the closes, or their `math.log`, which is part of the definition.
"""
