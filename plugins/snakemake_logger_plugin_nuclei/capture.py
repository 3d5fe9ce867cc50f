"""What this process and its jobs print, kept away from the terminal that the screen is drawn on."""

import os
import sys
import tempfile
from typing import BinaryIO


class Capture:
    """Lets file descriptors 1 and 2, which jobs inherit, lead to files without a name, until release().

    Only there it can be done for all rules at once, whatever their commands do. stderr: the former standard error.
    """

    def __init__(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self.former = [os.dup(descriptor) for descriptor in (1, 2)]
        self.files: list[BinaryIO] = [tempfile.TemporaryFile() for _ in self.former]  # noqa: SIM115
        for descriptor, file in zip((1, 2), self.files, strict=True):
            os.dup2(file.fileno(), descriptor)
        self.stderr = os.fdopen(os.dup(self.former[1]), "w", buffering=1, errors="backslashreplace")
        self.read = [0, 0]
        self.released = False

    def last_warning(self) -> str:
        """The last line since the last call that begins with `warning:`, or ""."""
        found = ""
        for index, file in enumerate(self.files):
            size = os.fstat(file.fileno()).st_size
            text = os.pread(file.fileno(), size - self.read[index], self.read[index]).decode(errors="replace")
            whole, newline, _ = text.rpartition("\n")
            self.read[index] += len((whole + newline).encode())
            found = next((line for line in reversed(whole.splitlines()) if line.startswith("warning:")), found)
        return found

    def release(self, replay: bool = True) -> None:
        """Let the descriptors lead where they did; replay: print what was kept. A second call prints what is new."""
        sys.stdout.flush()
        sys.stderr.flush()
        for index, (descriptor, file) in enumerate(zip((1, 2), self.files, strict=True)):
            if not self.released:
                os.dup2(self.former[index], descriptor)
                self.read[index] = 0
            if replay:
                size = os.fstat(file.fileno()).st_size
                kept = os.pread(file.fileno(), size - self.read[index], self.read[index])
                self.read[index] += len(kept)
                while kept:
                    kept = kept[os.write(descriptor, kept) :]
        self.released = True
