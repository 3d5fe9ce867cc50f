"""Clean stops: a signal is remembered until the next point where a stage can stop without losing work."""

import signal
from types import FrameType
from typing import ClassVar


class Stopped(Exception):
    """Raised between two iterations or images after a signal asked for an end. number: the signal's."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"stopped by {signal.Signals(number).name}")


class StopRequest:
    """Turns SIGTERM, SIGINT and SIGUSR1 into a clean stop at the next safe point.

    SIGTERM comes from Snakemake and from a cluster at its time limit, SIGINT from Ctrl-C, and SIGUSR1 from SLURM where
    it is told to warn before the time limit (sbatch --signal). All state is on the class, since signals belong to the
    process.
    """

    SIGNALS: ClassVar = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    number: int | None = None  # of the last signal that came

    @classmethod
    def install(cls) -> None:
        """Handle the three signals from now on. Works in the main thread alone."""
        for number in cls.SIGNALS:
            signal.signal(number, cls._request)

    @classmethod
    def _request(cls, number: int, _frame: FrameType | None) -> None:
        cls.number = number

    @classmethod
    def check(cls) -> None:
        """Raise Stopped if a signal came. Call it wherever the stage can stop without losing work."""
        if cls.number is not None:
            raise Stopped(cls.number)
