"""Readers of what a run wrote meet damage, as in test_fuzz.py: weights, states, score tables, cells, the manifest."""

import ast
import io
import json
import shutil
from pathlib import Path

import pytest
import torch
from clean_work import plan
from conftest import ROOT
from support.fuzzing import Serial, broken, changed, fuzz, json_bytes, recounted_zip
from support.run_folder import MODELS, SEEDS, cell_folders
from verify_run import verify

from nuclei.common.documents import read_yaml
from nuclei.common.files import read_json
from nuclei.common.stage import InputError, written_by
from nuclei.data.conversion_loss import read_contents
from nuclei.data.raw_check import check_part, join, summary
from nuclei.models.weight_files import read_published
from nuclei.prediction.trained_weights import load_weights
from nuclei.report.cells import read_cells
from nuclei.report.curves import read_losses, read_scores
from nuclei.report.plan_page import read_cards
from nuclei.training.resume import newest_state
from nuclei.training.selection import choose, read_epochs
from nuclei.workflow.data_hash import files_hash
from nuclei.workflow.protocols import read_protocol
from nuclei.workflow.run_record import RECORD, RunRecord, read_record


def saved(content, **options):
    """The bytes of torch.save."""
    out = io.BytesIO()
    torch.save(content, out, **options)
    return out.getvalue()


def damaged(content, chance):
    """Damaged bytes of a file of torch.save; half of the time with right check sums."""
    return recounted_zip(broken(content, chance)) if chance.random() < 0.5 else broken(content, chance)


@pytest.mark.parametrize("form", ["zip", "old"])
def test_published_weights(tmp_path, form):
    state, path = {"a": torch.ones(3), "b.c": torch.zeros(2, 2)}, tmp_path / "w.pth"
    whole = saved({"state_dict": state, "meta": {"mAP": 0.4}}, _use_new_zipfile_serialization=form == "zip")

    def case(chance):
        path.write_bytes(damaged(whole, chance))
        found = read_published(path)
        assert all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in found.items())

    fuzz(f"published weights {form}", case)


def test_trained_weights(tmp_path):
    model, path = torch.nn.Linear(3, 2), tmp_path / "w.pth"
    whole = saved({"state_dict": model.state_dict(), "meta": {}})

    def case(chance):
        path.write_bytes(damaged(whole, chance))
        load_weights(model, path)

    fuzz("trained weights", case)


def test_saved_states(tmp_path, capsys):
    """A damaged state is removed, and the training goes on from the one before or starts anew."""
    records = [{"weights": "", "seconds": 1.0, "code_version": ""}] * 2
    whole = [
        saved({"meta": {"epoch": epoch, "iter": 3, "nuclei": {"epochs": records[:epoch]}}, "state_dict": {}})
        for epoch in (1, 2)
    ]
    for name, content in zip(("previous.pth", "last.pth"), whole, strict=True):
        (tmp_path / name).write_bytes(content)
    assert newest_state(tmp_path, "cell")["epoch"] == 2

    def case(chance):
        for path in tmp_path.iterdir():
            path.unlink()
        files = {"previous.pth": whole[0], "last.pth": whole[1], "epoch_1.pth": whole[0], "epoch_2.pth": whole[1]}
        hit = chance.choice(sorted(files))
        files[hit] = damaged(files[hit], chance)
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        meta = newest_state(tmp_path, "cell")
        assert meta is None or meta["epoch"] in (1, 2)
        assert "last.pth" not in [path.name for path in tmp_path.iterdir()] if meta is None else True
        capsys.readouterr()

    fuzz("saved states", case, refuses=False)


TABLE = b"epoch\tap50_100\tkept\n1\t0.1\t0\n2\t\t1\n3\t0.2\t1\n"


def test_score_tables(tmp_path):
    path = tmp_path / "epochs.tsv"

    def case(chance):
        path.write_bytes(broken(TABLE, chance))
        rows = read_epochs(path)
        policy = chance.choice(("best", "last", "epoch"))
        assert choose(rows, policy, epoch=3)["epoch"] in [row["epoch"] for row in rows]

    fuzz("score tables", case)


def test_curves(tmp_path):
    rows = [{"mode": "train", "epoch": epoch, "iter": n, "loss": 0.5} for epoch in (1, 2) for n in (1, 2)]
    log = "".join(json.dumps(row) + "\n" for row in [*rows, {"mode": "val", "epoch": 2}]).encode()

    def case(chance):
        (tmp_path / "log.jsonl").write_bytes(broken(log, chance) if chance.random() < 0.5 else log)
        (tmp_path / "epochs.tsv").write_bytes(broken(TABLE, chance))
        for found in (read_losses(tmp_path / "log.jsonl"), read_scores(tmp_path / "epochs.tsv", "ap50_100")):
            assert all(isinstance(number, (int, float)) for numbers in found for number in numbers)

    fuzz("curves", case)


def test_reports_of_the_check(tmp_path, drawn, monkeypatch):
    monkeypatch.setattr("nuclei.data.raw_check.ProcessPoolExecutor", Serial)
    parts = ("train", "test", "test_masks")
    whole = {part: check_part(part, drawn / "dataset", drawn / "test_masks") for part in parts}

    def case(chance):
        hit = chance.choice(parts)
        (tmp_path / "part.json").write_bytes(json_bytes(whole[hit], chance))
        found = read_json(tmp_path / "part.json")
        with written_by("check_part.py", "part.json"):
            summary(join(whole | {hit: found}, {"train": 3}, None))

    fuzz("reports of the check", case)


