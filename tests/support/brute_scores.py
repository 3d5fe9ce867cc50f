"""Metrics of label maps by their definitions, over sets of pixels and with no other care than to be plain."""

from fractions import Fraction
from itertools import permutations

import numpy as np


def regions(labels):
    """{label: set of its pixels} of a label map."""
    found = {}
    for place, label in np.ndenumerate(labels):
        if label:
            found.setdefault(int(label), set()).add(place)
    return found


def iou(one, other):
    return Fraction(len(one & other), len(one | other))


def aji(true, found):
    """Kumar et al. 2017, algorithm 1, as it is written there; (C, U)."""
    inside, union, used = 0, 0, set()
    for nucleus in true.values():
        best = max(found, key=lambda j: (iou(nucleus, found[j]), -j), default=None)
        if best is None or not nucleus & found[best]:
            union += len(nucleus)
            continue
        inside += len(nucleus & found[best])
        union += len(nucleus | found[best])
        used.add(best)
    return inside, union + sum(len(found[j]) for j in found if j not in used)


def aji_plus(true, found):
    """Every possible (intersection, union) of the one-to-one pairings with the largest sum of IoUs."""
    rows, columns = list(true.values()), list(found.values())
    if len(rows) > len(columns):
        rows, columns = columns, rows
    best, results = Fraction(-1), set()
    for chosen in permutations(columns, len(rows)):
        pairs = list(zip(rows, chosen, strict=True))
        total = sum((iou(a, b) for a, b in pairs), Fraction(0))
        inside = sum(len(a & b) for a, b in pairs)
        if total > best:
            best, results = total, set()
        if total == best:
            results.add(inside)
    whole = sum(map(len, [*true.values(), *found.values()]))
    return {(inside, whole - inside) for inside in results}


def matches(true, found, above):
    """[(nucleus, detection)] with an IoU above `above`."""
    return [(a, b) for a in true.values() for b in found.values() if iou(a, b) > above]


def pq_parts(true, found):
    """(sum of IoUs, matches, false ones, missed ones) of Kirillov et al. 2019."""
    pairs = matches(true, found, Fraction(1, 2))
    return sum((iou(a, b) for a, b in pairs), Fraction(0)), len(pairs), len(found) - len(pairs), len(true) - len(pairs)


def bowl(true, found):
    """The Data Science Bowl's score of one image; None where there is nothing at all."""
    if not true and not found:
        return None
    values = []
    for twentieths in range(10, 20):
        right = len(matches(true, found, Fraction(twentieths, 20)))
        values.append(Fraction(right, len(true) + len(found) - right))
    return sum(values) / 10


def random_labels(random, side=9, most=5):
    """A label map of random boxes that may cover each other, with labels 1, 2, … without gaps."""
    labels = np.zeros((side, side), int)
    for number in range(1, random.integers(0, most + 1) + 1):
        top, left = random.integers(0, side - 1, 2)
        high, wide = random.integers(1, 6, 2)
        labels[top : top + high, left : left + wide] = number
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape) if labels.any() else labels


def relabelled(labels):
    """The same map with labels 1, 2, … also where no pixel is 0."""
    kinds = [label for label in np.unique(labels) if label]
    return sum((labels == label) * number for number, label in enumerate(kinds, 1)) + np.zeros_like(labels)


def near(random, labels):
    """A map like another one: moved by up to one pixel, with some labels gone and some pixels changed."""
    moved = np.roll(labels, random.integers(-1, 2, 2), (0, 1))
    for label in range(1, labels.max() + 1):
        if random.random() < 0.2:
            moved[moved == label] = 0
    for _ in range(random.integers(0, 6)):
        moved[tuple(random.integers(0, len(labels), 2))] = random.integers(0, labels.max() + 1)
    return relabelled(moved)
