"""Tables: the report's columns, order and numbers, in four formats; provenance behind each cell."""

import csv
import json
import statistics

import pandas as pd
import pytest
from conftest import ROOT

from nuclei.common.stage import InputError
from nuclei.models.catalogue import read_models
from nuclei.report.table_files import latex_text, signed, write_table
from nuclei.scoring.names import NAMES
from nuclei.scoring.published import read_published

MODELS = ["mask_r50", "mask_x101", "cascade_r50", "cascade_x101", "pointrend_r50", "ms_rcnn_x101"]


def make_cell(run, setting, model, seed, value, epoch, scored=True):
    folder = run / "cells" / f"setting{setting}" / model / f"seed{seed}"
    folder.mkdir(parents=True)
    scores = {name: (value + at / 100 if scored else None) for at, name in enumerate(NAMES)}
    scores |= {
        "map_report": value if scored else None,
        "ceiling_report": 0.2574,
        "images": 6,
        "nuclei": 2360,
        "predictions": 600,
        "per_image": [],
        "scored": scored,
    }
    (folder / "scores.json").write_text(json.dumps(scores))
    choice = {"epoch": epoch, "policy": "best", "metric": "ap50_100", "value": 0.3, "reason": "", "sha256": "c" * 64}
    (folder / "checkpoint.json").write_text(json.dumps(choice))
    training = {
        "config_sha256": "a" * 64,
        "data_sha256": "b" * 64,
        "weights_sha256": None,
        "code_version": "v1",
        "device": "cpu",
        "threads": 1,
        "epochs": 12,
        "wall_seconds": 3.5,
        "finished": "2026-01-01T00:00:00Z",
    }
    (folder / "training.json").write_text(json.dumps(training))


@pytest.fixture
def run(tmp_path):
    for at, model in enumerate(MODELS):
        make_cell(tmp_path, 1, model, 0, 0.2 + at / 1000, 10 + at)
    return tmp_path


def tables(stage, run, *arguments, models=MODELS, seeds=(0,)):
    return stage(
        "tables",
        "--run-dir",
        run,
        "--setting",
        1,
        "--models-file",
        "config/models.yaml",
        "--models",
        *models,
        "--seeds",
        *seeds,
        "--out-dir",
        run / "tables",
        *arguments,
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


def test_every_cell_leads_back(stage, run):
    done = stage(
        "cells_table", "--run-dir", run, "--settings", 1, "--models", *MODELS, "--seeds", 0, "--out", run / "cells.csv"
    )
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((run / "cells.csv").open()))
    assert [row["model"] for row in rows] == MODELS
    assert rows[2]["folder"] == "cells/setting1/cascade_r50/seed0"
    assert (rows[2]["epoch"], rows[2]["map_report"], rows[2]["code_version"]) == ("12", "0.202", "v1")
    assert (rows[2]["config_sha256"], rows[2]["data_sha256"], rows[2]["device"]) == ("a" * 64, "b" * 64, "cpu")


def test_published_numbers_are_the_reports():
    published = read_published(ROOT / "config/published.tsv")
    assert len(published) == 12
    assert published[2, "mask_x101"] == {"epoch": 72, "map": "0.2316", "submission": None}
    assert [published[2, model]["map"] for model in MODELS] == [
        "0.2323",
        "0.2316",
        "0.2428",
        "0.2444",
        "0.2439",
        "0.2420",
    ]


def test_special_characters_reach_every_format(tmp_path):
    write_table([{"a": "x_y & 50%", "b": 0.5, "c": None, "d": 1}], tmp_path / "t", "A & B", ["n < 1"])
    assert r"x\_y \& 50\%" in (tmp_path / "t.tex").read_text()
    assert "n &lt; 1" in (tmp_path / "t.html").read_text()


def test_all_that_is_missing_is_named_together(stage, run):
    (run / "cells/setting1/mask_x101/seed0/scores.json").unlink()
    (run / "cells/setting1/ms_rcnn_x101/seed0/checkpoint.json").unlink()
    path = run / "cells/setting1/mask_r50/seed0/scores.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "ap_1000"}))
    done = tables(stage, run)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert "mask_r50/seed0/scores.json: lacks ap_1000; run score.py again" in lines[0]
    assert "mask_x101/seed0/scores.json: cannot be read" in lines[1]
    assert "ms_rcnn_x101/seed0/checkpoint.json: cannot be read" in lines[2]


