"""Free disk space: remove what no finished result and no unfinished training needs, below work/ and results/.

Run it in the project's folder. Without --yes it only shows what would go, why, and how many bytes that frees:
  work/<run>/cells/…/<hash>   state of trainings under a config, data or weights that the cell no longer has
  results/<run>/…             with --former <run>: finished results of cells that the last config of this run did not
                              name, such as those of other `models`
  temporary files             left by stages that were killed
  work/fingerprints/          remembered hashes of raw data that is gone
  work/<run>/raw, tiles       with --raw: of runs whose results are all there and whose raw data can be had again
What may still be needed stays, and so does the folder of a training that is running.
"""

import argparse
import errno
import json
import os
import re
import shutil
import sys
import time
import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import library  # noqa: F401 - lets the library be found
from nuclei.common.files import sha256
from nuclei.common.stage import InputError, run_stage
from nuclei.compute.locks import try_hold
from nuclei.data.raw_content import PARTS
from nuclei.workflow.data_hash import store_of
from nuclei.workflow.manifest import NAME
from nuclei.workflow.run_folder import cell_folder, cell_of

DAY = 24 * 3600  # s
HASH = re.compile("[0-9a-f]{16}")
# Names of temporary files and folders: of whole_file (.scores.json.ab12cd34.json), of downloads, of whole folders.
TEMPORARY = re.compile(r"\..+(\.[^.]+)\.[a-z0-9_]{8}\1|\.[^.]+\.[a-z0-9_]{8}|\.drawing-[a-z0-9_]{8}|.+\.part|\..+\.new")

# A path that can go, and the reason.
Stale = tuple[Path, str]


def read(path: Path) -> dict[str, Any]:
    """A JSON object, or {} where there is none that can be read."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def part(content: dict[str, Any], key: str) -> dict[str, Any]:
    """The JSON object below a key of another one, or {} where there is none."""
    found = content.get(key)
    return found if isinstance(found, dict) else {}


def running(folder: Path) -> bool:
    """Whether a live training holds the lock of a work folder."""
    path = folder / "lock"
    if not path.exists():
        return False
    try:
        held = try_hold(path)
    except (OSError, InputError):  # it cannot be told
        return True
    if held:
        held.close()
    return not held


def bound_folder(config: Path, data: str | None = None, weights: str | None = None) -> str:
    """Name of the work folder that a training of `config` (a config.py) uses.

    data, weights: hashes of the data and of the weights that it starts from; without `data`, those of the files now.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mmcv speaks of its next version
        from mmcv import Config
    from nuclei.training.negatives import train_on_negatives
    from nuclei.training.work_folder import binding, training_data_sha256

    found = Config.fromfile(str(config))
    if data is None:
        train_on_negatives(found)
        data, weights = training_data_sha256(found), sha256(found.load_from) if found.load_from else None
    return binding(found, data, weights)[:16]


def needed(cell: Path) -> tuple[set[str], str | None]:
    """Which work folders a cell needs.

    cell: its folder in results/. Returns (names of the folders, why there may be more of them, or None). They are the
    folder of the finished training (training.json) and that of the training which config.py and the data ask for now.
    """
    if not cell.exists():
        return set(), None  # neither finished nor wanted any more
    training, config = read(cell / "training.json"), cell / "config.py"
    names: set[str] = set()
    try:
        if training.get("work"):
            names.add(Path(training["work"]).name)
        elif training:
            if training["config_sha256"] != sha256(config):
                return names, "trained under another config.py than there is now"
            names.add(bound_folder(config, training["data_sha256"], training["weights_sha256"]))
        names.add(bound_folder(config))
    except Exception as error:  # a lost image, a damaged config, no mmcv here: nothing can be told then
        return names, f"{type(error).__name__} {' '.join(str(error).split())[:160]}"
    return names, None


def stale_trainings(run: str) -> tuple[list[Stale], dict[Path, str]]:
    """The work folders of a run's trainings that can go, and {folder: why it stays} where this is worth a line."""
    stale: list[Stale] = []
    kept: dict[Path, str] = {}
    for cell in sorted(Path().glob(str(cell_folder(Path("work", run), "*", "*", "*")))):
        folders = [path for path in sorted(cell.iterdir()) if HASH.fullmatch(path.name) and not path.is_symlink()]
        if not folders:
            continue
        names, doubt = needed(Path("results", *cell.parts[1:]))
        for folder in folders:
            if running(folder):
                kept[folder] = "a training works here"
            elif folder.name in names:
                continue
            elif doubt:
                kept[folder] = f"may be needed: {doubt}"
            else:
                stale.append(
                    (folder, "neither of the finished nor of the current training" if names else "no such cell")
                )
    return stale, kept


