"""The parts of a small report: two tables in two families, a figure of each setting, one overlay."""

import base64
import csv

from nuclei.report.page import CELL_KEYS, Parts
from nuclei.report.table_files import write_table

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=")


def make_parts(run):
    """Write the parts below the folder `run`; returns their paths as the page takes them."""
    for folder in ("tables", "data", "figures/overlays"):
        (run / folder).mkdir(parents=True)
    row = {"model": "mask & co", "backbone": "r50", "multiscale": "yes", "lr schd": "3x", "mAP": 0.23101}
    for table in (1, 2):
        write_table([row], run / f"tables/table{table}", f"Table {table}", ["note <one>"])
        write_table([row], run / f"tables/table{table}_full", f"Full {table}", ["AP @1000"])
        (run / f"figures/curves_setting{table}.png").write_bytes(PIXEL)
    (run / "figures/overlays/setting1.mask_r50.seed0.jpg").write_bytes(PIXEL)
    (run / "data/raw.md").write_text("# Raw data\n\n| a | b |\n|---|---|\n| 14598 | 2360 |\n")
    (run / "data/conversion_loss.md").write_text("mean IoU **0.846**\n")
    cell = dict.fromkeys(CELL_KEYS, "1") | {"config_sha256": "ab" * 32, "map_report": "0.23101234", "folder": "x<y"}
    with (run / "tables/cells.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, CELL_KEYS)
        writer.writeheader()
        writer.writerow(cell)
    return Parts(
        tables=[str(run / f"tables/table{table}.html") for table in (1, 2)],
        full_tables=[str(run / f"tables/table{table}_full.html") for table in (1, 2)],
        curves=[str(run / f"figures/curves_setting{setting}.png") for setting in (1, 2)],
        overlays=[str(run / "figures/overlays/setting1.mask_r50.seed0.jpg")],
        data=str(run / "data/raw.md"),
        conversion=str(run / "data/conversion_loss.md"),
        cells=str(run / "tables/cells.csv"),
    )
