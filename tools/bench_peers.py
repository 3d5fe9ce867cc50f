"""Train other programs from scratch on the same images, as long and on as many cores as ours, and score all alike.

    python tools/bench_peers.py                                         a fold of the training images
    python tools/bench_peers.py --minutes 3 --peers stardist            a trial
    python tools/bench_peers.py --on test --out results/DATE-peers      the six test images, once

Each peer has a script in tools/peers, train_<peer>.py, which imports nothing of this project, and a list of packages,
<peer>.txt, from which an environment is made below --work. What a peer finds is written as this project writes its
predictions, and scored by the same code. The score from which detections count for AJI and PQ is chosen on the
validation images, as for ours. It writes, into --out, the tables peers.md and peers.json and a folder of each peer.
Rows of other peers that an earlier call left there stay, so that each peer may have a call of its own.
"""

import argparse
import contextlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import library  # noqa: F401 - lets the library be found
from nuclei.coco.checks import check_predictions
from nuclei.coco.grouping import by_image
from nuclei.coco.types import Content, Result
from nuclei.common.documents import read_yaml
from nuclei.common.files import read_json, sha256, write_json, write_text
from nuclei.common.markdown import table_lines
from nuclei.common.stage import InputError, run_stage, written_by
from nuclei.compute.locks import try_hold
from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout
from nuclei.data.raw_sources import fetch
from nuclei.data.settings import subset
from nuclei.data.splits import given_split, random_split
from nuclei.prediction.label_maps import as_results
from nuclei.scoring.average_precision import score
from nuclei.scoring.instance_scores import choose_threshold, measure
from nuclei.scoring.label_map import paint
from nuclei.workflow.code_version import code_version

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "tools/peers"
PEERS = ("stardist", "cellpose", "instanseg")
ARCHIVES = {"dataset": "vrdl-raw.tar.xz", "test_masks": "vrdl-test-masks.tar.xz"}
VALIDATION = 0.25  # share of a fold's training images that validate, where the fold's file does not say which
SPLIT_SEED = 0
PIP = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "-r"]
FIGURES = {"AP50 @100": "ap50_100", "AP @100": "ap_100", "AP50 @1000": "ap50_1000", "AP @1000": "ap_1000"}
NOTES = (
    "AP50 @100 is the report's metric; @100, @1000: at most so many detections per image; AJI, PQ: means over images.",
    "Minutes are wall time of the training alone, CPU minutes that of all its threads; neither has the prediction.",
    "A peer's label maps do not overlap, and hold what its own thresholds leave; ours are ranked and may overlap.",
)


class PeerFailed(Exception):
    """What became of a peer that has no scores, in a line; the others go on."""


# --- the data


def divided(args: argparse.Namespace, ids: Sequence[str]) -> dict[str, set[str]]:
    """{train, validation, test: ids of training images}; with --on test no `test`. InputError: the file is no split."""
    given = read_yaml(args.split if args.on == "test" else args.fold)
    if args.on == "test":
        split = given_split(ids, given, args.split)
        return {"train": set(split["train"]), "validation": set(split["validation"])}
    if isinstance(given, dict) and "test" in given:  # fold<n>.json of a run
        with written_by("make_folds.py", args.fold):
            parts = {part: set(given[part]) for part in ("train", "validation", "test")}
        if sorted(id_ for part in parts.values() for id_ in part) != sorted(ids):
            raise InputError(f"{args.fold}: other images than the dataset's found, wanted each once; name another fold")
        return parts
    fold = given_split(ids, given, args.fold)
    own = random_split(fold["train"], VALIDATION, SPLIT_SEED)
    return {"train": set(own["train"]), "validation": set(own["validation"]), "test": set(fold["validation"])}


def write_part(folder: Path, images: Path, content: Content, with_labels: bool) -> None:
    """Write the images of `content` as tools/peers/exchange.py says; their names start from the folder `images`."""
    folder.mkdir(parents=True)
    nuclei = by_image(content, content["annotations"])
    for image in content["images"]:
        pixels: Any = cv2.imread(str(images / image["file_name"]))  # as mmdet reads it: 8 bits, BGR
        arrays = {"image": np.ascontiguousarray(pixels[..., ::-1])}
        if with_labels:
            masks: Any = [row["segmentation"] for row in nuclei[image["id"]]]
            arrays["labels"] = paint(masks, image["height"], image["width"], 0)[0].astype(np.int32)
        np.savez_compressed(folder / f"{image['id']}.npz", **arrays)  # type: ignore[arg-type]


