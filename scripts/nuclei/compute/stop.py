"""Clean stops: a signal is remembered until the next safe point."""

import signal


class Stopped(Exception):
    """Raised between two iterations or images after a signal asked for an end."""

    def __init__(self, number):
        self.number = number
        super().__init__(f"stopped by {signal.Signals(number).name}")


class StopRequest:
    """Turns SIGTERM, SIGINT and SIGUSR1 into a clean stop at the next safe point."""

    number = None

    @classmethod
    def install(cls):
        """Handle the three signals from now on."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, cls._request)

    @classmethod
    def _request(cls, number, _frame):
        cls.number = number

    @classmethod
    def check(cls):
        """Raise Stopped if a signal came."""
        if cls.number is not None:
            raise Stopped(cls.number)
