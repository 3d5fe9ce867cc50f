"""score_predictions.py: the keys of scores.json."""

import json

from support.score_cases import random_case

from nuclei.scoring.names import NAMES


def test_command(stage, tmp_path):
    content, rows = random_case(3)
    (tmp_path / "gt.json").write_text(json.dumps(content))
    (tmp_path / "p.json").write_text(json.dumps(rows))
    done = stage(
        "score_predictions",
        "--ground-truth",
        tmp_path / "gt.json",
        "--predictions",
        tmp_path / "p.json",
        "--out",
        tmp_path / "s.json",
    )
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")
    keys = {"map_report", "ceiling_report", *NAMES, "images", "nuclei", "predictions", "per_image", "scored"}
    assert json.loads((tmp_path / "s.json").read_text()).keys() == keys
    bad = stage(
        "score_predictions",
        "--ground-truth",
        tmp_path / "gt.json",
        "--predictions",
        tmp_path / "none",
        "--out",
        tmp_path / "t.json",
    )
    assert bad.returncode == 2
    assert bad.stderr.startswith("error: ")
