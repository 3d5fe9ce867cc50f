"""What every stage's command line shares: bad input ends it with one line for each problem and exit status 2."""

import contextlib
import errno
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path


class InputError(Exception):
    """Bad input, found before any work is spent.

    problems: one line for each problem, in the form `file: found …, wanted …; what to do`. Line breaks within a problem
    become spaces. str() of the error is the lines, joined by line breaks.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = [" ".join(problem.splitlines()) for problem in problems]
        super().__init__(*self.problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


def run_stage(main: Callable[[], object]) -> None:
    """Call main(). Turn an InputError into one `error: …` line for each problem on stderr, and exit status 2.

    An OSError that names a file, or says that the disk is full, is the user's to mend too, so it ends in the same way.
    Every other exception is a mistake of the code and keeps its traceback.
    """
    try:
        main()
    except InputError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        if not full and error.filename is None:  # no file to name: a traceback tells more
            raise
        problem = "no space left on the disk; free some" if full else f"{error.strerror}; check the path"
        print(f"error: {error.filename or 'output'}: {problem} and run again", file=sys.stderr)
        sys.exit(2)


@contextlib.contextmanager
def written_by(script: str, path: Path | str) -> Iterator[None]:
    """Turn an error that the content of `path` causes in the block into an InputError.

    Use it around code that reads a JSON file of this project without checking each key: a file of other content then
    ends in one line instead of a traceback. script: name of the stage that writes `path`, to be run again.
    """
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        found = f"{type(error).__name__} {str(error)[:60]}"
        raise InputError(f"{path}: other content found ({found}), wanted what {script} writes; run it again") from None


def capped(problems: Sequence[str], file: Path | str, shown: int = 20) -> list[str]:
    """The first `shown` problem lines, then one line with the number of the others. file: what that line names."""
    more = [f"{file}: {len(problems) - shown} more problems like these"] if len(problems) > shown else []
    return [*problems[:shown], *more]


def refuse(problems: Sequence[str], file: Path | str, shown: int = 20) -> None:
    """Raise InputError if there are problems, with the lines that `capped` gives. Nothing happens without problems."""
    if problems:
        raise InputError(*capped(problems, file, shown))
