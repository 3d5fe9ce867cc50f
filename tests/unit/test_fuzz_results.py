"""Readers of what a run wrote meet damage, as in test_fuzz.py: weights, states, score tables, cells, the manifest."""

import io
import json
import shutil

import pytest
import torch
from clean_work import plan
from support.fuzzing import broken, changed, fuzz, json_bytes, recounted_zip
from support.run_folder import MODELS, SEEDS, cell_folders
from verify_run import verify

from nuclei.common.stage import InputError
from nuclei.models.weight_files import read_published
from nuclei.prediction.trained_weights import load_weights
from nuclei.report.cells import read_cells
from nuclei.report.curves import read_losses, read_scores
from nuclei.training.resume import newest_state
from nuclei.training.selection import choose, read_epochs
from nuclei.workflow.data_hash import files_hash


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
    whole = [saved({"meta": {"epoch": epoch, "iter": 3, "nuclei": {}}, "state_dict": {}}) for epoch in (1, 2)]

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
            for path, _ in plan(raw=True)[0]:
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
