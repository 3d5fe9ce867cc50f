"""Run folders without a training, for the report page: predictions are given, scores and tables are made by the real
stages, and what a training would leave of each cell is made up, its curves among it."""

import csv
import json
import subprocess
import sys

import numpy as np
from conftest import ROOT
from scipy import ndimage

from nuclei.coco.rle import decode_part, encode_part
from nuclei.coco.types import RLE
from nuclei.prediction.answers import read_answer
from nuclei.report.page import render
from nuclei.report.page_parts import Cells, Parts
from nuclei.scoring.average_precision import score
from nuclei.scoring.error_file import as_csv
from nuclei.scoring.instance_scores import measure
from nuclei.scoring.organs import read_organs

MODELS = ["mask_r50", "mask_x101", "cascade_r50", "cascade_x101", "pointrend_r50", "ms_rcnn_x101"]
ALL = {"value": None, "chosen_on": "nothing: every detection counts", "pq": None}
ORGANS = ROOT / "config/organs.tsv"
FIGURES = ["forest", "better", "errors", "precision_recall", "ceiling", "sizes"]
INSTANCE_TABLES = ["staircase", "instances", "organs", "error_shares", "errors", "comparisons", "findings"]


def stage(script, *arguments):
    """Run a stage's command line."""
    command = [sys.executable, f"scripts/{script}.py", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def moved(rle: RLE, random: np.random.Generator) -> RLE:
    """A mask moved by up to two pixels, eroded or grown."""
    part, left, top = decode_part(rle)
    height, width = rle["size"]
    grown = random.integers(-1, 2)
    part = np.pad(part, 2)
    change = {-1: ndimage.binary_erosion, 0: lambda mask: mask, 1: ndimage.binary_dilation}[int(grown)]
    part = change(part) if change(part).any() else part
    left, top = left - 2 + int(random.integers(-2, 3)), top - 2 + int(random.integers(-2, 3))
    rows, columns = slice(max(0, -top), max(0, height - top)), slice(max(0, -left), max(0, width - left))
    part = part[rows, columns]
    return encode_part(part, max(left, 0), max(top, 0), (width, height)) if part.any() else rle


def made_predictions(truth, seed):
    """Predictions near the true nuclei: most are found, some missed, found twice, or where none is."""
    random = np.random.default_rng(seed)
    size = {image["id"]: (image["width"], image["height"]) for image in truth["images"]}
    rows = []
    for nucleus in truth["annotations"]:
        for _ in range(int(random.choice([0, 1, 2], p=[0.12, 0.8, 0.08]))):
            rows.append((nucleus["image_id"], moved(nucleus["segmentation"], random), random.uniform(0.4, 1)))
    for number, (width, height) in size.items():
        for _ in range(6):
            disk = np.hypot(*np.mgrid[-5:6, -5:6]) <= random.uniform(2, 5)
            left, top = int(random.integers(0, width - 11)), int(random.integers(0, height - 11))
            rows.append((number, encode_part(disk, left, top, (width, height)), random.uniform(0.3, 0.8)))
    return [
        {
            "image_id": number,
            "category_id": 1,
            "score": round(float(value), 5),
            "bbox": [0, 0, 1, 1],
            "segmentation": rle,
        }
        for number, rle, value in rows
    ]


def write_cell(folder, setting, model, predictions, truth, epochs=40):
    """All files of a cell that the page reads. Curves and provenance are made up, scores are of the predictions."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(len(model) + setting)
    values = 0.2 - 0.15 * np.exp(-np.arange(epochs) / 9) + random.normal(0, 0.003, epochs)
    best = int(values.argmax()) + 1
    names = ["ap_100", "ap50_100", "ap75_100", "ap_1000", "ap50_1000", "ap75_1000"]
    lines = [
        [at + 1, *(round(float(v) * f, 5) for f in (0.5, 1, 0.4, 1.1, 2.4, 1)), int(at + 1 == best)]
        for at, v in enumerate(values)
    ]
    table = [["epoch", *names, "kept"], *lines]
    (folder / "epochs.tsv").write_text("".join("\t".join(map(str, row)) + "\n" for row in table))
    log = [
        {
            "mode": "train",
            "epoch": at // 10 + 1,
            "iter": 10 * (at % 10 + 1),
            "loss": 2 / (1 + at / 30) + 0.3,
            "lr": 0.02 if at < 300 else 0.002,
        }
        for at in range(10 * epochs)
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log))
    choice = {"epoch": best, "policy": "best", "metric": "ap50_100", "value": float(values.max()), "sha256": "c" * 64}
    training = {
        "cell": f"{model}/setting{setting}/seed0", "seed": 0, "device": "cpu", "threads": 2, "epochs": epochs,
        "wall_seconds": 3600.5, "finished": "2026-01-01T00:00:00Z", "config_sha256": "a" * 64, "data_sha256": "b" * 64,
        "weights_sha256": None, "code_version": "0123456", "versions": {"torch": "2.14.1", "mmdet": "2.28.2"},
    }  # fmt: skip
    texts = {
        "config.py": f"# {model}\nmodel = dict(type='MaskRCNN')\nseed = 0\n",
        "checkpoint.json": json.dumps(choice | {"reason": "highest ap50_100 of the validation images"}),
        "training.json": json.dumps(training),
        "predictions.json": json.dumps(predictions),
        "scores.json": json.dumps(score(truth, predictions)),
    }
    texts["errors.csv"] = as_csv([])
    if truth["annotations"]:
        found = measure(truth, predictions, ALL, read_organs(ORGANS))
        texts["instance_scores.json"] = json.dumps(found.scores)
        texts["image_statistics.json"] = json.dumps([image.row() for image in found.statistics])
        texts["errors.csv"] = as_csv(found.errors)
    for name, text in texts.items():
        (folder / name).write_text(text)


def write_tables(run, models, settings, instances):
    """All tables and figures of the run, by their stages."""
    names = ["--models", *models, "--seeds", 0]
    file = ["--models-file", "config/models.yaml"]

    def files(name, chosen=settings):
        return [run / f"cells/setting{setting}/{model}/seed0/{name}" for setting in chosen for model in models]

    def parts(chosen=settings):
        return ["--scores", *files("scores.json", chosen), "--choices", *files("checkpoint.json", chosen),
                "--trainings", *files("training.json", chosen)]  # fmt: skip

    for number in settings:
        stage("make_table", "--setting", number, *file, *names, *parts([number]), "--published", "config/published.tsv",
              "--out-dir", run / "tables")  # fmt: skip
    stage(
        "make_cells_table",
        "--run-dir",
        run,
        "--settings",
        *settings,
        *names,
        *parts(),
        "--out",
        run / "tables/cells.csv",
    )
    if not instances:
        return
    compared, rows = run / "comparisons.json", ["--settings", *settings, *names]
    stage("compare_cells", *rows, "--statistics", *files("image_statistics.json"), "--out", compared)
    stage("make_instance_tables", *rows, *file, "--scores", *files("instance_scores.json"), "--comparisons", compared,
          "--board", "config/board.tsv", "--out-dir", run / "tables")  # fmt: skip
    stage("judge_findings", "--comparisons", compared, "--out-dir", run / "tables")
    stage("draw_comparisons", "--comparisons", compared, "--out-dir", run / "figures")
    first = ["--statistics", *files("image_statistics.json"), "--errors", *files("errors.csv")]
    stage("draw_scores", "--settings", *settings, "--models", *models, "--seed", 0, *first, "--comparisons", compared,
          "--out-dir", run / "figures")  # fmt: skip


def make_run(run, raw, models, predictions, instances=True):
    """Make a run folder; returns the parts of its page.

    raw: folder of dataset and, unless there are no test masks, test_masks. predictions: a function of
    (truth, setting, model) that returns COCO results.
    """
    masks = ["--test-masks", raw / "test_masks"] if (raw / "test_masks").is_dir() else []
    stage("convert_test", "--dataset", raw / "dataset", *masks, "--out", run / "data/coco/test.json", "--threads", 1)
    truth = json.loads((run / "data/coco/test.json").read_text())
    instances = instances and bool(masks)
    for setting in (1, 2):
        for model in models:
            folder = run / f"cells/setting{setting}/{model}/seed0"
            write_cell(folder, setting, model, predictions(truth, setting, model), truth)
    write_tables(run, models, (1, 2), instances)
    (run / "data/raw.md").write_text("# Raw data\n\n| set | images |\n|---|---|\n| test | 6 |\n")
    (run / "data/conversion_loss.md").write_text("Mean IoU with the masks: **0.846**.\n")
    return parts_of(run, raw, models, instances)


def parts_of(run, raw, models, instances):
    """The parts of the page of a run folder that make_run made."""

    def files(name):
        return [str(run / f"cells/setting{setting}/{model}/seed0/{name}") for setting in (1, 2) for model in models]

    def tables(names, form):
        return [str(run / f"tables/{name}.{form}") for name in names]

    full = ["table1_full", "table2_full", *(INSTANCE_TABLES if instances else [])]
    cells = Cells(
        (1, 2), models, (), (0,), configs=files("config.py"), trainings=files("training.json"),
        choices=files("checkpoint.json"), epochs=files("epochs.tsv"), logs=files("log.jsonl"),
        scores=files("scores.json"), predictions=files("predictions.json"),
        errors=files("errors.csv") if instances else (),
    )  # fmt: skip
    return Parts(
        tables=tables(["table1", "table2"], "html"), values=tables(["table1", "table2"], "csv"),
        full_tables=tables(full, "html"), full_values=tables(full, "csv"),
        figures=[str(run / f"figures/{name}.svg") for name in FIGURES] if instances else [],
        data=str(run / "data/raw.md"), conversion=str(run / "data/conversion_loss.md"),
        table_of_cells=str(run / "tables/cells.csv"), test_images=str(raw / "dataset/test"),
        ground_truth=str(run / "data/coco/test.json"),
        comparisons=str(run / "comparisons.json") if instances else None, cells=cells,
    )  # fmt: skip


def write_page(run, parts, title):
    """Write the page of a run; returns its path."""
    (run / "report.html").write_text(render(f"results/{run.name}", title, "", parts), encoding="utf-8")
    return run / "report.html"


def published(submissions):
    """Predictions of the author's submissions, for make_run; the row without a file has those of mask_r50."""
    with (ROOT / "config/published.tsv").open(newline="") as file:
        names = {(int(row["table"]), row["model"]): row["submission"] for row in csv.DictReader(file, delimiter="\t")}

    def predictions(truth, setting, model):
        name = names[setting, model] or names[setting, "mask_r50"]
        return read_answer(submissions / f"answer_{name}.zip")

    return predictions
