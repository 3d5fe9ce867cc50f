"""How far runs are, in words: what tools/status.py prints, and what the screen shows in each cell."""

import time

from nuclei.report.run_status import CellStatus, RunStatus


def minutes(seconds: float | None) -> str:
    """A time that is left, in words; "" where it is not known.

    >>> minutes(100), minutes(20), minutes(7300)
    ('2 min left', '1 min left', '2 h 2 min left')
    """
    if seconds is None:
        return ""
    whole = max(1, round(seconds / 60))
    return f"{whole // 60} h {whole % 60} min left" if whole >= 60 else f"{whole} min left"


def state_text(cell: CellStatus) -> str:
    """What a cell does, without the place where it does it."""
    if cell.state == "done":
        return "done, not scored" if cell.score is None else f"done, AP50 {cell.score:.3f}"
    if cell.state == "failed":
        return f"failed: {cell.stage}"
    if cell.state == "running" and cell.stage == "train":
        epoch = f"epoch {cell.epoch}/{cell.epochs}" if cell.epochs else "training"
        return ", ".join(filter(None, [epoch, minutes(cell.left)]))
    if cell.state == "running":
        return f"running: {cell.stage}"
    if not cell.epoch:
        return "waiting"
    whole = cell.epochs is not None and cell.epoch >= cell.epochs
    return "waiting, trained" if whole else f"waiting, {cell.epoch} of {cell.epochs or '?'} epochs done"


def summary(status: RunStatus) -> str:
    """One line about a whole run."""
    found = [
        f"{status.count(state)} {state}" for state in ("done", "running", "waiting", "failed") if status.count(state)
    ]
    if status.finished:
        found = [f"all {len(status.cells)} cells and the report are done"]
    elif status.count("done") == len(status.cells) and not status.warning:
        found.append("the report is not made")
    elif status.left and status.snakemake:
        found.append(f"about {minutes(status.left)}")
    if not status.finished:
        found.append(f"Snakemake is {status.snakemake}" if status.snakemake else "Snakemake is not running")
    return f"run {status.run}: {', '.join(found)}"


def page(status: RunStatus) -> str:
    """All about a run: a line for the run, one for each cell, and one for each other job that failed."""
    width = max(len(cell.name) for cell in status.cells)
    lines = [summary(status), *([f"  {status.warning}"] if status.warning else [])]
    for cell in status.cells:
        more = f" ({cell.where})" if cell.where else f": {cell.last}" if cell.last else ""
        lines.append(f"  {cell.name:<{width}}  {state_text(cell)}{more}")
    lines += [f"  {rule:<{width}}  failed: {last}" for rule, last in status.others]
    return "\n".join(lines)


def elapsed(status: RunStatus, now: float | None = None) -> str:
    """How long the last Snakemake has worked on a run, as h:mm:ss. now: s since 1970."""
    from nuclei.common.progress import duration

    return duration((now or time.time()) - status.started) if status.started else ""