def former_results(run: str) -> Iterator[Stale]:
    """The results of cells that a finished run had before: no cells of its manifest, and older than it.

    Two configs of one `run` with other `models`, settings or seeds, used in turn, each make the other's results former
    ones. So they go only where they are asked for. A cell that is newer than the manifest is one that the run is about
    to have.
    """
    top = Path("results", run)
    manifest = top / NAME
    cells = read(manifest).get("cells")
    if not isinstance(cells, dict) or not cells:
        return
    pictures = top.glob("figures/overlays/*")
    for path in sorted([*top.glob(str(cell_folder("", "*", "*", "*"))), *pictures]):
        name = path.relative_to(top).as_posix()
        cell = cell_of(f"{name}/x" if path.is_dir() else name)
        if not cell or cell in cells or any(map(running, Path("work", run, cell).glob("*"))):
            continue
        files = [path, *path.rglob("*")]
        if all(file.lstat().st_mtime_ns < manifest.stat().st_mtime_ns for file in files if not file.is_dir()):
            yield path, f"finished results of a cell that the last config of run {run} did not name"


def part_of_stale(path: Path, stale: Iterable[Stale]) -> bool:
    """Whether a path is, or lies in, one of the folders that go anyway."""
    return any(folder == path or folder in path.parents for folder, _ in stale)


def newest(path: Path) -> float:
    """Time of the last change of a file, or of anything in a folder, in s since 1970.

    It goes by ctime, because unpacking an archive sets the modification time back.
    """
    return max([path.lstat().st_ctime, *(found.lstat().st_ctime for found in path.rglob("*"))])


def left_over(path: Path, now: float) -> str | None:
    """Why a temporary file or folder can go, or None where a stage may still write it. now: s since 1970."""
    if HASH.fullmatch(path.parent.name):
        return None if running(path.parent) else "left by a training that was killed"
    if path.name == ".checkpoints.new":  # made by a training alone, which holds a lock of its cell
        work = Path("work", *path.parent.parts[1:])
        return None if any(map(running, work.glob("*"))) else "left by a training that was killed"
    return "left by a stage that was killed, older than a day" if now - newest(path) > DAY else None


def temporaries(now: float) -> Iterator[Stale]:
    """Left-over temporary files and folders below work/ and results/, but not among raw images or tiles."""
    for top in ("work", "results"):
        for folder, folders, files in os.walk(top):
            here = Path(folder)
            for path in (here / name for name in sorted([*folders, *files]) if TEMPORARY.fullmatch(name)):
                reason = left_over(path, now)
                if reason:
                    yield path, reason
            images = len(here.parts) == 3 and here.parts[2] in ("raw", "tiles")
            folders[:] = [] if images else [name for name in folders if not TEMPORARY.fullmatch(name)]


def sources(config: dict[str, Any]) -> list[str]:
    """The paths that a run's resolved config names for raw data and published submissions."""
    raw = part(config, "raw")
    found = [part(raw, name).get("path") for name in ("dataset", "test_masks")]
    return [path for path in [*found, part(config, "published").get("submissions")] if path and isinstance(path, str)]


def vanished_fingerprints() -> Iterator[Stale]:
    """Files of remembered hashes whose source, which a run's manifest names, is gone."""
    for manifest in sorted(Path("results").glob(f"*/{NAME}")):
        for source in sources(part(read(manifest), "config")):
            if Path(source).exists():
                continue
            folders = [Path(source), *(Path(source, part) for part in ("dataset", "test_masks"))]
            for path in [*folders, *(folder / part for folder in folders for part in PARTS)]:
                store = store_of(path, "work/fingerprints")
                if store.is_file():
                    yield store, f"{source} is gone"


def needless_raw(run: str) -> Iterator[Stale]:
    """The unpacked raw data and the tiles of a finished run, if they can be made again."""
    manifest = read(Path("results", run, NAME))
    raw, files = part(part(manifest, "config"), "raw"), part(manifest, "files")
    finished = raw and files and all(Path("results", run, name).exists() for name in files)
    again = finished and (
        raw.get("draw") or all("://" in path or Path(path).exists() for path in sources({"raw": raw}))
    )
    if again and not any(map(running, Path().glob(str(cell_folder(Path("work", run), "*", "*", "*") / "*")))):
        for name in ("raw", "tiles"):
            if Path("work", run, name).is_dir():
                yield Path("work", run, name), "the run is finished; a later change makes it again, and all after it"


