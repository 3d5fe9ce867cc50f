"""How far a run is, from its files alone: which cells are done, running, waiting or failed, and the minutes left.

Nothing here asks Snakemake or a cluster, so that it works on any machine that sees the files. It reads run.json
(nuclei.workflow.run_record), the results and logs in results/<run>/, the lock files and weights in work/<run>/, and
Snakemake's own logs. Paths are relative to the project's folder.
"""

import math
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from nuclei.common.files import read_json, sha256
from nuclei.common.stage import InputError
from nuclei.compute.lock_state import holder
from nuclei.report.snakemake_log import Failure, failures
from nuclei.workflow.run_folder import cell_folder, is_fold, setting_name
from nuclei.workflow.run_record import LOCK, RECORD, Content, read_record

Name = tuple[int | str, str, int]  # of a cell: setting, model, seed
State = Literal["done", "running", "waiting", "failed"]

# After the training, what each stage leaves in the cell's folder.
STAGES = {
    "select_checkpoint": "checkpoint.json",
    "predict": "predictions.json",
    "write_answer": "answer.zip",
    "score_predictions": "scores.json",
}
ITERATIONS = re.compile(
    r"^\S+ (\d+)/(\d+) iterations, .*ETA (?:(\d+):(\d\d):(\d\d)|\?), epoch (\d+)/(\d+)", re.MULTILINE
)
EPOCHS = re.compile(r"max_epochs ?= ?(\d+)")
MINUTES = re.compile(r"TimedRunner['\"], minutes ?= ?([\d.]+)")  # of a training whose epochs are not known before
TAIL = 20_000  # bytes at a log's end that are read
LONGEST = 300  # characters of a log's last line that are shown


@dataclass(frozen=True)
class CellStatus:
    """How far a cell is.

    score: its AP50 at 100 detections per image (0 to 1), once it is scored. epoch: the one under way, or how many
    are trained of a cell that waits. epochs: of the whole training; None where it is not known yet. stage: what runs
    or failed. left: s until its training ends, where it can be told. seconds: that the whole training took, or will
    take as it seems. setting: 1, 2 or the name of
    a fold. where: process, host and job of a running training. last: the last line of the failed stage's log.
    """

    setting: int | str
    model: str
    seed: int
    state: State
    score: float | None = None
    epoch: int = 0
    epochs: int | None = None
    stage: str = ""
    left: float | None = None
    seconds: float | None = None
    where: str = ""
    last: str = ""

    @property
    def name(self) -> str:
        """setting1/mask_r50/seed0"""
        return f"{setting_name(self.setting)}/{self.model}/seed{self.seed}"


@dataclass(frozen=True)
class RunStatus:
    """How far a run is.

    others: failed jobs that are no cell's, as (rule, last line of its log). snakemake: process and host of the
    Snakemake that works on it, or "". left: s until all trainings have ended, where it can be told. started: s since
    1970, of the last Snakemake. finished: whether every cell is done and the manifest, which comes last, is there.
    warning: that the record of the run cannot be read, or "".
    """

    run: str
    cells: list[CellStatus]
    others: list[tuple[str, str]] = field(default_factory=list)
    snakemake: str = ""
    left: float | None = None
    started: float | None = None
    finished: bool = False
    warning: str = ""

    def count(self, state: State) -> int:
        """How many cells are in a state."""
        return sum(cell.state == state for cell in self.cells)


