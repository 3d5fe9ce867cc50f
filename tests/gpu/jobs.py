"""Stages as processes of their own, on a card or on the CPU, and what they say while they run."""

import os
import subprocess
import time

from conftest import ROOT
from support.training_cell import command


def training(config, out, device, **options):
    """The command line of a training on a device, see support.training_cell.command."""
    words = command(config, out, **options)
    words[words.index("--device") + 1] = device.type
    return words


LIMIT = 900.0  # s after which a job hangs: more than any takes


class Job:
    """A command that runs, and whose text goes to a file. variables: more environment variables."""

    def __init__(self, words, log, **variables):
        self.log = log
        # a job sees the first card alone, so that two of them want the same one
        first = {"CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]}
        with log.open("w") as file:
            self.process = subprocess.Popen(
                words, cwd=ROOT, stdout=file, stderr=file, env={**os.environ, **first, **variables}
            )

    @property
    def said(self):
        """Its text until now."""
        return self.log.read_text(errors="replace")

    def wait_until(self, is_true):
        """Wait until a function of the text gives something true, and return that.

        AssertionError if the job ends before, or hangs.
        """
        late = time.monotonic() + LIMIT
        while not (found := is_true(self.said)):
            assert self.process.poll() is None and time.monotonic() < late, self.said[-3000:]
            time.sleep(0.05)
        return found

    def end(self):
        """Wait for its end; its exit status. AssertionError if it hangs; it is then killed."""
        try:
            return self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"has not ended after {LIMIT:.0f} s: {self.said[-3000:]}") from None

    def kill(self):
        """End it as SIGKILL does."""
        self.process.kill()
        return self.process.wait()
