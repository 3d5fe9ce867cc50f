"""Nuclei of the rows of windows of a large image, joined row by row, so that memory does not grow with the image.

Neighbouring windows report some nuclei twice (sliding_window.belongs). The result is that of non-maximum suppression
over the whole image (fusion.distinct), though never more than some rows are in memory: a nucleus is final once no
nucleus that it depends on can still come, which are those that it overlaps by IoU >= 0.5, those that these overlap so,
and so on.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nuclei.coco.matching import SAME_NUCLEUS
from nuclei.prediction.instances import Nucleus

Kind = TypeVar("Kind", bound=Nucleus)


def mask_iou(one: Nucleus, other: Nucleus) -> float:
    """IoU of the masks of two nuclei of one image."""
    left, top = max(one.x, other.x), max(one.y, other.y)
    right, bottom = min(one.extent[2], other.extent[2]), min(one.extent[3], other.extent[3])
    if left >= right or top >= bottom:
        return 0.0
    parts = [n.mask[top - n.y : bottom - n.y, left - n.x : right - n.x] for n in (one, other)]
    shared = np.count_nonzero(parts[0] & parts[1])
    return float(shared / (np.count_nonzero(one.mask) + np.count_nonzero(other.mask) - shared))


def overlapping(nuclei: Sequence[Nucleus]) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of nuclei whose masks overlap by IoU >= 0.5."""
    extents = np.array([nucleus.extent for nucleus in nuclei], float).reshape(-1, 4)
    boxes = shapely.box(*extents.T)
    first, second = shapely.STRtree(boxes).query(boxes)
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    return sorted((i, j) for i, j in pairs if i < j and mask_iou(nuclei[i], nuclei[j]) >= SAME_NUCLEUS)


def settle(nuclei: Sequence[Kind], edge: float) -> tuple[list[Kind], list[Kind]]:
    """(final, open): nuclei that stay whatever comes below `edge`, highest score first, and those still undecided.

    edge: upper edge of the next row of windows, px: no nucleus that comes later has a pixel above it.
    """
    pairs = overlapping(nuclei)
    i, j = np.array(pairs, int).reshape(-1, 2).T
    size = len(nuclei)
    count, group = connected_components(coo_array((np.ones(len(pairs)), (i, j)), (size, size)), directed=False)
    undecided = np.zeros(count, bool)
    undecided[[g for g, nucleus in zip(group, nuclei, strict=True) if nucleus.extent[3] > edge]] = True
    order = sorted(range(size), key=lambda at: -nuclei[at].score)
    rank = {at: place for place, at in enumerate(order)}
    weaker: dict[int, list[int]] = {}
    for pair in pairs:
        high, low = sorted(pair, key=rank.__getitem__)
        weaker.setdefault(high, []).append(low)
    kept = np.ones(size, bool)
    for at in order:
        if kept[at]:
            kept[weaker.get(at, [])] = False
    final = [nuclei[at] for at in order if kept[at] and not undecided[group[at]]]
    return final, [nucleus for at, nucleus in enumerate(nuclei) if undecided[group[at]]]


def join_rows(rows: Iterable[tuple[Sequence[Kind], float]]) -> Iterator[list[Kind]]:
    """Yield the nuclei of an image in batches, without those that overlap a surer one by IoU >= 0.5.

    rows: from the top, the nuclei that the windows of each row report, and the upper edge of the next row, px
    (infinity for the last row). Coordinates are those of the image. The nuclei of all batches together are those that
    fusion.distinct keeps of all nuclei of one class. Of several classes the surest stays at a place.
    """
    waiting: list[Kind] = []
    for found, edge in rows:
        waiting += found
        if waiting:
            final, waiting = settle(waiting, edge)
            yield final