def prepare(args: argparse.Namespace) -> dict[str, Content]:
    """{train, validation, test: true nuclei}, exact. Writes all for the peers below --work, but no nuclei of test."""
    found = {part: args.data / name for part, name in ARCHIVES.items() if args.on == "test" or part == "dataset"}
    lacking = [f"{path}: not found, wanted the archive of the data; name its folder: DATA" for path in found.values()]
    if any(problems := [line for line, path in zip(lacking, found.values(), strict=True) if not path.is_file()]):
        raise InputError(*problems)
    for part, archive in found.items():
        if not (args.work / "raw" / part).is_dir():
            fetch(str(archive), part, args.work / "raw" / part)  # type: ignore[arg-type]
    raw = args.work / "raw"
    images, _, problems = read_layout(raw / "dataset", raw / "test_masks" if args.on == "test" else None)
    if problems:
        raise InputError(*problems)
    train = convert([image for image in images if image.set == "train"], "exact", "rle", args.cores)
    parts = divided(args, [image.id for image in images if image.set == "train"])
    truth = {part: subset(train, ids) for part, ids in parts.items()}
    if args.on == "test":
        truth["test"] = convert([image for image in images if image.set == "test"], "exact", "rle", args.cores)
    shutil.rmtree(args.work / args.on / "data", ignore_errors=True)
    for part, content in truth.items():
        source = raw / "dataset" / ("test" if part == "test" == args.on else "train")
        write_part(args.work / args.on / "data" / part, source, content, part != "test")
    return truth


# --- the peers


def run(command: Sequence[object], log: Path, what: str, **options: Any) -> None:
    """Run a command whose output goes to the file `log`. PeerFailed: it was killed or ended with an error."""
    with log.open("a") as file:
        done = subprocess.run([*map(str, command)], stdout=file, stderr=subprocess.STDOUT, **options)
    if done.returncode:
        how = f"killed by signal {-done.returncode}" if done.returncode < 0 else f"exit status {done.returncode}"
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
        raise PeerFailed(f"{what}: {how}; {log} ends: {lines[-1][:200] if lines else 'nothing'}")


