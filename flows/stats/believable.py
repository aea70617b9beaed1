"""Whether a Kalman filter's z can be trusted: its innovations must be about as large as it thinks.

Knows no kernels, so that a page may ask without compiling any.
"""

LEAST_SD, MOST_SD = 0.8, 1.25


def believable(innovation_sd: float) -> bool:
    """Whether the innovations are as large as the filter thinks; an unknown deviation is not.

    >>> believable(0.97), believable(1.6), believable(float("nan"))
    (True, False, False)
    """
    return LEAST_SD <= innovation_sd <= MOST_SD