def plan(
    raw: bool = False, now: float | None = None, former: Collection[str] = ()
) -> tuple[list[Stale], dict[Path, str]]:
    """What can go, and {path: reason} of trainings that are running or may be needed and of former results.

    raw: also raw data and tiles of finished runs. now: s since 1970, for tests. former: runs whose former results go.
    """
    stale: list[Stale] = []
    kept: dict[Path, str] = {}
    runs = [path.name for path in sorted(Path("work").iterdir()) if path.is_dir()] if Path("work").is_dir() else []
    for run in runs:
        found, unknown = stale_trainings(run)
        stale += found
        kept |= unknown
        stale += needless_raw(run) if raw else []
    for manifest in sorted(Path("results").glob(f"*/{NAME}")):
        run = manifest.parent.name
        for path, reason in former_results(run):
            if run in former:
                stale.append((path, reason))
            else:
                kept[path] = f"{reason}; a config that names it uses them again, --former {run} lists them to go"
    stale += [(path, why) for path, why in temporaries(now or time.time()) if not part_of_stale(path, stale)]
    stale += dict(vanished_fingerprints()).items()
    return stale, kept


def sizes(paths: Iterable[Path]) -> tuple[int, int]:
    """(bytes of all files at or below `paths`, bytes that removing them frees).

    The bytes of a file are free when its last hard link is gone.
    """
    links: Counter[tuple[int, int]] = Counter()
    found: dict[tuple[int, int], os.stat_result] = {}
    for path in paths:
        for file in [path, *path.rglob("*")]:
            stat = file.lstat()
            if file.is_symlink() or not file.is_dir():
                links[stat.st_dev, stat.st_ino] += 1
                found[stat.st_dev, stat.st_ino] = stat
    freed = sum(stat.st_size for key, stat in found.items() if links[key] == stat.st_nlink)
    return sum(stat.st_size for stat in found.values()), freed


def shown(size: int) -> str:
    """A number of bytes as people read it."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"


def remove(path: Path) -> None:
    """Remove a file or folder; a work folder only while holding its lock, so that no training starts in it meanwhile.

    Raises OSError where that is not possible.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    elif not HASH.fullmatch(path.name) or not (path / "lock").exists():
        shutil.rmtree(path)
    else:
        held = try_hold(path / "lock")
        if not held:
            raise BlockingIOError(errno.EAGAIN, "a training works here", str(path))
        with held:
            shutil.rmtree(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--yes", action="store_true", help="remove what is listed; without it nothing is touched")
    parser.add_argument("--raw", action="store_true", help="also list unpacked raw data and tiles of finished runs")
    parser.add_argument(
        "--former",
        nargs="+",
        default=[],
        metavar="RUN",
        help="also list the finished results that these runs have of cells which their last config did not name",
    )
    args = parser.parse_args()
    if not Path("Snakefile").is_file():
        raise InputError(f"{Path.cwd()}: holds no Snakefile, wanted the project's folder; change to it")
    if args.yes and any(Path(".snakemake/locks").glob("*")):
        raise InputError(
            ".snakemake/locks: found a run under way, wanted none; wait for its end (snakemake --unlock if it crashed)"
        )
    lacking = [run for run in args.former if not Path("results", run, NAME).is_file()]
    if lacking:
        raise InputError(*(f"--former: {run} found, wanted a run with results/{run}/{NAME}" for run in lacking))
    stale, kept = plan(args.raw, former=args.former)
    for folder, reason in kept.items():
        print(f"kept {folder}: {reason}")
    total, gone = sizes([path for path, _ in stale])[1], 0
    for path, reason in stale:
        size, freed = sizes([path])
        linked = "" if freed == size else f" (frees {shown(freed)}: the rest has other hard links)"
        print(f"{'removes' if args.yes else 'would remove'} {path}: {shown(size)}{linked}, {reason}")
        if args.yes:
            try:
                remove(path)
                gone += 1
            except OSError as error:
                print(
                    f"{path}: not removed ({error.strerror}), wanted a folder nobody uses; try again", file=sys.stderr
                )
    if args.yes and stale:
        print(f"removed {gone} of {len(stale)} places, {shown(total)} in all")
        sys.exit(gone < len(stale))
    if stale:
        print(f"would free {shown(total)} in {len(stale)} places; --yes removes them")
    else:
        print("nothing to free")


if __name__ == "__main__":
    run_stage(main)
