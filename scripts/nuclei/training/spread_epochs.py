"""Which of the kept epochs of a training are predicted with, to see whether the validation score says anything."""

from collections.abc import Sequence


def spread_epochs(kept: Sequence[int], count: int) -> list[int]:
    """At most `count` of the kept epochs, spread over the training: the first, the last, and even steps between them.

    kept: epochs whose weights are on disk, rising. Of each step the nearest epoch is taken that is not taken yet, at a
    tie the earlier one. The scores of the epochs have no part in it.

    >>> spread_epochs([1, 2, 3, 10], 3), spread_epochs([4, 9], 3), spread_epochs([4, 9], 1)
    ([1, 3, 10], [4, 9], [9])
    """
    left = list(kept)
    if len(left) <= count:
        return left
    if count == 1:
        return left[-1:]
    first, last = left[0], left[-1]
    found = []
    for step in range(count):
        wanted = first + (last - first) * step / (count - 1)
        nearest = min(left, key=lambda epoch: (abs(epoch - wanted), epoch))
        left.remove(nearest)
        found.append(nearest)
    return sorted(found)