def test_cells_scored_on_different_images_stand_in_no_table(stage, run):
    path = run / "cells/setting1/mask_x101/seed0/scores.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "nuclei": 2359}))
    done = tables(stage, run)
    assert done.returncode == 2
    assert (
        "mask_x101/seed0/scores.json: scored, images, nuclei are (True, 6, 2359), wanted (True, 6, 2360)" in done.stderr
    )


def test_an_unknown_model_is_no_silent_gap(stage, run):
    done = tables(stage, run, models=["mask_r50", "mask_r51"])
    assert done.returncode == 2
    assert done.stderr.startswith("error: config/models.yaml: holds no mask_r51, wanted one of mask_r50, mask_x101")


def test_bad_models_and_published_files_are_named(tmp_path):
    for text in ("models: [", "models: {a: {method: mask}}", "3", "models: [mask]"):
        (tmp_path / "models.yaml").write_text(text)
        with pytest.raises(InputError, match="models.yaml: no models file"):
            read_models(tmp_path / "models.yaml")
    head = "table\tmodel\tepoch\tmap\tsubmission\n"
    for text in ("", "a\tb\n1\t2\n", head + "1\tm\tx\t0.2\t\n", head + "1\tm\t3\tno\t\n"):
        (tmp_path / "published.tsv").write_text(text)
        with pytest.raises(InputError, match="published.tsv: .* found, wanted columns table, model"):
            read_published(tmp_path / "published.tsv")
    for read in (read_models, read_published):
        with pytest.raises(InputError, match="none: cannot be read"):
            read(tmp_path / "none")


@pytest.mark.parametrize(
    ("value", "wanted"), [(0.01234, "+0.0123"), (-0.01236, "-0.0124"), (0.00004, "0.0000"), (-0.00004, "0.0000")]
)
def test_differences_carry_a_sign_only_where_they_show_one(value, wanted):
    assert signed(value) == wanted


def test_latex_escapes():
    assert latex_text(r"a_b {c} \d ~ ^ 5 ± 1 # $") == (
        r"a\_b \{c\} \textbackslash{}d \textasciitilde{} \textasciicircum{} 5 $\pm$ 1 \# \$"
    )


def test_without_masks_the_notes_say_so(stage, tmp_path):
    make_cell(tmp_path, 1, "mask_r50", 0, 0.2, 5, scored=False)
    tables(stage, tmp_path, models=["mask_r50"])
    for name in ("table1.md", "table1_full.md"):
        text = (tmp_path / "tables" / name).read_text()
        assert "6 test images without masks: not scored" in text
        assert "exceed" not in text


def test_explored_models_have_a_table_of_their_own(stage, tmp_path):
    for setting, model, value in ((1, "mask_r101", 0.11), (2, "mask_r101", 0.12), (1, "queryinst_r50", 0.0)):
        make_cell(tmp_path, setting, model, 0, value, 10 * setting)
    make_cell(tmp_path, 2, "queryinst_r50", 0, 0.01, 7)
    arguments = ["--run-dir", tmp_path, "--settings", 1, 2, "--models-file", "config/models.yaml", "--seeds", 0]
    arguments += ["--models", "queryinst_r50", "mask_r101", "--out-dir", tmp_path / "tables"]
    done = stage("make_explored_table", *arguments)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "tables/explored.csv").open()))
    assert list(rows[0]) == ["model", "backbone", "multiscale", "lr schd", "setting", "epoch", "mAP"]
    assert [tuple(row.values()) for row in rows] == [
        ("mask", "r101", "yes", "3x", "1", "10", "0.11"),
        ("queryinst", "r50", "yes", "3x", "1", "10", "0.0"),
        ("mask", "r101", "yes", "3x", "2", "20", "0.12"),
        ("queryinst", "r50", "yes", "3x", "2", "7", "0.01"),
    ]
    full = list(csv.DictReader((tmp_path / "tables/explored_full.csv").open()))
    assert [row["setting"] for row in full] == ["1", "1", "2", "2"]
    assert float(full[2]["AP 0.50:0.95 @100"]) == pytest.approx(0.12 + NAMES.index("ap_100") / 100)
    assert "published" not in (tmp_path / "tables/explored.md").read_text()
