"""Check a run's folder against its manifest.json, and its numbers against each other.

It needs nothing but Python's standard library. It prints one line for each file that is missing, changed or extra, one
for each number or hash that contradicts another, and then a summary. The exit status is 0 if all fits, 1 if something
does not, and 2 without a manifest to check by.

Weights may be absent, and so may any kind of bulky result of which no file at all is there, as in a folder that is kept
in git. Such files are counted as "not kept here".
"""

import argparse
import csv
import statistics
import sys
import zipfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import library  # noqa: F401 - lets the library be found
from nuclei.common.archives import DAMAGE
from nuclei.common.files import read_json
from nuclei.common.stage import InputError, run_stage
from nuclei.report.titles import score_of
from nuclei.workflow.manifest import NAME, Manifest, canonical_sha256, describe, results_below, results_data_sha256
from nuclei.workflow.run_folder import cell_folder, cell_of, ensemble_folder

WEIGHTS = "*.pth"
# Kinds of results that git keeps for all cells or for none.
BULKY = [
    "cells/*/predictions.json",
    "cells/*/answer.json",
    "cells/*/answer.zip",
    "ensembles/*/predictions.json",
    "ensembles/*/answer.json",
    "ensembles/*/answer.zip",
    "data/coco/*",
    "data/annotations/*",
    "figures/overlays/*",
    "report.html",
]
AGAIN = "restore it, or delete it and run the pipeline again"


