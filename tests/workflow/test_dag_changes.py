"""What a change of the config or of a file makes a finished run do again, by dry runs."""

import json

import yaml
from support.tiny import AFTER_SCORES, CONFIG, STAGES, cell, overlay, planned, snakemake


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
    cells["draw_curves"] = 2  # which say that validation saw whole images
    assert planned(done) == {**cells, **AFTER_SCORES}
    options = "--views 8 --scales 0.75 1.0 --window=96 --overlap 24 --soft-nms --border 0.8 --out"
    assert (done.stdout + done.stderr).count(options) == 12


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


def test_another_device_leaves_no_missing_training_out(project):
    """As an `ancient` input of `train`, its new check hid that training: Snakemake left it out, and ended with 0."""
    missing = cell(project, 1, "mask_r50") / "training.json"
    content = missing.read_bytes()
    missing.unlink()
    try:
        found = planned(snakemake(project, "-n", config=overlay(project, compute={"device": "auto"})))
    finally:
        missing.write_bytes(content)
    assert (found["check_device"], found["train"], found["write_manifest"]) == (1, 12, 1)
    assert planned(snakemake(project, "-n")) == {}


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
