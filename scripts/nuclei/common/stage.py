"""What every stage's command line shares: errors in one line each."""

import contextlib
import errno
import sys


class InputError(Exception):
    """Bad input: one line a problem, `file: found …, wanted …; what to do`."""

    def __init__(self, *problems):
        self.problems = [" ".join(problem.splitlines()) for problem in problems]
        super().__init__(*self.problems)

    def __str__(self):
        return "\n".join(self.problems)


def run_stage(main):
    """Call main() and turn bad input into one line a problem and exit status 2."""
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
def written_by(script, path):
    """Turn a stumble over the content of `path`, a JSON file that `script` writes, into an InputError."""
    try:
        yield
    except (LookupError, TypeError, AttributeError) as error:
        found = f"{type(error).__name__} {str(error)[:60]}"
        raise InputError(f"{path}: other content found ({found}), wanted what {script} writes; run it again") from None


def refuse(problems, file, shown=20):
    """Raise InputError with the first `shown` problem lines and the number of the others, if there are any."""
    if problems:
        more = [f"{file}: {len(problems) - shown} more problems like these"] if len(problems) > shown else []
        raise InputError(*problems[:shown], *more)
