"""Progress of long work as plain lines: done/total, rate, time left. Same on a terminal and in a log file."""

import sys
import time


def duration(seconds):
    """Seconds as h:mm:ss."""
    seconds = int(round(seconds))
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


class Progress:
    """Print `label 12/24 images, 3.1 images/s, ETA 0:00:04` at most every `every` seconds, and once at the end."""

    def __init__(self, label, total, unit, every=10.0, done=0, stream=None):
        self.label, self.total, self.unit, self.every = label, total, unit, every
        self.first = self.done = done
        self.stream = stream or sys.stderr
        self.start = self.last = time.monotonic()

    def step(self, count=1, extra=""):
        """Count `count` more units as done; `extra` is added to the line if one is due."""
        self.done += count
        if time.monotonic() - self.last >= self.every:
            self.show(extra)

    def show(self, extra=""):
        """Print the line now."""
        self.last = time.monotonic()
        rate = (self.done - self.first) / max(self.last - self.start, 1e-9)
        left = duration((self.total - self.done) / rate) if rate else "?"
        shown = f"{rate:.2f} {self.unit}/s" if rate >= 1 or not rate else f"{1 / rate:.1f} s/{self.unit.rstrip('s')}"
        print(
            f"{self.label} {self.done}/{self.total} {self.unit}, {shown}, ETA {left}{extra}",
            file=self.stream,
            flush=True,
        )

    def close(self, extra=""):
        """Print the last line with the whole time taken."""
        took = duration(time.monotonic() - self.start)
        print(f"{self.label} {self.done}/{self.total} {self.unit} in {took}{extra}", file=self.stream, flush=True)