def read_manifest(run: Path | str) -> Manifest:
    """Content of manifest.json; InputError where it lacks a part or names files outside of the folder."""
    path = Path(run) / NAME
    found: Manifest = read_json(path, "what write_manifest.py writes")
    try:
        for name, entry in found["files"].items():
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ValueError(f"file {name}")
            int(entry["size"]), str.lower(entry["sha256"])
        for name, training in found["cells"].items():
            cell = cell_of(f"{name}/x")
            if cell != name:
                raise ValueError(f"cell {name}")
            if not isinstance(training.get("data_sha256"), str | None):
                raise ValueError(f"data_sha256 of {name}")
        [str.lower(name) for name in found["models"]]
        [int(number) for key in ("seeds", "settings") for number in found["config"][key]]
        [list(cells or []) for cells in found["config"].get("ensembles", {}).values()]
        int((found["config"].get("folds") or {}).get("count", 0))
        str.lower(found["config_sha256"]), str.lower(found["data"]["sha256"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(
            f"{path}: found no manifest ({error!r}), wanted what write_manifest.py writes; {AGAIN}"
        ) from None
    return found


def not_kept(recorded: Iterable[str], absent: Collection[str]) -> dict[str, str]:
    """{absent file: its kind} of the files that a kept folder may lack: weights, and bulky results of which all lack.

    recorded: all files of the manifest. absent: those that are not there.
    """
    allowed = {name: WEIGHTS for name in absent if fnmatch(name, WEIGHTS)}
    for pattern in BULKY:
        kind = [name for name in recorded if fnmatch(name, pattern)]
        if set(kind) <= set(absent):
            allowed |= dict.fromkeys(kind, pattern)
    return allowed


def same(text: str | None, value: object) -> bool:
    """Whether a field of a CSV says the value of a JSON file. text: None where a row is too short to have the field.

    Numbers are compared as floats; None is an empty field or `not scored`.
    """
    if not isinstance(text, str):
        return False
    if value is None:
        return text in ("", "not scored")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return abs(float(text) - value) <= 1e-12 * max(1, abs(value))
        except (ValueError, OverflowError):
            return False
    return text == str(value)


class Cells:
    """The files of a run's cells, each read once. One that cannot be read is reported once and counts as absent.

    problems: the lines of these reports.
    """

    def __init__(self, run: Path | str) -> None:
        self.run = Path(run)
        self.known: dict[str, dict[str, Any]] = {}
        self.problems: list[str] = []

    def json(self, name: str) -> dict[str, Any]:
        """Content of a JSON object below the run folder; {} where it is absent or damaged."""
        if name not in self.known:
            self.known[name] = {}
            if (self.run / name).is_file():
                try:
                    found = read_json(self.run / name)
                    if not isinstance(found, dict):
                        raise InputError(f"{name}: found no JSON object, wanted one; {AGAIN}")
                    self.known[name] = found
                except InputError as error:
                    self.problems += error.problems
        return self.known[name]

    def rows(self, name: str, delimiter: str = ",") -> list[dict[str, str]] | None:
        """Rows of a table below the run folder, or None without it."""
        if not (self.run / name).is_file():
            return None
        with (self.run / name).open(newline="", encoding="utf-8", errors="replace") as file:
            return list(csv.DictReader(file, delimiter=delimiter))


def contradiction(name: str, what: str, found: object, wanted: object, source: str) -> str:
    """A contradiction between two files, in one line."""
    return f"{name}: found {what} {found}, wanted {wanted} as in {source}; {AGAIN}"


def check_cell(files: Cells, cell: str, recorded: Mapping[str, Any], hashes: Mapping[str, str]) -> Iterator[str]:
    """Contradictions within a cell's folder, one line each.

    cell: the folder. recorded: its training.json in the manifest. hashes: {file: SHA-256}, the manifest's where the
    file is absent.
    """
    training, choice = files.json(f"{cell}/training.json"), files.json(f"{cell}/checkpoint.json")
    if training and training != recorded:
        yield contradiction(f"{cell}/training.json", "a provenance that differs from", "the manifest", "one", NAME)
    for source, key, name in (
        (f"{cell}/checkpoint.json", "sha256", f"{cell}/checkpoint.pth"),
        (f"{cell}/checkpoint.json", "sha256", f"{cell}/checkpoints/epoch_{choice.get('epoch')}.pth"),
        (f"{cell}/training.json", "config_sha256", f"{cell}/config.py"),
    ):
        wanted = files.json(source).get(key)
        if files.json(source) and wanted != hashes.get(name):
            yield contradiction(name, "SHA-256", hashes.get(name), wanted, source)
    for row in files.rows(f"{cell}/epochs.tsv", "\t") or [] if choice else []:
        text = row.get(str(choice.get("metric")))
        if row.get("epoch") == str(choice.get("epoch")) and not same(text or "", choice.get("value")):
            yield contradiction(f"{cell}/checkpoint.json", "value", choice.get("value"), text, f"{cell}/epochs.tsv")
    yield from check_answer(files.run, cell)


def check_answer(run: Path, cell: str) -> Iterator[str]:
    """A line where answer.zip does not hold answer.json alone, byte for byte."""
    answer, packed = run / cell / "answer.json", run / cell / "answer.zip"
    if not (answer.is_file() and packed.is_file()):
        return
    try:
        with zipfile.ZipFile(packed) as file:
            fits = file.namelist() == ["answer.json"] and file.read("answer.json") == answer.read_bytes()
    except (OSError, *DAMAGE) as error:
        yield f"{cell}/answer.zip: found no zip that can be read ({error}), wanted answer.json in it; {AGAIN}"
        return
    if not fits:
        yield contradiction(f"{cell}/answer.zip", "content", "other than", "answer.json alone", f"{cell}/answer.json")


def check_data(cells: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Cells that were trained on other data than most cells of their setting. cells: {folder: its training.json}."""
    settings: dict[str, dict[str, object]] = {}
    for cell, training in cells.items():
        settings.setdefault(cell.split("/")[1], {})[cell] = training.get("data_sha256")
    for hashes in settings.values():
        wanted = Counter(hashes.values()).most_common(1)[0][0]
        source = next(cell for cell, found in hashes.items() if found == wanted)
        for cell, found in hashes.items():
            if found != wanted:
                yield contradiction(f"{cell}/training.json", "data_sha256", found, wanted, f"{source}/training.json")


def extra(name: str, cells: Collection[str], run: str) -> str:
    """The line about a result that the manifest does not name. cells: folders of the run's cells. run: its name."""
    cell = cell_of(name)
    if cell and cell not in cells:
        return (
            f"{name}: found, wanted no such file, because the run's last config did not name {cell}; "
            f"give the config that names it a `run` of its own, or call tools/clean_work.py --former {run} --yes"
        )
    return f"{name}: found, wanted no such file; remove it or run the pipeline again"


def check_list(files: Cells, cells: Sequence[str]) -> Iterator[str]:
    """Contradictions of tables/cells.csv with scores.json, training.json and checkpoint.json of its cells.

    cells: the folders of all cells.
    """
    name = "tables/cells.csv"
    rows = files.rows(name)
    if rows is None:
        return
    listed = [row.get("folder") for row in rows]
    if sorted(map(str, listed)) != sorted(cells):
        yield contradiction(name, "cells", ", ".join(map(str, listed)), ", ".join(cells), NAME)
    for row in rows:
        cell = row.get("folder")
        choice = files.json(f"{cell}/checkpoint.json")
        chosen = {key: choice.get(key) for key in ("epoch", "policy", "metric")} if choice else {}
        if choice:
            chosen |= {"validation_score": choice.get("value"), "checkpoint_sha256": choice.get("sha256")}
        for source, known in (
            ("scores.json", files.json(f"{cell}/scores.json")),
            ("training.json", files.json(f"{cell}/training.json")),
            ("checkpoint.json", chosen),
        ):
            for key, text in row.items():
                if key in known and not same(text, known[key]):
                    yield contradiction(name, f"{key} of {cell}", text, known[key], f"{cell}/{source}")


def check_table(files: Cells, name: str, cells: Sequence[Sequence[str]], models: Sequence[str]) -> Iterator[str]:
    """Contradictions of a table's numbers with scores.json and checkpoint.json of the cells behind each row.

    name: path of the CSV. cells: for each row, the cell folders of its seeds. models: the name of each row.
    """
    rows = files.rows(name)
    if rows is None:
        return
    if len(rows) != len(cells):
        yield contradiction(name, "rows", len(rows), len(cells), NAME)
        return
    for row, model, folders in zip(rows, models, cells, strict=True):
        scores = [files.json(f"{cell}/scores.json") for cell in folders]
        epochs = [str(files.json(f"{cell}/checkpoint.json").get("epoch")) for cell in folders]
        if "epoch" in row and "None" not in epochs and row["epoch"] != ", ".join(epochs):
            yield contradiction(name, f"epoch of {model}", row["epoch"], ", ".join(epochs), "checkpoint.json")
        for column, text in row.items():
            key, deviation = score_of(column or "") or (None, False)
            if not key or not all(scores):
                continue
            values = [
                value for score in scores if isinstance(value := score.get(key), (int, float)) and -1 <= value <= 1
            ]
            how = statistics.stdev if deviation else statistics.mean
            wanted = how(values) if len(values) == len(scores) else None
            if not same(text, wanted):
                yield contradiction(name, f"{column} of {model}", text, wanted, f"scores.json of {', '.join(folders)}")


def contradictions(run: Path | str, manifest: Manifest, hashes: Mapping[str, str]) -> Iterator[str]:
    """All contradictions among the folder's files and the manifest, one line each.

    hashes: {file: SHA-256}, the manifest's where the file is absent.
    """
    files, config = Cells(run), manifest["config"]
    for source, found, wanted in (
        ("config_sha256", manifest["config_sha256"], canonical_sha256(config)),
        ("data.sha256", manifest["data"]["sha256"], results_data_sha256(manifest["files"])),
    ):
        if found != wanted:
            yield f"{NAME}: found {source} {found}, wanted {wanted} of its own content; {AGAIN}"
    for cell, recorded in manifest["cells"].items():
        yield from check_cell(files, cell, recorded, hashes)
    yield from check_data(manifest["cells"])
    yield from check_list(files, list(manifest["cells"]))
    models = manifest["models"]
    for setting in config["settings"]:
        cells = [[str(cell_folder("", setting, model, seed)) for seed in config["seeds"]] for model in models]
        for family in ("", "_full"):
            yield from check_table(files, f"tables/table{setting}{family}.csv", cells, models)
    folds = [f"fold{number}" for number in range(1, 1 + (config.get("folds") or {}).get("count", 0))]
    if folds:
        rows = [(model, fold) for model in models for fold in folds]
        cells = [[str(cell_folder("", fold, model, seed)) for seed in config["seeds"]] for model, fold in rows]
        yield from check_table(files, "tables/fold_scores.csv", cells, [model for model, _ in rows])
        means = [sum(cells[at : at + len(folds)], []) for at in range(0, len(cells), len(folds))]
        yield from check_table(files, "tables/folds.csv", means, models)
    ensembles = [name for name, cells in config.get("ensembles", {}).items() if cells]  # older runs have none
    fused = [str(ensemble_folder("", setting, name)) for setting in config["settings"] for name in ensembles]
    yield from check_table(files, "tables/ensembles.csv", [[folder] for folder in fused], fused)
    for folder in fused:
        yield from check_answer(files.run, folder)
    yield from files.problems


def verify(run: Path | str, strict: bool = False) -> tuple[dict[str, list[str]], dict[str, int], int]:
    """Check the folder `run`.

    strict: files that git does not keep count as missing, too. Returns ({kind of deviation: its lines}, {kind of file:
    how many are not kept here}, how many files fit). Raises InputError without a manifest.
    """
    manifest = read_manifest(run)
    recorded, present = manifest["files"], results_below(run)
    found = describe(run, [name for name in present if name in recorded])
    absent = [name for name in recorded if name not in found]
    allowed = {} if strict else not_kept(recorded, absent)
    lines: dict[str, list[str]] = {"missing": [], "changed": [], "extra": []}
    for name in absent:
        if name not in allowed:
            lines["missing"].append(f"{name}: not found, wanted {recorded[name]['size']} bytes; {AGAIN}")
    for name, entry in found.items():
        if entry != recorded[name]:
            texts = [f"{e['size']} bytes of SHA-256 {e['sha256'][:16]}…" for e in (entry, recorded[name])]
            lines["changed"].append(f"{name}: found {texts[0]}, wanted {texts[1]}; {AGAIN}")
    for name in present:
        if name not in recorded:
            lines["extra"].append(extra(name, manifest["cells"], Path(run).name))
    hashes = {name: entry["sha256"] for name, entry in {**recorded, **found}.items()}
    lines["contradicting"] = list(contradictions(run, manifest, hashes))
    kinds = list(allowed.values())
    return lines, {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}, len(found) - len(lines["changed"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="the run's folder, results/<run>")
    parser.add_argument("--strict", action="store_true", help="files that git does not keep must be there, too")
    args = parser.parse_args()
    lines, absent, fitting = verify(args.run, args.strict)
    for kind, found in lines.items():
        for line in found:
            print(f"{kind}: {line}")
    for pattern, count in absent.items():
        print(f"not kept here: {count} files {pattern}")
    counts = ", ".join(f"{len(found)} {kind}" for kind, found in lines.items())
    print(f"{args.run}: {fitting} files fit, {counts}, {sum(absent.values())} not kept here")
    sys.exit(any(lines.values()))


if __name__ == "__main__":
    run_stage(main)