def tail(path: Path | str) -> str:
    """The end of a log as text; "" where there is no such file."""
    try:
        with open(path, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def last_line(path: Path | str) -> str:
    """The last line of a log that is not empty: at most LONGEST characters, none of which moves the cursor."""
    lines = [line for line in tail(path).splitlines() if line.strip()]
    line = lines[-1] if lines else f"{path} is empty or not there"
    text = "".join(one if one.isprintable() else " " for one in line).strip()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def changed(path: Path | str) -> float:
    """Time of a file's last change, s since 1970; 0 where there is none."""
    try:
        return Path(path).stat().st_mtime
    except OSError:
        return 0.0


def read(path: Path) -> dict[str, Any]:
    """A JSON object; {} where there is none that can be read."""
    try:
        found = read_json(path)
    except InputError:
        return {}
    return found if isinstance(found, dict) else {}


def stand(failure: Failure) -> bool:
    """Whether a failure still stands: its outputs are not there, and its log was not written again since."""
    there = bool(failure.outputs) and all(Path(path).exists() for path in failure.outputs)
    return not there and changed(failure.log) < failure.time + 5  # the log's last line and Snakemake's have two clocks


def standing(record: Content | None, alive: bool) -> list[Failure]:
    """Failed jobs of a run: of the Snakemake that lives, or else what still stands of all that it remembers."""
    if not record or not record["logs"]:
        return []
    if alive:
        return failures(record["logs"][-1])
    return [one for log in record["logs"] for one in failures(log) if stand(one)]


def known_cells(run: str, record: Content | None) -> list[Name]:
    """The cells of a run as (setting, model, seed): by its record, or else those that have a folder."""
    if record:
        return [(setting, str(model), int(seed)) for setting, model, seed in record["cells"]]
    folders = sorted(Path().glob(str(cell_folder(f"results/{run}", "*", "*", "*"))))
    names = [(path.parts[-3].removeprefix("setting"), path) for path in folders]
    return [
        (int(name) if name.isdigit() else name, path.parts[-2], int(path.parts[-1][4:]))
        for name, path in names
        if (name.isdigit() or is_fold(name)) and path.name[4:].isdigit()
    ]


def trained(folder: Path) -> bool:
    """Whether a cell's training is finished, and is that of the config.py that there is now."""
    record = read(folder / "training.json")
    whole = isinstance(record.get("epochs"), int) and isinstance(record.get("wall_seconds"), int | float | None)
    try:
        return whole and record.get("config_sha256") == sha256(folder / "config.py")
    except OSError:
        return whole


def training_state(work: Path, log: Path, now: float) -> dict[str, Any]:
    """Of a cell whose training is not finished: whether it runs, where, its epoch and the time left; as for CellStatus.

    work: the cell's folder in work/. log: of its rule `train`. now: s since 1970.
    """
    found: dict[str, Any] = {"state": "waiting"}
    for folder in sorted(work.glob("*/"), key=changed):
        at = [int(path.stem[6:]) for path in folder.glob("epoch_*.pth") if path.stem[6:].isdecimal()]
        found["epoch"] = max(at, default=0)
        if where := holder(folder / "lock"):
            found |= {"state": "running", "stage": "train", "where": where}
            began = changed(folder / "lock")
            lines = ITERATIONS.findall(tail(log)) if changed(log) >= began else []
            found["epoch"] += 1
            if lines:
                done, total, hours, minutes, seconds, epoch, epochs = lines[-1]
                found |= {"epoch": max(int(epoch), found["epoch"]), "epochs": int(epochs)}
                if hours:
                    left = int(hours) * 3600 + int(minutes) * 60 + int(seconds) - (now - changed(log))
                    found["left"] = max(0.0, left)
                    found["seconds"] = now - began + found["left"]
                    found["epoch"] = min(found["epoch"], found["epochs"])
            break
    return found


def cell_status(run: str, cell: Name, failed: Iterable[Failure], alive: bool, now: float) -> CellStatus:
    """How far one cell is. failed: jobs of the run that failed. alive: whether Snakemake works on it."""
    setting, model, seed = cell
    folder = cell_folder(f"results/{run}", setting, model, seed)
    logs = f"results/{run}/logs/{setting_name(setting)}.{model}.seed{seed}"
    found: dict[str, Any] = {"state": "waiting"}
    if trained(folder):
        record = read(folder / "training.json")
        found |= {"seconds": record.get("wall_seconds"), "epoch": record["epochs"], "epochs": record["epochs"]}
        after = changed(folder / "training.json")
        wanted = {stage: name for stage, name in STAGES.items() if stage != "write_answer" or not is_fold(setting)}
        missing = [stage for stage, name in wanted.items() if not (folder / name).exists()]
        if "score_predictions" not in missing:
            score = read(folder / "scores.json").get("map_report")
            found["score"] = score if isinstance(score, int | float) and math.isfinite(score) else None
        if not missing:
            found["state"] = "done"
        elif alive and changed(f"{logs}.{missing[0]}.log") >= after:
            found |= {"state": "running", "stage": missing[0]}
    else:
        work = cell_folder(f"work/{run}", setting, model, seed)
        found |= training_state(work, Path(f"{logs}.train.log"), now)
        config = tail(folder / "config.py")
        if "epochs" not in found and (match := EPOCHS.search(config)):
            found["epochs"] = int(match[1])
        if "seconds" not in found and (match := MINUTES.search(config)):
            found["seconds"] = 60 * float(match[1])
    for failure in failed:
        if found["state"] == "waiting" and failure.log.startswith(f"{logs}."):
            found |= {"state": "failed", "stage": failure.rule, "last": last_line(failure.log)}
    return CellStatus(setting, model, seed, **found)


def time_left(cells: Iterable[CellStatus]) -> float | None:
    """About how many seconds are left until all trainings have ended; None where nothing tells yet.

    A cell that waits takes as long as another one of its model, or else as all cells do on average, less the share of
    its epochs that is trained. As many train at once as do now.
    """
    cells = list(cells)
    known = {cell.model: cell.seconds for cell in cells if cell.seconds}
    running = [cell.left for cell in cells if cell.state == "running" and cell.left is not None]
    waiting = [cell for cell in cells if cell.state == "waiting" and not trained_all(cell)]
    if (waiting or any(cell.state == "running" for cell in cells)) and not known:
        return None
    usual = sum(known.values()) / len(known) if known else 0.0
    later = [known.get(cell.model, usual) * (1 - cell.epoch / (cell.epochs or math.inf)) for cell in waiting]
    at_once = max(1, sum(cell.stage == "train" for cell in cells if cell.state == "running"))
    return max([*running, (sum(running) + sum(later)) / at_once, 0.0])


def trained_all(cell: CellStatus) -> bool:
    """Whether all epochs of a cell are trained."""
    return cell.epochs is not None and cell.epoch >= cell.epochs


def in_manifest(run: str, cells: Iterable[Name]) -> bool:
    """Whether the manifest of a run, which is made last, is that of the cells' scores as they are now."""
    folder = Path("results", run)
    files: Any = read(folder / "manifest.json").get("files")
    paths = [cell_folder("", *cell) / "scores.json" for cell in cells]
    try:
        return all(files[path.as_posix()]["sha256"] == sha256(folder / path) for path in paths)
    except (LookupError, TypeError):  # a cell that is not in it, or a file of other content
        return False


def run_status(run: str, now: float | None = None) -> RunStatus:
    """How far a run is. run: its name. now: s since 1970, for tests.

    Raises InputError where there is no such run.
    """
    now = time.time() if now is None else now
    record = read_record(f"work/{run}")
    snakemake = holder(Path("work", run, LOCK)) or ""
    names = known_cells(run, record)
    if not names:
        raise InputError(
            f"run {run}: nothing of it found in work/ and results/, wanted a run that began; check its name"
        )
    failed = standing(record, bool(snakemake))
    cells = [cell_status(run, name, failed, bool(snakemake), now) for name in names]
    of_cells = tuple(f"results/{run}/logs/{cell.name.replace('/', '.')}." for cell in cells)
    others = [(one.rule, last_line(one.log)) for one in failed if not one.log.startswith(of_cells)]
    path = Path("work", run, RECORD)
    damaged = record is None and path.exists()
    finished = all(cell.state == "done" for cell in cells) and not damaged and not others and in_manifest(run, names)
    started = record["started"] if record else None
    warning = f"{path}: no record of a run found, so cells without a folder are not shown; run Snakemake again"
    return RunStatus(run, cells, others, snakemake, time_left(cells), started, finished, warning if damaged else "")
