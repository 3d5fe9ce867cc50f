"""The whole DAG on a very small drawn data set: all six models in both settings, by real training."""

import csv
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy
import pytest
import torch
import yaml
from conftest import ROOT, checkout
from mmcv import Config
from mmdet.models import build_detector
from support.published_weights import serve
from support.tiny import CELLS, CONFIG, MODELS, STAGES, cell, overlay, planned, reverse_times, snakemake, verified

from nuclei.models.zoo import zoo_path
from nuclei.prediction.ensembles import fuse_predictions
from nuclei.scoring.average_precision import score


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project after a whole run."""
    folder = checkout(tmp_path_factory.mktemp("project"))
    (folder / "tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    done = snakemake(folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return folder


def test_every_cell_has_every_result(project):
    wanted = {
        "config.py",
        "checkpoints",
        "epochs.tsv",
        "log.jsonl",
        "training.json",
        "checkpoint.pth",
        "checkpoint.json",
        "predictions.json",
        "answer.json",
        "answer.zip",
        "scores.json",
    }
    for setting, model in CELLS:
        assert {path.name for path in cell(project, setting, model).iterdir()} == wanted


def test_tables_hold_the_scores_of_their_cells(project):
    for setting in (1, 2):
        rows = list(csv.DictReader((project / f"results/tiny/tables/table{setting}.csv").open()))
        assert len(rows) == 6
        assert "published mAP" not in rows[0]
        for model, row in zip(MODELS, rows, strict=True):
            scores = json.loads((cell(project, setting, model) / "scores.json").read_text())
            assert float(row["mAP"]) == scores["map_report"]
            assert row["epoch"] == "1"
        for form in ("md", "tex", "html"):
            assert "Demo data" in (project / f"results/tiny/tables/table{setting}.{form}").read_text()


def test_scores_follow_from_the_predictions_and_the_masks(project):
    truth = json.loads((project / "results/tiny/data/coco/test.json").read_text())
    masks = list((project / "work/tiny/raw/test_masks").glob("*/masks/*.png"))
    assert len(truth["annotations"]) == len(masks)
    for setting, model in CELLS[::5]:
        folder = cell(project, setting, model)
        predictions = json.loads((folder / "predictions.json").read_text())
        assert json.loads((folder / "scores.json").read_text()) == json.loads(json.dumps(score(truth, predictions)))


def test_settings_train_on_what_they_should(project):
    def ids(name):
        content = json.loads((project / f"results/tiny/data/annotations/{name}.json").read_text())
        return {image["file_name"].split("/")[0] for image in content["images"]}

    everything = {"DEMO-01", "DEMO-02", "DEMO-03"}
    assert ids("setting1/train") | ids("setting1/validation") == everything
    assert not ids("setting1/train") & ids("setting1/validation")
    assert ids("setting2/train") == ids("setting2/validation") == everything


def test_report_is_one_file_with_all_pictures(project):
    page = (project / "results/tiny/report.html").read_text()
    assert (page.count("data:image/png;base64,"), page.count("data:image/jpeg;base64,")) == (2, 2)  # curves, images
    assert 'src="http' not in page
    for setting, model in CELLS:
        assert page.count(f'<tr data-cell="setting{setting}/{model}">') == 2  # in its table and in the list of cells
        assert f'id="packed:cell/setting{setting}/{model}/seed0"' in page
        assert page.count(f'id="packed:layer/setting{setting}/{model}/') == 2
    for title in ("Table 1", "Table 2", "scoring.instances is false", "Where each number comes from"):
        assert title in page


def test_the_manifest_names_every_result_and_no_other(project):
    # cells, tables, cells.csv, data, curves, overlays, report
    count = 12 * 11 + 16 + 1 + 17 + 2 + 12 + 1
    found = json.loads((project / "results/tiny/manifest.json").read_text())
    assert len(found["files"]) == count
    assert found["models"] == MODELS
    assert found["config"]["training"]["repeat"] == 1
    assert found["data"]["raw"] == {"dataset": None, "test_masks": None}
    for setting, model in CELLS:
        wanted = json.loads((cell(project, setting, model) / "training.json").read_text())
        assert found["cells"][f"cells/setting{setting}/{model}/seed0"] == wanted
    nothing = "0 missing, 0 changed, 0 extra, 0 contradicting, 0 not kept here"
    assert verified(project / "results/tiny") == f"{count} files fit, {nothing}"


AFTER_SCORES = {"make_table": 2, "make_cells_table": 1, "make_report": 1, "write_manifest": 1}


def test_a_second_run_does_nothing(project):
    assert planned(snakemake(project, "-n")) == {}


def test_touching_everything_runs_nothing(project):
    reverse_times(project)
    assert planned(snakemake(project, "-n")) == {}


def test_the_plan_of_a_finished_run_trains_nothing(project):
    files = {path: path.stat().st_mtime_ns for path in (project / "results/tiny").rglob("*") if path.is_file()}
    done = snakemake(project, "--", "plan")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("| finished |") == 12
    assert "| of that remains |  | 0 |" in done.stdout
    after = {path: path.stat().st_mtime_ns for path in (project / "results/tiny").rglob("*") if path.is_file()}
    assert {path.name for path, changed in after.items() if files.get(path) != changed} == {"plan.log"}
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("| setting1/mask_r50/seed0 | 1 |")]
    written = sum(path.stat().st_size for path in project.glob("work/tiny/cells/setting1/mask_r50/seed0/*/*.pth"))
    assert float(row.split(" | ")[9]) * 1e9 == pytest.approx(written, rel=0.1)


def test_the_plan_of_a_new_run_converts_but_trains_nothing(project):
    config = overlay(project, run="planned", models=["mask_r50"], settings=[1])
    done = snakemake(project, "--", "plan", config=config)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("| not started | 1 |") == 1
    assert (project / "results/planned/data/annotations/setting1/train.json").is_file()
    assert [path.name for path in (project / "results/planned").glob("cells/*/*/*/*")] == ["config.py"]
    assert not (project / "work/planned/cells").exists()


def test_defaults_named_in_an_overlay_run_nothing(project):
    defaults = yaml.safe_load((project / "config/config.yaml").read_text())
    change = {key: dict(reversed(defaults[key].items())) for key in ("inference", "checkpoints")}
    training = {"precision": defaults["training"]["precision"], **CONFIG["training"]}
    config = overlay(project, training=training, **change)
    assert planned(snakemake(project, "-n", config=config)) == {}


def test_selection_does_not_retrain(project):
    found = planned(snakemake(project, "-n", config=overlay(project, selection={"policy": "last"})))
    cells = {"select_checkpoint": 12, "predict": 12, "write_answer": 12, "score_predictions": 12, "draw_overlays": 12}
    assert found == {**cells, "draw_curves": 2, **AFTER_SCORES}


def test_a_look_repeats_prediction_alone_and_reaches_its_command(project):
    look = {"views": 8, "scales": [0.75, 1.0], "window": 96, "overlap": 24, "soft_nms": True, "border": 0.8}
    done = snakemake(project, "-n", "--printshellcmds", config=overlay(project, inference=look))
    cells = {"predict": 12, "write_answer": 12, "score_predictions": 12, "draw_overlays": 12}
    assert planned(done) == {**cells, **AFTER_SCORES}
    options = "--views 8 --scales 0.75 1.0 --window=96 --overlap 24 --soft-nms --border 0.8 --out"
    assert (done.stdout + done.stderr).count(options) == 12


def test_an_ensemble_runs_its_own_stages_alone(project, tmp_path):
    folder = tmp_path / "moved"
    shutil.copytree(project, folder, symlinks=True)
    members = ["mask_r50/seed0", "pointrend_r50/seed0"]
    config = overlay(folder, ensembles={"two": members})
    own = {
        "fuse_predictions": 2,
        "write_ensemble_answer": 2,
        "score_ensemble": 2,
        "make_ensembles_table": 1,
        "make_report": 1,
        "write_manifest": 1,
    }
    assert planned(snakemake(folder, "-n", config=config)) == own
    done = snakemake(folder, config=config)
    assert done.returncode == 0, done.stderr[-3000:]
    results = folder / "results/tiny"
    truth = json.loads((results / "data/coco/test.json").read_text())
    rows = list(csv.DictReader((results / "tables/ensembles.csv").open()))
    for setting, row in zip((1, 2), rows, strict=True):
        found = [json.loads((cell(folder, setting, m.split("/")[0]) / "predictions.json").read_text()) for m in members]
        fused = json.loads(json.dumps(fuse_predictions(found, truth["images"])))
        made = results / f"ensembles/setting{setting}/two"
        assert json.loads((made / "predictions.json").read_text()) == fused
        assert float(row["mAP"]) == json.loads((made / "scores.json").read_text())["map_report"]
        assert (row["members"], row["epochs"]) == (", ".join(members), "1, 1")
    assert ">Ensembles</h3>" in (results / "report.html").read_text()
    before = len(json.loads((project / "results/tiny/manifest.json").read_text())["files"])
    assert verified(results).startswith(f"{before + 2 * 4 + 4} files fit, ")
    changed = overlay(folder, ensembles={"two": members[::-1]})
    assert planned(snakemake(folder, "-n", config=changed)) == own
    gone = overlay(folder, ensembles={"two": None})
    assert planned(snakemake(folder, "-n", config=gone)) == {"make_report": 1, "write_manifest": 1}


def test_scores_beyond_ap_of_two_models_and_their_ensemble(project, tmp_path):
    """Nothing is trained; the models are those of the finished run."""
    folder = tmp_path / "moved"
    shutil.copytree(project, folder, symlinks=True)
    models = ["mask_r50", "pointrend_r50"]
    change = {"ensembles": {"two": [f"{model}/seed0" for model in models]}, "models": models}
    config = overlay(folder, scoring={"instances": True, "epochs": 1}, **change)
    plan = planned(snakemake(folder, "-n", config=config))
    assert not plan.keys() & {"train", "predict"}
    wanted = {
        "predict_validation": 2,
        "fuse_validation": 1,
        "score_instances": 4,
        "score_ensemble_instances": 2,
        "predict_epochs": 4,
        "score_epochs": 4,
        **dict.fromkeys(
            ("compare_cells", "compare_epochs", "judge_findings", "make_instance_tables", "draw_scores"), 1
        ),
    }
    assert {rule: count for rule, count in plan.items() if rule in wanted} == wanted
    done = snakemake(folder, config=config)
    assert done.returncode == 0, done.stderr[-3000:]
    results = folder / "results/tiny"
    chosen = [read(cell(folder, setting, "mask_r50") / "instance_scores.json")["threshold"] for setting in (1, 2)]
    assert chosen[0]["value"] == chosen[1]["value"]  # setting 2 takes that of setting 1
    assert "by the same model and seed as trained in setting 1" in chosen[1]["chosen_on"]
    together = read(results / "ensembles/setting2/two/instance_scores.json")
    assert together["threshold"] == {
        **read(results / "ensembles/setting1/two/instance_scores.json")["threshold"],
        "chosen_on": together["threshold"]["chosen_on"],
    }
    compared = read(results / "comparisons.json")
    labels = [f"setting{setting}/{name}" for setting in (1, 2) for name in (*models, "ensemble two")]
    assert sorted(compared["groups"]) == sorted(labels)
    assert len(compared["pairs"]) == 6 * 5 // 2
    for setting, model in ((1, "mask_r50"), (2, "pointrend_r50")):
        (epoch,) = read(cell(folder, setting, model) / "epoch_scores.json")
        scores = read(cell(folder, setting, model) / "scores.json")
        assert epoch["test"] == pytest.approx({name: scores[name] for name in epoch["test"]}, abs=1e-12)
    assert read(results / "epoch_correlations.json")["by_setting"]["1"]["ap_100"]["value"] is None  # one epoch each
    clean(folder, "--former", "tiny")  # the cells of the other models
    assert ", 0 extra, 0 contradicting, " in verified(results)
    assert planned(snakemake(folder, "-n", config=config)) == {}


def read(path):
    return json.loads(path.read_text())


def test_one_models_rate_retrains_that_model_alone(project):
    config = overlay(project, model_options=CONFIG["model_options"] | {"mask_r50": {"optimizer.lr": 0.001}})
    found = planned(snakemake(project, "-n", config=config))
    cells = dict.fromkeys(STAGES, 2)
    assert found == {**cells, "draw_curves": 2, **AFTER_SCORES}


def test_another_training_of_equal_scores_is_chosen_from_again(project):
    """As where the run was stopped after that training: epochs.tsv says the same, but the weights are others."""
    provenance = cell(project, 1, "mask_r50") / "training.json"
    before = provenance.read_bytes()
    provenance.write_text(json.dumps(json.loads(before) | {"work": "0" * 16}))
    try:
        found = planned(snakemake(project, "-n"))
    finally:
        provenance.write_bytes(before)
    assert (found["select_checkpoint"], found["predict"], found["score_predictions"]) == (1, 1, 1)
    assert planned(snakemake(project, "-n")) == {}


def test_another_seed_trains_only_that_seed(project):
    found = planned(snakemake(project, "-n", config=overlay(project, seeds=[0, 1])))
    assert (found["train"], found["predict"], found["resolve_config"]) == (12, 12, 12)


def test_a_tables_note_changes_tables_alone(project):
    found = planned(snakemake(project, "-n", config=overlay(project, tables={"note": "another"})))
    assert found == {"make_table": 2, "make_report": 1, "write_manifest": 1}


def test_the_tables_script_changes_tables_alone(project):
    path = project / "scripts/make_table.py"
    before = path.read_text()
    path.write_text(before + "\nCHANGED = True\n")
    try:
        assert planned(snakemake(project, "-n")) == {"make_table": 2, "make_report": 1, "write_manifest": 1}
    finally:
        path.write_text(before)


def test_a_wrong_config_is_one_line_before_any_work(project):
    done = snakemake(project, "-n", config=overlay(project, trainig={}))
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "error: config: unknown key trainig; did you mean training?" in said
    assert "Traceback" not in said


def test_a_default_config_in_another_encoding_is_one_line(project):
    path = project / "config/config.yaml"
    before = path.read_bytes()
    path.write_bytes(before.decode().encode("utf-16"))
    try:
        done = snakemake(project, "-n")
    finally:
        path.write_bytes(before)
    said = done.stdout + done.stderr
    assert "error: config/config.yaml: UTF-16 found, wanted text in UTF-8; save it as UTF-8" in said
    assert done.returncode == 1 and "Traceback" not in said


@pytest.fixture(scope="module")
def archive(project):
    """The drawn data as an archive, without and beside its test masks."""
    with tarfile.open(project / "raw.tar.gz", "w:gz") as file:
        file.add(project / "work/tiny/raw/dataset", "dataset")
    return "raw.tar.gz"


def test_without_test_masks_the_run_ends_in_answers(project, archive):
    raw = {"draw": None, "dataset": {"path": archive}}
    config = overlay(project, run="unscored", raw=raw, models=["mask_r50"], settings=[1])
    done = snakemake(project, config=config)
    assert done.returncode == 0, done.stderr[-5000:]
    results = project / "results/unscored"
    (row,) = csv.DictReader((results / "tables/table1.csv").open())
    assert row["mAP"] == "not scored"
    assert (results / "cells/setting1/mask_r50/seed0/answer.zip").is_file()
    assert verified(results)
    raw = json.loads((results / "manifest.json").read_text())["data"]["raw"]
    assert (len(raw["dataset"]), raw["test_masks"]) == (64, None)
    # the same data from an archive: the same annotations, config and weights as drawn in place
    for name in ("data/coco/exact/train.json", "data/annotations/setting1/train.json"):
        assert (results / name).read_bytes() == (project / "results/tiny" / name).read_bytes()
    log = (results / "cells/setting1/mask_r50/seed0/epochs.tsv").read_text()
    assert log == (cell(project, 1, "mask_r50") / "epochs.tsv").read_text()


def clean(project, *arguments):
    """Paths that clean_work.py removes."""
    command = [sys.executable, "tools/clean_work.py", "--yes", *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [line.split()[1].rstrip(":") for line in done.stdout.splitlines() if line.startswith("removes ")]


def test_cleaning_up_leaves_nothing_more_to_do(project):
    work = Path("work/tiny/cells/setting1/mask_r50/seed0")
    (mine,) = (project / work).iterdir()
    (project / work / ("0" * 16)).mkdir()
    config = overlay(project, seeds=[0, 1])
    before = planned(snakemake(project, "-n", config=config))
    assert clean(project) == [f"{work}/{'0' * 16}"]
    assert list((project / work).iterdir()) == [mine]
    assert planned(snakemake(project, "-n", config=config)) == before
    assert planned(snakemake(project, "-n")) == {}


def test_tiles_published_submissions_and_the_reports_converter_run(project):
    (project / "zips").mkdir()
    for name in ("23101", "none"):
        shutil.copy(cell(project, 1, "mask_r50") / "answer.zip", project / f"zips/answer_{name}.zip")
    config = overlay(
        project,
        run="tiled",
        models=["mask_r50"],
        settings=[1],
        published={"submissions": "zips"},
        tiles={"size": 64, "stride": 32, "min_area": 16},
        conversion={"method": "imantics", "segmentation": "polygon"},
    )
    done = snakemake(project, config=config)
    assert done.returncode == 0, done.stderr[-5000:]
    tiles = json.loads((project / "results/tiled/data/annotations/setting1/tiles.json").read_text())
    assert len(tiles["images"]) == 2 * 4
    assert tiles["info"]["converter"] == "imantics"
    scores = json.loads((cell(project, 1, "mask_r50") / "scores.json").read_text())
    published = sorted((project / "results/tiled/published/scores").glob("[!.]*"))
    assert [path.name for path in published] == ["23101.json", "none.json"]
    assert all(json.loads(path.read_text())["map_report"] == scores["map_report"] for path in published)
    assert ", 0 extra, " in verified(project / "results/tiled")  # the published scores are in the manifest, too


@pytest.mark.parametrize("name", ["config", "cpu"])
def test_the_full_size_configs_resolve(project, archive, name):
    """All jobs of the report's protocol are planned, and its cells' configs are written for real."""
    shipped = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())
    change = {
        "raw": {"dataset": {"path": archive}, "test_masks": {"path": None}, "expected": None},
        "split": {"file": None},
    }
    (project / "full.yaml").write_text(yaml.safe_dump(change))
    files = ["--configfile", f"config/{name}.yaml", "full.yaml"] if name != "config" else ["--configfile", "full.yaml"]
    cells = len(shipped["models"]) * 2
    done = subprocess.run(["snakemake", "--cores", "2", "-n", *files], cwd=project, capture_output=True, text=True)
    found = planned(done)
    assert (found["train"], found["predict"], found["score_predictions"]) == (cells, cells, cells)
    assert found.get("fetch_weights", 0) == (6 if name == "config" else 0)
    run = shipped["run"]
    model = shipped["models"][-1]
    target = f"results/{run}/cells/setting2/{model}/seed0/config.py"
    done = subprocess.run(
        ["snakemake", "--cores", "2", *files, "--", target], cwd=project, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "samples_per_gpu" in Path(project / target).read_text()


def test_a_finished_run_needs_no_raw_data(project):
    """Last, for what it removes."""
    assert "work/tiny/raw" in clean(project, "--raw")
    assert not (project / "work/tiny/raw").exists()
    assert planned(snakemake(project, "-n")) == {}


def test_published_weights_come_from_a_mirror_and_only_class_layers_start_anew(project, tmp_path):
    """The whole path over loopback: download, hash, tensors, loading, with a checkpoint in mmdet's published form."""
    catalogue = yaml.safe_load((project / "config/models.yaml").read_text())
    zoo = Config.fromfile(str(zoo_path(catalogue["models"]["mask_r50"]["zoo"])))
    state = build_detector(zoo.model).state_dict()
    (tmp_path / "mask_rcnn").mkdir()
    path = tmp_path / "mask_rcnn/any.pth"
    torch.save({"state_dict": state, "meta": {"mAP": numpy.float64(0.4)}}, path)
    path = path.rename(path.with_name(f"net-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth"))
    catalogue["models"]["mask_r50"]["weights"] = f"mask_rcnn/{path.name}"
    (project / "mirrored.yaml").write_text(yaml.safe_dump(catalogue, sort_keys=False))
    with serve(tmp_path) as (address, _):
        change = {"run": "coco", "models": ["mask_r50"], "settings": [1], "models_file": "mirrored.yaml"}
        change["weights_folder"] = f"{address}/"
        change["training"] = CONFIG["training"] | {"weights": "coco", "width": 1, "depth": 1}
        environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
        target = "results/coco/cells/setting1/mask_r50/seed0/scores.json"
        done = snakemake(project, "--", target, config=overlay(project, **change), environment=environment)
    assert done.returncode == 0, done.stderr[-5000:]
    said = (project / "results/coco/logs/setting1.mask_r50.seed0.train.log").read_text()
    assert f"{len(state) - 6} layers loaded from work/weights/mask_r50.pth, 6 start anew" in said
    assert "roi_head.bbox_head.fc_cls.weight starts anew" in said
    record = json.loads((project / target).with_name("training.json").read_text())
    assert record["weights_sha256"] == hashlib.sha256((project / "work/weights/mask_r50.pth").read_bytes()).hexdigest()
