"""Rows of the bench's table, and how they are measured.

A part of the bench is a module beside this one with a function `rows(material, full)` that yields Rows, each as soon as
it is measured; its name stands in PARTS of __main__.py. `material` is where the data are (material.py); `full` asks
for the longer measurement. Before it yields a row, a part checks that both sides have the same result (`require`).
"""

import time
from dataclasses import dataclass


class WrongResult(Exception):
    """Two ways to the same result differ: their times compare nothing."""


@dataclass
class Row:
    """A line of the table. ours, other: seconds of ours and of the alternative, or what `unit` says; less is better."""

    name: str
    ours: float
    other: float | None = None
    ratio: str = ""
    goal: str = ""
    met: bool | None = None  # None: no goal
    note: str = ""
    unit: str = "s"

    def cells(self):
        """Texts of the table's columns."""
        values = [f"{value:.3g} {self.unit}" if value is not None else "" for value in (self.ours, self.other)]
        goal = self.goal if self.met is None else f"{self.goal}: {'met' if self.met else 'MISSED'}"
        return [self.name, *values, self.ratio, goal, self.note]


def faster(name, ours, other, least=None, note="", unit="s"):
    """Row of an alternative that takes `other`; the goal is a speed-up of at least `least`."""
    times = other / ours
    goal = f"at least {least:g}x" if least else ""
    return Row(name, ours, other, f"{times:.3g}x", goal, times >= least if least else None, note, unit)


def within(name, ours, floor, most, note="", unit="s"):
    """Row of a floor below which nothing can go; the goal is to take at most `most` times as much."""
    times = ours / floor
    return Row(name, ours, floor, f"{times:.3g} of it", f"at most {most:g} of it", times <= most, note, unit)


def below(name, ours, limit=None, note="", unit="s"):
    """Row of a value with an absolute limit, or none."""
    goal = f"under {limit:g} {unit}" if limit else ""
    return Row(name, ours, None, "", goal, ours < limit if limit else None, note, unit)


def timed(function, *arguments):
    """(seconds, result) of a call."""
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def require(condition, message):
    """Raise WrongResult unless the condition holds."""
    if not condition:
        raise WrongResult(message)
