"""make_table.py: the report's columns, order and numbers, in four formats; what is missing is named."""

import csv
import json
import statistics

import pandas as pd
import pytest
from support.cell_files import MODELS, make_cell, options


@pytest.fixture
def run(tmp_path):
    for at, model in enumerate(MODELS):
        make_cell(tmp_path, 1, model, 0, 0.2 + at / 1000, 10 + at)
    return tmp_path


def tables(stage, run, *arguments, models=MODELS, seeds=(0,)):
    """Run the stage on the cells of setting 1."""
    return stage(
        *("make_table", "--setting", 1, "--models-file", "config/models.yaml", "--models", *models, "--seeds", *seeds),
        *options(run, [1], models, seeds, "--scores", "--choices", "--trainings"),
        *("--out-dir", run / "tables", *arguments),
    )


def test_columns_order_and_differences(stage, run):
    done = tables(stage, run, "--published", "config/published.tsv", models=MODELS[::-1])
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((run / "tables/table1.csv").open()))
    assert list(rows[0]) == [
        "model",
        "backbone",
        "multiscale",
        "lr schd",
        "epoch",
        "mAP",
        "published epoch",
        "published mAP",
        "difference",
    ]
    assert [(r["model"], r["backbone"], r["multiscale"], r["lr schd"]) for r in rows] == [
        ("mask", "r50", "yes", "3x"),
        ("mask", "x101", "yes", "3x"),
        ("cascade", "r50", "yes", "3x"),
        ("cascade", "x101", "yes", "3x"),
        ("pointrend", "r50", "yes", "3x"),
        ("ms rcnn", "x101", "no", "1x"),
    ]
    assert [r["epoch"] for r in rows] == ["10", "11", "12", "13", "14", "15"]
    assert [r["published epoch"] for r in rows] == ["196", "61", "10", "22", "48", "180"]
    assert float(rows[5]["difference"]) == pytest.approx(0.205 - 0.2317)


def test_four_formats_say_the_same(stage, run):
    tables(stage, run, "--published", "config/published.tsv")
    markdown = (run / "tables/table1.md").read_text()
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines() if line.startswith("|")
    ]
    page = pd.read_html(run / "tables/table1.html", converters={k: str for k in lines[0]})[0]
    latex = (run / "tables/table1.tex").read_text()
    body = latex.split(r"\midrule")[1].split(r"\bottomrule")[0].strip()
    in_latex = [[cell.strip() for cell in line.strip().removesuffix(r"\\").split("&")] for line in body.splitlines()]
    assert lines[2:] == page.values.tolist() == in_latex
    assert lines[2] == ["mask", "r50", "yes", "3x", "10", "0.2000", "196", "0.2310", "-0.0310"]
    assert "AP50) with at most 100 detections an image" in markdown
    assert "6 test images, 2360 nuclei" in markdown
    assert "exceed 0.2574" in markdown
    assert latex.count("{") == latex.count("}")


def test_the_title_follows_the_policy_that_chose_the_checkpoints(stage, tmp_path):
    titles = {
        "best": "checkpoint chosen on the validation images",
        "last": "checkpoint of the last epoch",
        "epoch": "checkpoint of an epoch given in the config",
        "none": None,
    }
    for policy, words in titles.items():
        run = tmp_path / policy
        make_cell(run, 1, "mask_r50", 0, 0.2, 10)
        path = run / "cells/setting1/mask_r50/seed0/checkpoint.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"policy": policy}))
        done = tables(stage, run, models=["mask_r50"])
        if words:
            title = f"**Table 1: trained on the training images, {words}"
            assert (run / "tables/table1.md").read_text().startswith(f"{title}**\n")
            assert (run / "tables/table1_full.md").read_text().startswith(f"{title}; other scores**\n")
        else:
            assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
            assert str(path) in done.stderr and "select_checkpoint.py" in done.stderr


def test_without_published_numbers_none_are_shown(stage, run):
    tables(stage, run, "--data-note", "Drawn demo data & more")
    for form in ("csv", "md", "tex", "html"):
        text = (run / f"tables/table1.{form}").read_text()
        assert "published" not in text
        assert "0.2310" not in text
    assert r"Drawn demo data \& more" in (run / "tables/table1.tex").read_text()
    assert "Drawn demo data &amp; more" in (run / "tables/table1.html").read_text()


def test_mean_and_deviation_over_seeds(stage, tmp_path):
    values = [0.21, 0.24, 0.22]
    for seed, value in enumerate(values):
        make_cell(tmp_path, 1, "mask_r50", seed, value, 5 + seed)
    done = tables(stage, tmp_path, models=["mask_r50"], seeds=(0, 1, 2))
    assert done.returncode == 0, done.stderr
    (row,) = csv.DictReader((tmp_path / "tables/table1.csv").open())
    assert float(row["mAP"]) == pytest.approx(statistics.mean(values))
    assert float(row["mAP sd"]) == pytest.approx(statistics.stdev(values))
    assert (row["epoch"], row["seeds"]) == ("5, 6, 7", "3")
    assert (
        f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}" in (tmp_path / "tables/table1.md").read_text()
    )


