"""Progress of the set-up: lines such as `packages: 34 %, about 3 min left`. It needs no package."""

import sys
import time
from typing import TextIO

TOLD_FROM = 0.1  # share of the work before which nobody can tell how long it takes


class Percent:
    """Says what share of a work of known amount is done, and how many minutes are left.

    label: start of each line. total: the whole amount, in any unit. every: least time between two lines, s. stream:
    default: stderr. The first line comes when something is done.
    """

    def __init__(self, label: str, total: float, every: float = 10.0, stream: TextIO | None = None) -> None:
        self.label, self.total, self.every, self.stream = label, total, every, stream or sys.stderr
        self.done = 0.0
        self.start = self.last = self.grew = time.monotonic()

    def tell(self, done: float, doing: str = "") -> None:
        """Print a line if one is due. done: of the total. doing: what is going on, for the end of the line."""
        now = time.monotonic()
        if done > self.done:
            self.done, self.grew = done, now
        if self.done and now - self.last >= self.every:
            self.last = now
            text = f"{self.label}: {100 * self.done / self.total:.0f} %{self.minutes_left(now)}"
            print(text + (f" ({doing})" if doing else ""), file=self.stream, flush=True)

    def minutes_left(self, now: float) -> str:
        """The time left in words, at the pace until now; "" as long as too little is done to tell."""
        if self.done < TOLD_FROM * self.total:
            return ""
        whole = (self.grew - self.start) * self.total / self.done
        left = round(max(0.0, whole - (now - self.start)) / 60)
        return f", about {left} min left" if left else ", less than a minute left"