def test_contents_of_both_converters(tmp_path):
    whole = [{"info": {"converter": name}, "annotations": []} for name in ("exact", "imantics")]

    def case(chance):
        for number, content in enumerate(whole):
            (tmp_path / f"{number}.json").write_bytes(json_bytes(content, chance))
        found = read_contents([tmp_path / "0.json", tmp_path / "1.json"])
        assert [type(content["annotations"]) for content in found] == [list, list]

    fuzz("contents of both converters", case)


def test_protocols_and_cards(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    schema = read_yaml("config/schema.yaml")
    for module in ("workflow.protocols", "report.plan_page"):
        kept = lambda path: schema if str(path) == "config/schema.yaml" else read_yaml(path)  # noqa: E731
        monkeypatch.setattr(f"nuclei.{module}.read_yaml", kept)
    models = list(read_yaml("config/models.yaml")["models"])
    protocols, cards = Path("config/protocols.yaml").read_bytes(), Path("config/cards.yaml").read_bytes()
    path = tmp_path / "file.yaml"

    def case(chance):
        if chance.random() < 0.5:
            path.write_bytes(broken(protocols, chance))
            assert {"training", "models"} <= read_protocol("report", models, path).keys()
        else:
            path.write_bytes(broken(cards, chance))
            assert isinstance(read_cards(path, "config/schema.yaml"), dict)

    fuzz("protocols and cards", case)


@pytest.fixture
def run(made_run, tmp_path):
    """A copy of a whole run folder that a test may damage."""
    shutil.copytree(made_run, tmp_path / "results/r")
    return tmp_path / "results/r"


def hit(path, chance):
    """Damage a file; returns its former content."""
    before = path.read_bytes()
    if path.suffix == ".json" and chance.random() < 0.7:
        path.write_bytes(json.dumps(changed(json.loads(before), chance)).encode())
    else:
        path.write_bytes(broken(before, chance))
    return before


def test_cells(run):
    folders = cell_folders(run)
    names = {"scores": "scores.json", "choice": "checkpoint.json", "training": "training.json"}
    files = {part: [str(folder / name) for folder in folders] for part, name in names.items()}

    def case(chance):
        path = chance.choice(folders) / chance.choice(sorted(names.values()))
        before = hit(path, chance)
        try:
            assert [len(found) for found in read_cells(MODELS, SEEDS, **files).values()] == [2, 2]
        finally:
            path.write_bytes(before)

    fuzz("cells", case)


@pytest.mark.parametrize("which", ["manifest", "results"])
def test_manifests(run, which):
    others = sorted(path for path in run.glob("*/**/*") if path.suffix in (".json", ".tsv", ".csv", ".zip"))

    def case(chance):
        path = run / "manifest.json" if which == "manifest" else chance.choice(others)
        before = hit(path, chance)
        after = path.read_bytes()
        try:
            lines = [line for found in verify(run)[0].values() for line in found]
        finally:
            path.write_bytes(before)
        if lines:
            raise InputError(*lines)
        assert which == "manifest" or after == before

    fuzz(f"manifests {which}", case)


def test_clean_work(run, monkeypatch):
    """A damaged manifest lets nothing go that lies outside of the run, and the tool does not fail by it."""
    monkeypatch.chdir(run.parents[1])

    def case(chance):
        before = hit(run / "manifest.json", chance)
        try:
            for path, _ in plan(raw=True, former=["r"])[0]:
                assert path.is_relative_to("results/r/cells")
        finally:
            (run / "manifest.json").write_bytes(before)

    fuzz("clean work", case, refuses=False)


def test_remembered_hashes(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    store = tmp_path / "store.json"
    right = files_hash({"name": tmp_path / "file"}, store)
    whole = json.loads(store.read_text())

    def case(chance):
        store.write_bytes(json_bytes(whole, chance))
        assert len(files_hash({"name": tmp_path / "file"}, store)) == len(right)

    fuzz("remembered hashes", case, refuses=False)


def test_records_of_runs(tmp_path):
    RunRecord(str(tmp_path), "r", [(1, "mask_r50", 0)], None).end("done")
    whole = json.loads((tmp_path / RECORD).read_text())
    assert read_record(tmp_path) == whole

    def case(chance):
        (tmp_path / RECORD).write_bytes(json_bytes(whole, chance))
        found = read_record(tmp_path)
        if found:
            assert all(isinstance(log, str) for log in found["logs"])
            assert all(model + str(setting) + str(seed + 0) for setting, model, seed in found["cells"])

    fuzz("records of runs", case, refuses=False)


# Readers that other readers call: these meet damage in the tests of those.
CALLED = {
    "load_published": "read_tensors",
    "read_ensembles": "read_cells",
    "read_image": "read_mask",
    "read_layout": "check",
    "read_log": "cell_details",
    "read_masks": "check",
    "read_nucleus": "check",
    "read_part": "read_cells",
    "read_tables": "read_table",
    "read_tensors": "read_published",
    "read_test": "check",
    "read_train": "check",
    "read_file": "read_picture",
    "read_plain": "read_picture",
    "read_png": "read_values",
    "read_statistics": "read_groups",
    "read_stored": "read_masks",
    "read_tiff": "read_picture",
    "read_values": "found_images",
}
FUZZES = ("test_fuzz", "test_fuzz_formats", "test_fuzz_results", "test_fuzz_scores")
NO_INPUT = {"read_zoo"}  # a file of an installed package


def test_every_reader_of_the_library_meets_damage():
    trees = [ast.parse(path.read_text()) for path in (ROOT / "scripts/nuclei").rglob("*.py")]
    defined = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    readers = {name for name in defined if name.startswith(("read_", "load_"))}
    tests = [ast.parse((ROOT / f"tests/unit/{name}.py").read_text()) for name in FUZZES]
    used = {node.id for tree in tests for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert len(readers) >= 17
    assert readers - used == CALLED.keys() - used | NO_INPUT
    assert set(CALLED.values()) <= used | CALLED.keys()
