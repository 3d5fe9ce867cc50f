"""The screen: a run's cells as a grid, the minutes left, what runs beside the trainings, the last warning."""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nuclei.report.run_status import CellStatus, RunStatus
from nuclei.report.status_text import elapsed, minutes, state_text

COLOURS = {"done": "green", "running": "cyan", "waiting": "bright_black", "failed": "bold red"}
AROUND = 9  # lines of the screen beside the grid's rows


def rows_of(cells: Sequence[CellStatus]) -> dict[tuple[str, int], dict[int | str, CellStatus]]:
    """The grid's rows: {(model, seed): {setting: cell}}, in the order of the cells."""
    rows: dict[tuple[str, int], dict[int | str, CellStatus]] = {}
    for cell in cells:
        rows.setdefault((cell.model, cell.seed), {})[cell.setting] = cell
    return rows


def folds_text(cells: Iterable[CellStatus]) -> str:
    """How many of these cells are in which state: one text for all folds, which would be too many columns."""
    counts: Counter[str] = Counter(cell.state for cell in cells)
    return ", ".join(f"{counts[state]} {state}" for state in COLOURS if counts[state])


def grid(status: RunStatus, most: int) -> Table:
    """The cells as a table of at most `most` rows; those where something runs or failed come first if not all fit."""
    rows = rows_of(status.cells)
    settings = sorted({cell.setting for cell in status.cells if isinstance(cell.setting, int)})
    folds = any(isinstance(cell.setting, str) for cell in status.cells)
    shown = list(rows)
    if len(shown) > most:
        busy = [key for key in rows if {cell.state for cell in rows[key].values()} & {"running", "failed"}]
        shown = [*busy, *(key for key in rows if key not in busy)][: max(1, most - 1)]
        shown = [key for key in rows if key in shown]
    table = Table(border_style="bright_black", header_style="bold")
    table.add_column("cell", no_wrap=True)
    for setting in settings:
        table.add_column(f"setting {setting}", min_width=26, no_wrap=True)
    if folds:
        table.add_column("folds", no_wrap=True)
    several = len({seed for _, seed in rows}) > 1
    for model, seed in shown:
        cells = [rows[model, seed].get(setting) for setting in settings]
        texts = [Text(state_text(cell), COLOURS[cell.state]) if cell else Text() for cell in cells]
        if folds:
            texts.append(Text(folds_text(cell for cell in rows[model, seed].values() if isinstance(cell.setting, str))))
        table.add_row(f"{model}, seed {seed}" if several else model, *texts)
    if len(shown) < len(rows):
        table.add_row(Text(f"… {len(rows) - len(shown)} more rows", "bright_black"))
    return table


def frame(
    status: RunStatus, steps: tuple[int, int], now: Sequence[str], warning: str, height: int, clock: float | None = None
) -> Group:
    """The whole screen.

    steps: of Snakemake, done and all. now: what runs beside the trainings. height: lines of the terminal. clock: time
    now, s since 1970, for pictures.
    """
    left = f"about {minutes(status.left)}" if status.left else ""
    if status.count("done") == len(status.cells):
        left = "done" if status.finished else "tables and report"
    head = Table.grid(padding=(0, 2))
    head.add_row(
        Text(f"run {status.run}", "bold"),
        elapsed(status, clock),
        ProgressBar(total=max(1, steps[1]), completed=steps[0], width=24),
        f"{steps[0]} of {steps[1]} steps",
        Text(left, "bold"),
    )
    lines = [Text("now: " + "; ".join(now), no_wrap=True, overflow="ellipsis")] if now else []
    lines += [Text(f"{rule} failed: {last}", "red", no_wrap=True, overflow="ellipsis") for rule, last in status.others]
    for cell in status.cells:
        if cell.state == "failed":
            text = f"{cell.name} failed in {cell.stage}: {cell.last}"
            lines.append(Text(text, "red", no_wrap=True, overflow="ellipsis"))
    lines = lines[:4]
    if warning:
        lines.append(Text(f"last {warning}" if warning.startswith("warning") else warning, "yellow", no_wrap=True))
    return Group(head, grid(status, max(3, height - AROUND - len(lines))), *lines)
