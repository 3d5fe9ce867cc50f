"""Progress of long work as plain lines: done/total, rate, time left. Same on a terminal and in a log file."""

import sys
import time
from typing import TextIO


def duration(seconds: float) -> str:
    """Seconds, rounded to whole ones, as h:mm:ss.

    >>> duration(3725.4)
    '1:02:05'
    """
    seconds = int(round(seconds))
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


class Progress:
    """Print `label 12/24 images, 3.10 images/s, ETA 0:00:04` at most every `every` seconds, and a line at the end.

    label: start of each line. total: number of units of the whole work. unit: their name, in the plural. every: s.
    done: units that an earlier process did; they count as done, but not for the rate. stream: default: stderr.
    """

    def __init__(
        self,
        label: str,
        total: int,
        unit: str,
        every: float = 10.0,
        done: int = 0,
        stream: TextIO | None = None,
    ) -> None:
        self.label, self.total, self.unit, self.every = label, total, unit, every
        self.first = self.done = done
        self.stream = stream or sys.stderr
        self.start = self.last = time.monotonic()

    def step(self, count: int = 1, extra: str = "") -> None:
        """Count `count` more units as done, and print the line, with `extra` at its end, if it is due."""
        self.done += count
        if time.monotonic() - self.last >= self.every:
            self.show(extra)

    def show(self, extra: str = "") -> None:
        """Print the line now, with `extra` at its end; the next one is due `every` seconds later."""
        self.last = time.monotonic()
        rate = (self.done - self.first) / max(self.last - self.start, 1e-9)
        left = duration((self.total - self.done) / rate) if rate else "?"
        shown = f"{rate:.2f} {self.unit}/s" if rate >= 1 or not rate else f"{1 / rate:.1f} s/{self.unit.rstrip('s')}"
        print(
            f"{self.label} {self.done}/{self.total} {self.unit}, {shown}, ETA {left}{extra}",
            file=self.stream,
            flush=True,
        )

    def close(self, extra: str = "") -> None:
        """Print the last line: the units done and the time that they took, with `extra` at its end."""
        took = duration(time.monotonic() - self.start)
        print(f"{self.label} {self.done}/{self.total} {self.unit} in {took}{extra}", file=self.stream, flush=True)
