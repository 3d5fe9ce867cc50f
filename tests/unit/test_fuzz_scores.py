"""Readers of what scores are compared with, and of a model's config, meet damage, as in test_fuzz.py."""

import json
import math

from conftest import ROOT
from support.fuzzing import broken, changed, fuzz
from support.score_cases import random_case

from nuclei.models.plain_config import read_plain_config, read_value
from nuclei.report.cell_details import cell_details
from nuclei.report.shown_tables import read_cells_table, read_table
from nuclei.scoring.board import read_board
from nuclei.scoring.compared_files import read_groups
from nuclei.scoring.error_file import as_csv, read_errors
from nuclei.scoring.image_statistics import of_each
from nuclei.scoring.instance_scores import Threshold, measure
from nuclei.scoring.organs import read_organs


def test_boards(tmp_path):
    whole = (ROOT / "config/board.tsv").read_bytes()

    def case(chance):
        (tmp_path / "board.tsv").write_bytes(broken(whole[:300], chance))
        assert all(math.isfinite(score) for score in read_board(tmp_path / "board.tsv"))

    fuzz("boards", case)


def test_organs(tmp_path):
    whole = (ROOT / "config/organs.tsv").read_bytes()

    def case(chance):
        (tmp_path / "organs.tsv").write_bytes(broken(whole, chance))
        assert all(isinstance(text, str) for row in read_organs(tmp_path / "organs.tsv").items() for text in row)

    fuzz("organs", case)


def test_plain_configs(tmp_path):
    whole = b'model = dict(type="A", neck=[dict(a=1), (2, -3.5)])\ndata = {"test": {"ann_file": "x.json"}}\nseed = 0\n'

    def case(chance):
        (tmp_path / "config.py").write_bytes(broken(whole, chance))
        read_value(tmp_path / "config.py", "seed", 1)  # never fails
        found = read_plain_config(tmp_path / "config.py")
        assert isinstance(found["model"], dict) and isinstance(found["data"], dict)

    fuzz("plain configs", case)


def test_statistics_of_images(tmp_path):
    truth, results = random_case(1)
    whole = [
        image.row()
        for image in measure(truth, results, Threshold(value=0.5, chosen_on="nothing", pq=None), {}).statistics
    ]
    paths = [tmp_path / name for name in ("a.json", "b.json")]
    paths[0].write_text(json.dumps(whole))

    def case(chance):
        paths[1].write_text(json.dumps(changed(whole, chance)))
        found = read_groups([1], ["a", "b"], [0], [str(path) for path in paths])
        assert [len(cells) for cells in found.values()] == [1, 1]
        for (images,) in found.values():
            assert all(len(values) == len(whole) for values in of_each(images).values())

    fuzz("statistics of images", case)


def test_cells_of_the_report_page(tmp_path):
    whole = {
        "config": b"seed = 0\n",
        "training": b'{"images": 3}',
        "choice": b'{"epoch": 1}',
        "epochs": b"epoch\tap50_100\n1\t0.5\n2\t\n",
        "log": b'{"mode": "train", "epoch": 1, "iter": 2, "loss": 0.5, "lr": 0.1}\n{"mode": "val", "epoch": 1}\n',
        "score": b'{"map_report": 0.2, "per_image": []}',
    }
    paths = {name: tmp_path / name for name in whole}

    def case(chance):
        hit = chance.choice(sorted(whole))
        for name, content in whole.items():
            paths[name].write_bytes(broken(content, chance) if name == hit else content)
        assert cell_details(paths).keys() == whole.keys()

    fuzz("cells of the report page", case)


def test_tables_of_the_report_page(tmp_path):
    page, values = tmp_path / "table1.html", tmp_path / "table1.csv"
    whole = {
        page: b"<table><thead><tr><th>model</th><th>mAP</th></tr></thead><tr><td>mask</td><td>0.24</td></tr></table>",
        values: b"model,mAP\nmask,0.2376\n",
    }

    def case(chance):
        hit = chance.choice(sorted(whole))
        for path, content in whole.items():
            path.write_bytes(broken(content, chance) if path == hit else content)
        assert all(isinstance(cell.value, str) for row in read_table(page, values).rows for cell in row.cells)

    fuzz("tables of the report page", case)


def test_tables_of_cells_and_errors(tmp_path):
    truth, results = random_case(2)
    errors = as_csv(measure(truth, results, Threshold(value=0.5, chosen_on="nothing", pq=None), {}).errors)
    cells = "setting,model,sha256,map_report\n1,mask_r50,0123456789abcdef,0.2376\n2,mask_r50,,\n"

    def case(chance):
        if chance.random() < 0.5:
            (tmp_path / "cells.csv").write_bytes(broken(cells.encode(), chance))
            rows = read_cells_table(tmp_path / "cells.csv").rows
            assert all(isinstance(cell.text, str) for row in rows for cell in row.cells)
        else:
            (tmp_path / "errors.csv").write_bytes(broken(errors.encode(), chance))
            assert all(isinstance(row["image_id"], int | None) for row in read_errors(tmp_path / "errors.csv"))

    fuzz("tables of cells and errors", case)