def test_not_scored(stage, tmp_path):
    make_cell(tmp_path, 1, "mask_r50", 0, 0.2, 5, scored=False)
    done = tables(stage, tmp_path, "--published", "config/published.tsv", models=["mask_r50"])
    assert done.returncode == 0, done.stderr
    (row,) = csv.DictReader((tmp_path / "tables/table1.csv").open())
    assert (row["mAP"], row["difference"], row["published mAP"]) == ("not scored", "", "0.2310")
    (row,) = csv.DictReader((tmp_path / "tables/table1_full.csv").open())
    assert row["AP75 @1000"] == "not scored"


def test_other_scores_stand_in_their_own_file(stage, run):
    tables(stage, run)
    rows = list(csv.DictReader((run / "tables/table1_full.csv").open()))
    assert list(rows[0])[4:] == [
        "AP 0.50:0.95 @100",
        "AP50 @100",
        "AP75 @100",
        "AP 0.50:0.95 @1000",
        "AP50 @1000",
        "AP75 @1000",
    ]
    assert float(rows[1]["AP75 @1000"]) == pytest.approx(0.201 + 0.05)


def test_missing_cell_is_named(stage, run):
    (run / "cells/setting1/mask_x101/seed0/scores.json").unlink()
    done = tables(stage, run)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "mask_x101/seed0/scores.json: cannot be read" in done.stderr


def test_all_that_is_missing_is_named_together(stage, run):
    (run / "cells/setting1/mask_x101/seed0/scores.json").unlink()
    (run / "cells/setting1/ms_rcnn_x101/seed0/checkpoint.json").unlink()
    path = run / "cells/setting1/mask_r50/seed0/scores.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "ap_1000"}))
    done = tables(stage, run)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert "mask_r50/seed0/scores.json: lacks ap_1000; run score_predictions.py again" in lines[0]
    assert "mask_x101/seed0/scores.json: cannot be read" in lines[1]
    assert "ms_rcnn_x101/seed0/checkpoint.json: cannot be read" in lines[2]


def test_each_cell_gives_one_file_of_a_kind(stage, run):
    folder = run / "cells/setting1/mask_r50/seed0"
    command = [
        "make_table",
        "--setting",
        1,
        "--models-file",
        "config/models.yaml",
        "--seeds",
        0,
        "--models",
        *MODELS[:2],
    ]
    command += ["--out-dir", run / "tables", "--scores", folder / "scores.json", "--choices"]
    done = stage(*command, *[folder / "checkpoint.json"] * 3, "--trainings", *[folder / "training.json"] * 2)
    wanted = "one for each of the models and seeds, in their order"
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"error: --scores: 1 files found, wanted 2: {wanted}",
        f"error: --choices: 3 files found, wanted 2: {wanted}",
    ]
    assert not (run / "tables").exists()


def test_cells_scored_on_different_images_stand_in_no_table(stage, run):
    path = run / "cells/setting1/mask_x101/seed0/scores.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "nuclei": 2359}))
    done = tables(stage, run)
    assert done.returncode == 2
    assert (
        "mask_x101/seed0/scores.json: scored, images, nuclei are (True, 6, 2359), wanted (True, 6, 2360)" in done.stderr
    )


def test_cells_trained_on_different_data_stand_in_no_table(stage, run):
    one, path = (run / f"cells/setting1/{model}/seed0/training.json" for model in ("mask_r50", "mask_x101"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "data_sha256": "d" * 64}))
    done = tables(stage, run)
    assert done.returncode == 2
    assert done.stderr == (
        f"error: {path}: data_sha256 is {'d' * 16}, wanted {'b' * 16} as in {one}; both belong to one setting, so run "
        "the pipeline again, which trains again what was trained on other data\n"
    )
    assert not (run / "tables").exists()


def test_an_unknown_model_is_no_silent_gap(stage, run):
    done = tables(stage, run, models=["mask_r50", "mask_r51"])
    assert done.returncode == 2
    assert done.stderr.startswith("error: config/models.yaml: holds no mask_r51, wanted one of mask_r50, mask_x101")


def test_without_masks_the_notes_say_so(stage, tmp_path):
    make_cell(tmp_path, 1, "mask_r50", 0, 0.2, 5, scored=False)
    tables(stage, tmp_path, models=["mask_r50"])
    for name in ("table1.md", "table1_full.md"):
        text = (tmp_path / "tables" / name).read_text()
        assert "6 test images without masks: not scored" in text
        assert "exceed" not in text
