"""The parts of a small report: two tables in two families, a figure of each setting, two cells, three test images."""

import base64
import csv
import json

import cv2
import numpy as np
from support.page_run import write_cell
from support.score_cases import SIDE, random_case

from nuclei.report.page_parts import Cells, Parts
from nuclei.report.table_files import write_table

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=")
KEYS = ["setting", "model", "seed", "map_report", "config_sha256", "folder"]


def make_parts(run, masks=True):
    """Write the parts below the folder `run`; returns their paths as the page takes them. masks: whether nuclei are
    known."""
    for folder in ("tables", "data", "figures", "images"):
        (run / folder).mkdir(parents=True)
    truth, predictions = random_case(5)
    if not masks:
        truth["annotations"] = []
    (run / "data/test.json").write_text(json.dumps(truth))
    for image in truth["images"]:
        cv2.imwrite(str(run / "images" / image["file_name"]), np.full((SIDE, SIDE, 3), 30 * image["id"], np.uint8))
    row = {"model": "mask & co", "backbone": "r50", "multiscale": "yes", "lr schd": "3x", "mAP": 0.23101}
    for table in (1, 2):
        write_cell(run / f"cells/setting{table}/mask_r50/seed0", table, "mask_r50", predictions[:: 3 - table], truth)
        write_table([row], run / f"tables/table{table}", f"Table {table}", ["note <one>"], [{**row, "mAP": 0.2310123}])
        write_table([row], run / f"tables/table{table}_full", f"Full {table}", ["AP @1000"])
        (run / f"figures/curves_setting{table}.png").write_bytes(PIXEL)
    (run / "data/raw.md").write_text("# Raw data\n\n| a | b |\n|---|---|\n| 14598 | 2360 |\n")
    (run / "data/conversion_loss.md").write_text("mean IoU **0.846**\n")
    cell = dict.fromkeys(KEYS, "1") | {"config_sha256": "ab" * 32, "map_report": "0.23101234", "folder": "x<y"}
    with (run / "tables/cells.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, KEYS)
        writer.writeheader()
        writer.writerow(cell)
    return parts_of(run, masks)


def parts_of(run, masks):
    """The paths of what make_parts wrote."""

    def cells(name):
        return [str(run / f"cells/setting{setting}/mask_r50/seed0/{name}") for setting in (1, 2)]

    def tables(family, form):
        return [str(run / f"tables/table{table}{family}.{form}") for table in (1, 2)]

    return Parts(
        tables=tables("", "html"),
        values=tables("", "csv"),
        full_tables=tables("_full", "html"),
        full_values=tables("_full", "csv"),
        figures=[str(run / f"figures/curves_setting{setting}.png") for setting in (1, 2)],
        data=str(run / "data/raw.md"),
        conversion=str(run / "data/conversion_loss.md"),
        table_of_cells=str(run / "tables/cells.csv"),
        test_images=str(run / "images"),
        ground_truth=str(run / "data/test.json"),
        comparisons=None,
        cells=Cells(
            settings=[1, 2],
            models=["mask_r50"],
            explored=[],
            seeds=[0],
            configs=cells("config.py"),
            trainings=cells("training.json"),
            choices=cells("checkpoint.json"),
            epochs=cells("epochs.tsv"),
            logs=cells("log.jsonl"),
            scores=cells("scores.json"),
            predictions=cells("predictions.json"),
            errors=cells("errors.csv"),
        ),
    )


def options(parts):
    """The options of make_report.py that name the parts."""
    words = []
    for name, value in vars(parts).items():
        if name != "cells" and value:
            words += [f"--{name.replace('_', '-')}", *([value] if isinstance(value, str) else value)]
    for name, value in vars(parts.cells).items():
        words += [f"--{name.replace('_', '-')}", *value] if value else []
    return words
