"""Train, predict and score the cells of a config one after the other, without Snakemake; for a short check on a GPU.

    python tools/train_on_gpu.py --raw data/raw --minutes 8   Mask R-CNN R50 by config/best-gpu-minutes.yaml, setting 1
    python tools/train_on_gpu.py --device cpu --small         a trial of the same steps, on data that it draws

It calls the scripts of the rules in their order, with the command lines of the rules: data, training, checkpoint,
predictions, answer, scores. Tables and the report page need Snakemake. Results go to results/<run>/, as with Snakemake,
and all but the weights are copied to --out. What is measured is recorded at once (tests/gpu/records.py), as the kinds
`training` and `score`. Called again, it goes on with a training that was stopped.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from shlex import quote
from typing import Any

import library  # noqa: F401 - lets the library be found
from nuclei.common.documents import read_yaml
from nuclei.common.files import read_json
from nuclei.common.stage import InputError, run_stage
from nuclei.scoring.names import NAMES
from nuclei.workflow.configuration import check_config
from nuclei.workflow.protocols import fill_model, fill_training, read_protocol
from nuclei.workflow.run_folder import cell_folder, setting_name
from nuclei.workflow.types import Catalogue

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))
from gpu.records import record  # noqa: E402

CONFIGS = ["config/best.yaml", "config/best-gpu-minutes.yaml"]
SMALL_MINUTES = 0.1  # at most, so that a rehearsal of the whole check is short
SMALL: dict[str, Any] = {  # on top of config/demo.yaml
    "run": "small",
    "raw": {"draw": {"train": 3, "test": 2, "size": 96, "seed": 3}},
    "models": ["mask_r50"],
    "split": {"validation_fraction": 0.34},
    "training": {"repeat": 2, "warmup": 2, "train_scales": [[96, 96], [128, 128]], "test_scale": [96, 96]},
}


def merge(into: dict[str, Any], new: Mapping[str, Any]) -> None:
    """Put a config on top of another one, in place, as Snakemake does."""
    for key, value in new.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def whole_config(args: argparse.Namespace) -> tuple[dict[str, Any], Catalogue]:
    """The checked config of the run, and the content of models.yaml. InputError where it wants more than this does."""
    config: dict[str, Any] = {}
    for path in ["config/config.yaml", *(["config/demo.yaml"] if args.small else args.configs)]:
        merge(config, read_yaml(path))
    if args.small:
        merge(config, SMALL)
        args.minutes = min(args.minutes or SMALL_MINUTES, SMALL_MINUTES)
    elif args.raw:
        masks = args.raw if Path(args.raw, "test_masks").is_dir() else None
        merge(config, {"raw": {"dataset": {"path": args.raw}, "test_masks": {"path": masks}, "draw": None}})
    if args.minutes:
        merge(config, {"training": {"epochs": None, "minutes": args.minutes}})
    config["settings"] = args.settings
    if args.device:
        config["compute"]["device"] = args.device
    catalogue = check_config(config, config["models_file"], "config/schema.yaml")
    if config["training"]["weights"] != "none" or config["folds"] or config["raw"]["classes"] != ["nucleus"]:
        raise InputError("--configs: published weights, folds or classes found, wanted none; run Snakemake instead")
    return config, catalogue


def raw_folder(config: Mapping[str, Any], part: str) -> str:
    """Folder of a part of the raw data, dataset or test_masks; an empty text where there is none."""
    source = config["raw"][part]["path"] or ""
    if config["raw"]["draw"] or Path(source).is_file():
        return f"work/{config['run']}/raw/{part}"
    return str(Path(source) / part) if source and (Path(source) / part).is_dir() else source.rstrip("/")


def data_commands(config: Mapping[str, Any], threads: int) -> list[str]:
    """Command lines from the raw data to annotations and tiles, as the rules have them."""
    raw, split, form = config["raw"], config["split"], config["conversion"]["segmentation"]
    results, work = f"results/{config['run']}/data", f"work/{config['run']}"
    dataset, masks = quote(raw_folder(config, "dataset")), quote(raw_folder(config, "test_masks"))
    with_masks = f"--test-masks={masks}" if raw_folder(config, "test_masks") else ""
    overlap = "--allow-overlap" if raw["allow_overlap"] else ""
    how = f"--file={quote(split['file'])}" if split["file"] else ""
    how = how or f"--validation-fraction {split['validation_fraction']} --seed {split['seed']}"
    method = config["conversion"]["method"]
    coco = f"{results}/coco/{method}/train.json"
    found = []
    if raw["draw"]:
        size = " ".join(f"--{key} {raw['draw'][key]}" for key in ("train", "test", "size", "seed"))
        found.append(f"draw_raw --out {work}/raw {size}")
    for part in ("dataset", "test_masks"):
        if Path(archive := raw[part]["path"] or "").is_file():
            found.append(f"fetch_raw --source {quote(archive)} --part {part} --out {work}/raw/{part}")
    for part in ("train", "test", "test_masks") if with_masks else ("train", "test"):
        given = f"{with_masks if part == 'test_masks' else ''} --part {part} {overlap}"
        found.append(f"check_part --dataset {dataset} {given} --out {results}/checked/{part}.json --threads {threads}")
    found += [
        f"make_split --checked {results}/checked/train.json {how} --out {results}/split.json",
        f"convert_train --dataset {dataset} --method {method} --segmentation {form} --out {coco} --threads {threads}",
        f"convert_test --dataset {dataset} {with_masks} --out {results}/coco/test.json --threads {threads}",
        f"list_test_images --dataset {dataset} --out {results}/coco/test_images.json",
        f"write_annotations --annotations {coco} --split {results}/split.json --out-dir {results}/annotations",
    ]
    for name in map(setting_name, config["settings"]) if config["tiles"] else ():
        place = f"{results}/annotations/{name}"
        size = " ".join(f"--{key.replace('_', '-')} {config['tiles'][key]}" for key in ("size", "stride", "min_area"))
        found.append(
            f"cut_tiles --annotations {place}/train.json --dataset {dataset}/train {size} --segmentation {form}"
            f" --out-annotations {place}/tiles.json --out-images {work}/tiles/{name}"
        )
    return found


def resolve_command(config: Mapping[str, Any], catalogue: Catalogue, setting: int, model: str, seed: int) -> str:
    """Command line that writes config.py of a cell, as its rule has it."""
    protocol = read_protocol(config["protocol"], catalogue["models"])
    entry = {key: value for key, value in catalogue["models"][model].items() if key != "sha256"}
    filled = fill_model(entry, protocol["models"].get(model), config["model_options"].get(model))  # type: ignore[arg-type]
    dataset, results = raw_folder(config, "dataset"), f"results/{config['run']}"
    place, cell = f"{results}/data/annotations/{setting_name(setting)}", cell_folder(results, setting, model, seed)
    train = f"{place}/train.json {quote(f'{dataset}/train')}"
    if config["tiles"]:
        train = f"{place}/tiles.json work/{config['run']}/tiles/{setting_name(setting)}"
    polygons = config["conversion"]["segmentation"] == "polygon" or (
        config["conversion"]["method"] == "imantics" and not config["tiles"]
    )
    switches = f"{'--polygons' if polygons else ''} {'--tf32' if config['compute']['tf32'] else ''}"
    return (
        f"resolve_config --model {quote(json.dumps(filled))}"
        f" --training {quote(json.dumps(fill_training(config['training'], protocol)))} --train {train}"
        f" --validation {place}/validation.json {quote(f'{dataset}/train')}"
        f" --test {results}/data/coco/test_images.json {quote(f'{dataset}/test')} {switches}"
        f" --seed {seed} --out {cell}/config.py"
    )


def cell_commands(config: Mapping[str, Any], setting: int, model: str, seed: int) -> list[str]:
    """Command lines from config.py of a cell to its scores, as the rules have them."""
    cell, work = (cell_folder(f"{top}/{config['run']}", setting, model, seed) for top in ("results", "work"))
    keep, choice, look, compute = (config[key] for key in ("checkpoints", "selection", "inference", "compute"))
    data = f"results/{config['run']}/data/coco"
    label = f"--label {model}/{setting_name(setting)}/seed{seed}"
    device = f"--device {compute['device']} --threads {compute['threads']}"
    window = f"--window={look['window']}" if look["window"] else ""
    epoch = f"--epoch={choice['epoch']}" if choice["epoch"] else ""
    answer = f"--test-img-ids {quote(raw_folder(config, 'dataset'))}/test_img_ids.json"
    return [
        f"train --config {cell}/config.py --work {work} {label} {device} --keep-best {keep['best']}"
        f" --keep-metrics {' '.join(keep['metrics'])} --keep-every {keep['every']} --out-checkpoints {cell}/checkpoints"
        f" --out-epochs {cell}/epochs.tsv --out-log {cell}/log.jsonl --out-provenance {cell}/training.json",
        f"select_checkpoint --epochs {cell}/epochs.tsv --checkpoints {cell}/checkpoints --policy {choice['policy']}"
        f" --metric {choice['metric']} {epoch} --out-checkpoint {cell}/checkpoint.pth --out {cell}/checkpoint.json",
        f"predict --config {cell}/config.py --checkpoint {cell}/checkpoint.pth {label} --part test {device}"
        f" --views {look['views']} --scales {' '.join(map(str, look['scales']))} {window} --overlap {look['overlap']}"
        f" {'--soft-nms' if look['soft_nms'] else ''} --border {look['border']} --out {cell}/predictions.json",
        f"write_answer --predictions {cell}/predictions.json --test-images {data}/test_images.json {answer}"
        f" --out {cell}/answer.json --zip {cell}/answer.zip",
        f"score_predictions --ground-truth {data}/test.json --predictions {cell}/predictions.json"
        f" --out {cell}/scores.json",
    ]


def run(command: str) -> None:
    """Run a stage. InputError where it fails; it has said why."""
    script, *rest = shlex.split(command)
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-W", "ignore", f"scripts/{script}.py", *rest])
    if done.returncode:
        raise InputError(f"{script}.py: exit status {done.returncode} found, wanted 0; see above, and run again")
    print(f"gpu training: {script}, {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True)


def record_training(configs: str, cell: Path) -> None:
    """Record what a finished training did, as the kind `training`; losses are means over the first and last rows."""
    found = read_json(cell / "training.json")
    rows = [json.loads(line) for line in (cell / "log.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if row["mode"] == "train"]
    steps = found.get("iterations") or max(row["iter"] for row in rows if row["mode"] == "train") * found["epochs"]
    names = ("cell", "device", "precision", "epochs", "minutes", "minutes_used", "wall_seconds", "gpu_peak_mb")
    values = {name: found.get(name) for name in (*names, "code_version", "config_sha256", "data_sha256")}
    record("training", config=configs, steps=steps, first_loss=losses[0], last_loss=losses[-1], **values)


def record_score(cell: Path) -> None:
    """Record the scores of a cell on the test images, as the kind `score`."""
    scores, found, choice = (read_json(cell / f"{name}.json") for name in ("scores", "training", "checkpoint"))
    values = {name: scores[name] for name in ("map_report", *NAMES, "images", "nuclei")}
    record(
        "score", setting=cell.parts[-3], model=cell.parts[-2], epoch=choice["epoch"], device=found["device"], **values
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", help="folder with dataset/ and, to be scored, test_masks/ (default: as in the config)")
    parser.add_argument(
        "--configs", nargs="+", default=CONFIGS, help="overlays of config/config.yaml, the last one on top"
    )
    parser.add_argument("--minutes", type=float, help="training.minutes of each cell (default: as in the config)")
    parser.add_argument("--settings", type=int, nargs="+", choices=[1, 2], default=[1], help="settings (default: 1)")
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N (default: as in the config)")
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, help="processes that convert and check data"
    )
    parser.add_argument("--small", action="store_true", help="a narrow model on drawn data, to try the steps")
    parser.add_argument(
        "--out", default="work/gpu/training", help="folder for a copy of the results (default: %(default)s)"
    )
    args = parser.parse_args()
    config, catalogue = whole_config(args)
    for command in data_commands(config, args.threads):
        run(command)
    for cell in product(config["settings"], config["models"], config["seeds"]):
        folder = cell_folder(f"results/{config['run']}", *cell)
        run(resolve_command(config, catalogue, *cell))
        for command in cell_commands(config, *cell):
            run(command)
            if command.startswith("train "):
                record_training("demo" if args.small else " + ".join(Path(path).stem for path in args.configs), folder)
        if raw_folder(config, "test_masks"):
            record_score(folder)
        shutil.copytree(
            f"results/{config['run']}", args.out, ignore=shutil.ignore_patterns("*.pth"), dirs_exist_ok=True
        )
    print(f"gpu training: results are in {args.out}", file=sys.stderr)


if __name__ == "__main__":
    os.chdir(ROOT)  # where the stages run, as with Snakemake
    run_stage(main)
