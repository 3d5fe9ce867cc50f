"""Which jobs Snakemake gave up, read from its own log (.snakemake/log)."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

# "[Fri Nov 27 17:45:53 2026]" stands ahead of each event, in the C locale.
TIME = re.compile(r"\[(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4})\]")
FAILED = re.compile(r"Error in rule (\w+):")
FACT = re.compile(r"(jobid|output|log): (.+)")
OVER = re.compile(r"(Finished jobid: |Trying to restart job )([\w-]+)")


@dataclass(frozen=True)
class Failure:
    """A job that failed. time: s since 1970. log, outputs: paths as the rule has them."""

    rule: str
    job: str
    time: float
    log: str
    outputs: tuple[str, ...]


def seconds(text: str) -> float:
    """A time of the log, s since 1970; 0 where there is no such time."""
    try:
        return time.mktime(time.strptime(text, "%a %b %d %H:%M:%S %Y"))
    except (ValueError, OverflowError):
        return 0.0


def failures(path: Path | str) -> list[Failure]:
    """The jobs that failed according to a log of Snakemake, without those that it started again or finished later.

    An empty list where there is no such file.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found: dict[str, Failure] = {}
    when, rule = 0.0, ""
    facts: dict[str, str] = {}

    def note() -> None:
        if rule and "jobid" in facts:
            log = facts.get("log", "").removesuffix(" (check log file(s) for error details)").split(", ")[0]
            outputs = tuple(filter(None, facts.get("output", "").split(", ")))
            found[facts["jobid"]] = Failure(rule, facts["jobid"], when, log, outputs)

    for line in map(str.strip, lines):  # the jobs of a group are indented
        if match := FAILED.fullmatch(line):
            rule, facts = match[1], {}
        elif match := FACT.fullmatch(line):
            facts.setdefault(match[1], match[2])
        elif match := TIME.fullmatch(line):
            note()
            when, rule = seconds(match[1]), ""
        elif match := OVER.match(line):
            note()
            rule = ""
            group = not match[2].isdigit()  # it has an id of its own, and its jobs were listed just now
            for job in [job for job, one in found.items() if job == match[2] or (group and one.time == when)]:
                del found[job]
    note()
    return list(found.values())