def environment(peer: str, folder: Path, log: Path) -> Path:
    """The Python of a peer's environment. One that is broken off, or of another list or Python, is made anew."""
    packages, stamp, python = HERE / f"{peer}.txt", folder / ".ready", folder / "bin/python"
    wanted = f"{sha256(packages)} {platform.python_version()}\n"
    if not stamp.is_file() or stamp.read_text() != wanted or not python.exists():
        print(f"peers: {peer}: its environment, {folder}", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        run([sys.executable, "-m", "venv", folder], log, "environment")
        run([python, *PIP, packages], log, "environment")
        stamp.write_text(wanted)
    return python


def check_processor(peer: str, cpuinfo: Path = Path("/proc/cpuinfo")) -> None:
    """PeerFailed: TensorFlow's wheels for x86_64 need AVX, without which they end in an illegal instruction."""
    if peer == "stardist" and platform.machine() == "x86_64" and cpuinfo.is_file():
        flags = next((line.split() for line in cpuinfo.read_text().splitlines() if line.startswith("flags")), ["avx"])
        if "avx" not in flags:
            raise PeerFailed("no AVX in this processor found, which TensorFlow needs; use another machine")


def train(peer: str, args: argparse.Namespace) -> tuple[Path, dict[str, Any]]:
    """(folder of what a peer found, its training.json)."""
    check_processor(peer)
    out, log = args.work / args.on / peer, args.work / args.on / f"{peer}.log"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    log.unlink(missing_ok=True)
    python = environment(peer, args.work / "environments" / peer, log)
    limits = {f"{name}_NUM_THREADS": str(args.cores) for name in ("OMP", "MKL", "OPENBLAS", "NUMBA")}
    settings = {**os.environ, **limits}
    # no GPU, whatever the machine has; no settings or modules of this project's environment
    settings |= {"CUDA_VISIBLE_DEVICES": "", "MPLBACKEND": "Agg", "PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1"}
    settings.pop("PYTHONPATH", None)
    print(f"peers: {peer}: {args.minutes:g} min of training, then prediction; {log}", file=sys.stderr, flush=True)
    command = [python, HERE / f"train_{peer}.py", "--data", args.work / args.on / "data", "--out", out]
    command += ["--minutes", args.minutes, "--cores", args.cores, "--seed", args.seed]
    run(command, log, "training", env=settings)
    return out, read_json(out / "training.json")


def results(folder: Path, truth: Content) -> list[Result]:
    """What a peer found in the images of `truth`, as COCO results, checked."""
    found: list[Result] = []
    for image in truth["images"]:
        path = folder / f"{image['id']}.npz"
        if not path.is_file():
            raise InputError(f"{path}: not found, wanted what was found in {image['file_name']}; run it again")
        with np.load(path) as file:
            found += as_results(file["labels"], file["scores"], image["id"], str(path))
    check_predictions(found, truth, str(folder))
    return found


def measured(found: Sequence[Result], validated: Sequence[Result], truth: dict[str, Content]) -> dict[str, Any]:
    """{scores, instances}: the contents of scores.json and instance_scores.json."""
    where = f"{len(truth['validation']['images'])} validation images"
    threshold = choose_threshold(truth["validation"], validated, where)
    instances = measure(truth["test"], found, threshold, {}).scores
    return {"scores": score(truth["test"], list(found)), "instances": instances}


def peer_row(peer: str, args: argparse.Namespace, truth: dict[str, Content]) -> dict[str, Any]:
    """Train, predict and score a peer; write its files below --out."""
    start = time.monotonic()
    try:
        folder, training = train(peer, args)
        found, validated = (results(folder / part, truth[part]) for part in ("test", "validation"))
    except InputError as error:
        raise PeerFailed(str(error)) from None
    scored = measured(found, validated, truth)
    own = args.out / peer
    write_json(own / "predictions.json", found, indent=None)
    write_json(own / "validation_predictions.json", validated, indent=None)
    write_json(own / "training.json", training)
    write_json(own / "instance_scores.json", scored["instances"])
    write_json(own / "scores.json", scored["scores"])
    record = {"peer": peer, "packages_sha256": sha256(HERE / f"{peer}.txt"), "training": training, **asked(args)}
    return {**record, "whole_seconds": round(time.monotonic() - start, 1), **scored}


def our_row(cell: Path, truth: Content) -> dict[str, Any]:
    """The row of a cell of ours that was scored on the same images. InputError: it was scored on others."""
    scores = read_json(cell / "scores.json", "the scores of a cell; name a cell's folder: OURS")
    with written_by("score_predictions.py", cell / "scores.json"):
        wanted = {"images": len(truth["images"]), "nuclei": len(truth["annotations"])}
        found = {key: scores[key] for key in wanted}
        names = [image["file_name"] for image in scores["per_image"]]
        if found != wanted or sorted(names) != sorted(image["file_name"] for image in truth["images"]):
            raise InputError(
                f"{cell}/scores.json: {found['images']} images with {found['nuclei']} nuclei found, wanted the same as "
                f"the peers, {wanted['images']} with {wanted['nuclei']}; name another cell: OURS"
            )
    file = cell / "instance_scores.json"
    training = read_json(cell / "training.json", "the training of a cell")
    with written_by("train.py", cell / "training.json"):
        own = {"seconds": training["wall_seconds"], "versions": training["versions"]}
        row = {"peer": f"ours: {training['cell']}", "cores": training["threads"], "commit": training["code_version"]}
    return {**row, "training": own, "scores": scores, "instances": read_json(file) if file.is_file() else None}


# --- the table


def asked(args: argparse.Namespace) -> dict[str, Any]:
    """What holds for each peer of a call."""
    return {"minutes": args.minutes, "cores": args.cores, "seed": args.seed, "commit": code_version(ROOT)}


def cells(row: dict[str, Any]) -> list[object]:
    """A row of the table as people read it."""
    training, instances = row["training"], row["instances"]

    def minutes(key: str) -> str:
        return f"{training[key] / 60:.1f}" if training.get(key) is not None else ""

    def mean(name: str) -> str:
        value = instances["scores"][name]["mean"] if instances else None
        return "" if value is None else f"{value:.4f}"

    version = training["versions"].get(row["peer"].replace("instanseg", "instanseg-torch"), "")
    figures = [f"{row['scores'][key]:.4f}" for key in FIGURES.values()]
    head = [f"{row['peer']} {version}".strip(), minutes("seconds"), minutes("cpu_seconds"), row["cores"]]
    return [*head, *figures, mean("aji"), mean("pq"), row["scores"]["predictions"]]


def table(rows: Sequence[dict[str, Any]], failed: dict[str, str], truth: Content, on: str) -> str:
    """peers.md."""
    columns = ["method", "minutes", "CPU minutes", "cores", *FIGURES, "AJI", "PQ", "detections"]
    what = "the test images" if on == "test" else "training images that were held out"
    notes = [f"On {what}: {len(truth['images'])} images, {len(truth['annotations'])} nuclei.", *NOTES]
    notes += [f"{peer}: no scores: {why}" for peer, why in failed.items()]
    return "\n".join([*table_lines(columns, map(cells, rows)), "", *(f"- {note}" for note in notes), ""])


def processor() -> str:
    """The name of this machine's processor."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def inputs(args: argparse.Namespace, truth: dict[str, Content]) -> dict[str, Any]:
    """Which data were used: hashes of the archives and of the split, the images of each part."""
    names = ARCHIVES if args.on == "test" else ["dataset"]
    split = args.split if args.on == "test" else args.fold
    parts = {part: [image["file_name"] for image in content["images"]] for part, content in truth.items()}
    hashes = {ARCHIVES[name]: sha256(args.data / ARCHIVES[name]) for name in names}
    return {"sha256": {**hashes, split.name: sha256(split)}, "images": parts, "processor": processor()}


def write_all(
    rows: Sequence[dict[str, Any]], failed: dict[str, str], args: argparse.Namespace, truth: dict[str, Content]
) -> None:
    """Write peers.md and peers.json, with what is done so far."""
    short = [{**row, "instances": row["instances"] and {"scores": row["instances"]["scores"]}} for row in rows]
    write_json(args.out / "peers.json", {"on": args.on, "rows": short, "failed": failed, **inputs(args, truth)})
    write_text(args.out / "peers.md", table(rows, failed, truth["test"], args.on))


def kept(args: argparse.Namespace, truth: dict[str, Content]) -> list[dict[str, Any]]:
    """Rows of earlier calls with the same --out and the same images, of peers that this one does not train.

    InputError: those that are there have scores of test images under another split. Trials on other folds just go.
    """
    file = args.out / "peers.json"
    if not file.is_file():
        return []
    before, now = read_json(file, "the tables of an earlier call"), {"on": args.on, **inputs(args, truth)}
    with written_by("bench_peers.py", file):
        if any(before[key] != now[key] for key in ("on", "sha256", "images")):
            if before["on"] == "test":
                raise InputError(f"{file}: other images or split found, wanted those of this call; name another OUT")
            return []
        return [row for row in before["rows"] if row["peer"] in set(PEERS) - set(args.peers)]


def peers(args: argparse.Namespace) -> Iterator[str]:
    """The peers to train. InputError: on the test images one has scores already."""
    for peer in args.peers:
        file = args.out / peer / "scores.json"
        if args.on == "test" and file.exists():
            wanted = f"wanted no second look at the test images; leave out {peer}, or name another OUT"
            raise InputError(f"{file}: found, {wanted}")
        yield peer


def compare(args: argparse.Namespace) -> dict[str, str]:
    """Train and score the peers, one after the other, and write the tables after each: {peer that failed: why}."""
    chosen, truth = list(peers(args)), prepare(args)
    rows = [our_row(args.ours, truth["test"])] if args.ours else []
    rows += kept(args, truth)
    failed: dict[str, str] = {}
    for peer in chosen:
        try:
            rows.append(peer_row(peer, args, truth))
        except PeerFailed as error:
            failed[peer] = str(error)
            print(f"error: {peer}: {error}", file=sys.stderr, flush=True)
        write_all(rows, failed, args, truth)  # after each, as the next one takes hours
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--on", choices=["fold", "test"], default="fold", help="images to score (default: fold)")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS)
    parser.add_argument("--minutes", type=float, default=90, help="wall time of each training (default: %(default)s)")
    parser.add_argument("--cores", type=int, default=1, help="threads of each training (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data", help="folder of the two archives")
    parser.add_argument("--split", type=Path, default=ROOT / "config/splits/report.yaml", help="with --on test")
    fold = ROOT / "results/20261125-search/fold1.yaml"
    parser.add_argument("--fold", type=Path, default=fold, help="a split file, or data/folds/fold<n>.json of a run")
    parser.add_argument("--ours", type=Path, help="folder of a cell of ours that was scored on the same images")
    parser.add_argument("--work", type=Path, default=ROOT / "work/peers", help="environments, data, trainings")
    parser.add_argument("--out", type=Path, help="where to write the tables (default: tables of --on below --work)")
    args = parser.parse_args()
    args.out = args.out or args.work / args.on / "tables"
    if args.minutes <= 0 or args.cores < 1:
        raise InputError(f"--minutes {args.minutes:g}, --cores {args.cores}: found, wanted more than 0; correct them")
    args.work.mkdir(parents=True, exist_ok=True)
    held = try_hold(args.work / "lock")
    if held is None:
        raise InputError(f"{args.work}: another call found, wanted one at a time; wait, or name another --work")
    with held:
        failed = compare(args)
    print((args.out / "peers.md").read_text(encoding="utf-8"))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    run_stage(main)
