"""Readers of what scores are compared with, and of a model's config, meet damage, as in test_fuzz.py."""

import json
import math

from conftest import ROOT
from support.fuzzing import broken, changed, fuzz
from support.score_cases import random_case

from nuclei.models.plain_config import read_plain_config
from nuclei.scoring.board import read_board
from nuclei.scoring.compared_files import read_groups
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
