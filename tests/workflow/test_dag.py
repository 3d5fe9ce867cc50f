"""The whole DAG on a very small drawn data set: all six models in both settings, by real training."""

import csv
import json
import shutil

import pytest
from support.tiny import (
    CELLS,
    MODELS,
    cell,
    clean,
    overlay,
    planned,
    reverse_times,
    snakemake,
    verified,
)

from nuclei.prediction.ensembles import fuse_predictions
from nuclei.scoring.average_precision import score


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


def test_a_cell_is_scored_before_the_last_training_begins(project):
    records = [json.loads(path.read_text()) for path in (project / ".snakemake/metadata").iterdir() if path.is_file()]

    def starts(rule):
        return [record["starttime"] for record in records if record["rule"] == rule]

    assert min(starts("score_predictions")) < max(starts("train"))


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
    assert "| of that remains |  | 0 (assumed) |" in done.stdout
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


def read(path):
    return json.loads(path.read_text())


def test_scores_beyond_ap_of_two_models_and_their_ensemble(project, tmp_path):
    """Nothing is trained; the models are those of the finished run."""
    folder = tmp_path / "moved"
    shutil.copytree(project, folder, symlinks=True)
    models = ["mask_r50", "pointrend_r50"]
    change = {"ensembles": {"two": [f"{model}/seed0" for model in models]}, "models": models}
    change["scoring"] = {"instances": True, "epochs": 1}
    reported = planned(snakemake(folder, "-n", config=overlay(folder, tables={"published": True}, **change)))
    assert (reported["judge_findings"], "draw_overlays" in reported) == (1, False)
    config = overlay(folder, **change)
    plan = planned(snakemake(folder, "-n", config=config))
    assert not plan.keys() & {"train", "predict"}
    wanted = {
        "predict_validation": 2,
        "fuse_validation": 1,
        "score_instances": 4,
        "score_ensemble_instances": 2,
        "predict_epochs": 4,
        "score_epochs": 4,
        **dict.fromkeys(("compare_cells", "compare_epochs", "make_instance_tables", "draw_scores"), 1),
        "draw_overlays": 4,  # from the score threshold on, since the data are not the report's
    }
    assert "judge_findings" not in plan
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
