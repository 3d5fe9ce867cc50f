"""Cleaning up: what goes is what nothing needs, the bytes are those really freed, and all else stays."""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from pathlib import Path

import pytest
from clean_work import bound_folder, main, newest, plan, remove, running, shown, sizes
from conftest import ROOT

from nuclei.common.files import sha256
from nuclei.common.stage import InputError
from nuclei.data.drawing import draw
from nuclei.data.raw_content import raw_hashes
from nuclei.workflow.data_hash import data_hash

CONFIG = """
data = dict(
    train=dict(type="RepeatDataset", times=2, dataset=dict(ann_file="train.json", img_prefix="images")),
    val=dict(ann_file="train.json", img_prefix="images"),
)
lr_config = dict(policy="step", step=[1])
runner = dict(type="EpochBasedRunner", max_epochs={epochs})
load_from = None
lr = {lr}
"""
CELL = "cells/setting1/mask_r50/seed0"
WORK, RESULTS = f"work/r/{CELL}", f"results/r/{CELL}"
OTHER = "0123456789abcdef"
STALE = "neither of the finished nor of the current training"


def put(path, content=""):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(content if isinstance(content, str) else json.dumps(content))
    return path


def configure(lr=0.1, epochs=3):
    """Write the cell's config.py; returns the name of its work folder."""
    put(f"{RESULTS}/config.py", CONFIG.format(lr=lr, epochs=epochs))
    return bound_folder(f"{RESULTS}/config.py")


def train(name, *weights):
    """A work folder with what a training leaves there."""
    for file in ("lock", "log.jsonl", "last.pth", *weights):
        put(f"{WORK}/{name}/{file}", f"{file} {name}")
    return f"{WORK}/{name}"


def finish(**more):
    """training.json as train.py writes it for the present config and data."""
    image, annotations = sha256("images/a.png"), sha256("train.json")
    data = hashlib.sha256((annotations * 2 + image).encode()).hexdigest()
    training = {"config_sha256": sha256(f"{RESULTS}/config.py"), "data_sha256": data, "weights_sha256": None}
    put(f"{RESULTS}/training.json", training | more)


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A project folder with a run `r` of one configured cell that was not trained; returns its work folder's name."""
    monkeypatch.chdir(tmp_path)
    put("./Snakefile")
    put("./train.json", {"images": [{"file_name": "a.png"}]})
    put("images/a.png", "pixels")
    return configure()


def goes(**options):
    """{path: reason} of what would be removed."""
    return {str(path): reason for path, reason in plan(**options)[0]}


def stays():
    return {str(path): reason for path, reason in plan()[1].items()}


def test_folders_of_other_configs_go_and_the_current_one_stays(project):
    mine, old = train(project), train(OTHER)
    assert goes() == {old: STALE}
    finish()
    assert goes() == {old: STALE}
    assert stays() == {}
    assert os.path.isdir(mine)


def test_more_epochs_stay_with_the_same_folder_and_another_rate_does_not(project):
    train(project)
    finish()
    assert configure(epochs=9) == project
    other = configure(lr=0.2)
    assert other != project
    train(other)
    os.unlink(f"{RESULTS}/training.json")  # as Snakemake does before it trains anew
    assert goes() == {f"{WORK}/{project}": STALE}


def test_a_finished_result_keeps_its_folder_when_the_config_moved_on(project):
    train(project)
    train(OTHER)
    finish(work=project)
    train(configure(lr=0.2))
    assert goes() == {f"{WORK}/{OTHER}": STALE}
    finish()  # without the key `work`, and for another config.py
    configure(lr=0.3)
    assert goes() == {}
    assert "trained under another config.py" in stays()[f"{WORK}/{OTHER}"]


def test_changed_data_keep_the_old_and_the_new_folder(project):
    train(project)
    finish()
    put("images/a.png", "other pixels")
    changed = configure()
    assert changed != project
    train(changed)
    train(OTHER)
    assert goes() == {f"{WORK}/{OTHER}": STALE}


def test_what_cannot_be_told_stays(project):
    mine, other = train(project), train(OTHER)
    os.unlink("images/a.png")
    assert goes() == {}
    assert stays().keys() == {mine, other}
    assert stays()[other].startswith("may be needed: InputError images/a.png: not found, wanted an image")
    put("images/a.png", "pixels")
    put(f"{RESULTS}/config.py", "lr = 0.1")
    assert stays().keys() == {mine, other}
    os.unlink(f"{RESULTS}/config.py")
    assert (goes(), stays().keys()) == ({}, {mine, other})


def test_only_a_finished_trainings_own_folder_is_known_without_data(project):
    train(project)
    finish()
    os.unlink("images/a.png")
    assert stays() == {}
    assert goes() == {}


def test_trainings_of_a_cell_that_is_gone_go():
    old = train(OTHER)
    gone = put(f"work/r/cells/setting2/x/seed1/{OTHER}/last.pth").removesuffix("/last.pth")
    named = put("work/r/cells/setting2/x/seed1/my_notes/last.pth")
    assert goes() == {old: STALE, gone: "no such cell"}
    assert os.path.exists(named)


def test_a_live_trainings_folder_stays_and_is_not_removed(project):
    train(project)
    old = train(OTHER)
    put(f"{old}/.last.pth.ab12cd34.pth")
    put(f"{RESULTS}/.checkpoints.new/epoch_1.pth")
    with open(f"{old}/lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert (goes(), stays()) == ({}, {old: "a training works here"})
        (path,) = plan()[1]
        assert running(path)
        with pytest.raises(OSError):
            remove(path)
        assert os.path.exists(f"{old}/last.pth")
    assert goes() == {old: STALE, f"{RESULTS}/.checkpoints.new": "left by a training that was killed"}
    remove(path)
    assert os.listdir(WORK) == [project]


def test_locks_are_asked_as_nfs_wants_it(project, monkeypatch):
    """NFS makes a lock for writing of flock, which wants a file that was opened for writing."""

    def flock(file, operation, real=fcntl.flock):
        if not fcntl.fcntl(file, fcntl.F_GETFL) & os.O_RDWR and operation & fcntl.LOCK_EX:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        real(file, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    train(project)
    old = train(OTHER)
    put(f"{old}/lock", "process 1 on node")
    assert (goes(), stays()) == ({old: STALE}, {})
    (path,) = (path for path, _ in plan()[0])
    assert (path / "lock").read_text() == "process 1 on node"
    remove(path)
    assert os.listdir(WORK) == [project]


def test_temporary_files_go_by_lock_or_age(project):
    train(project)
    killed = put(f"{WORK}/{project}/.last.pth.ab12_d34.pth", "half")
    old = {
        put(f"{RESULTS}/.scores.json.ab12cd34.json"),
        put("work/r/raw/.dataset.0123456789ab.part"),
        put("work/weights/mask_r50.pth.part"),
        put("work/r/raw/.dataset.new/train/x.png").removesuffix("/train/x.png"),
        put("work/r/raw/.drawing-ab12cd34/x.png").removesuffix("/x.png"),
    }
    for name in (".snakemake_timestamp", ".scores.json", "scores.json.ab12cd34.json", ".scores.json.ab12cd34.csv"):
        put(f"{RESULTS}/{name}")
    put("work/r/raw/dataset/.image.png.ab12cd34.png")  # of the raw data, whatever it is
    assert goes() == {killed: "left by a training that was killed"}
    later = goes(now=time.time() + 25 * 3600)
    assert later.keys() == {killed, *old}
    assert later["work/weights/mask_r50.pth.part"] == "left by a stage that was killed, older than a day"


def test_an_unpacked_files_own_date_is_not_its_age(tmp_path):
    path = put("folder/x.png")
    time.sleep(0.02)
    os.utime(path, (1, 1))  # as unpacking does
    assert newest(tmp_path / "folder") == os.lstat(path).st_ctime > os.lstat("folder").st_ctime


def write_manifest(raw, files=("data/raw.json",)):
    published = {"submissions": "answers"}
    put("results/r/manifest.json", {"config": {"raw": raw, "published": published}, "files": dict.fromkeys(files)})


def test_fingerprints_of_vanished_sources_go(tmp_path):
    for name in ("data.zip", "answers/a.zip", "unknown.zip"):
        put(f"./{name}")
    for name in ("data.zip", "answers", "unknown.zip"):
        data_hash(name, "work/fingerprints")
    write_manifest({"draw": None, "dataset": {"path": "data.zip"}, "test_masks": {"path": None}})
    os.unlink("unknown.zip")
    assert goes() == {}
    os.unlink("data.zip")
    name = hashlib.sha256(b"data.zip").hexdigest()[:16]
    assert goes() == {f"work/fingerprints/{name}.json": "data.zip is gone"}


def test_fingerprints_of_the_parts_of_a_vanished_folder_go(tmp_path):
    draw(tmp_path / "given", train=2, test=1, size=64, seed=3)
    raw_hashes("given/dataset", "given/test_masks", "work/fingerprints")
    stores = {str(path.relative_to(tmp_path)) for path in tmp_path.glob("work/fingerprints/*")}
    assert len(stores) == 3
    write_manifest({"draw": None, "dataset": {"path": "given/dataset"}, "test_masks": {"path": "given/test_masks"}})
    assert goes() == {}
    shutil.rmtree("given")
    assert goes() == dict.fromkeys(stores, "given/dataset is gone")


GONE = "finished results of a cell that the last config of run r did not name"


def past(path):
    """Let the files below a path be older than what was written until now."""
    for file in [path] if os.path.isfile(path) else [str(file) for file in Path(path).rglob("*")]:
        os.utime(file, (1, 1))
    return path


def test_results_of_cells_that_the_manifest_does_not_name_go_when_asked(project):
    finish()
    old = past(put("results/r/cells/setting1/mask_x101/seed0/scores.json").removesuffix("/scores.json"))
    picture = past(put("results/r/figures/overlays/setting1.mask_x101.seed0.jpg"))
    past(put("results/r/figures/overlays/setting1.mask_r50.seed0.jpg"))
    assert goes(former=["r"]) == {}  # no manifest: nothing says which cells the run has
    put("results/r/manifest.json", {"cells": {CELL: {}}})
    assert goes(former=["r"]) == {old: GONE, picture: GONE}
    assert goes() == goes(former=["other"]) == {}  # two configs of one run may be used in turn
    assert stays() == dict.fromkeys(
        (old, picture), f"{GONE}; a config that names it uses them again, --former r lists them to go"
    )
    put(f"{old}/checkpoints/epoch_1.pth")  # made after the manifest: a cell that the run is about to have
    assert goes(former=["r"]) == {picture: GONE}
    past(old)
    (lock,) = [put(f"work/r/cells/setting1/mask_x101/seed0/{OTHER}/lock")]
    with open(lock) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert goes(former=["r"]) == {}
    for broken in ({}, {"cells": []}, {"cells": {}}):
        put("results/r/manifest.json", broken)
        assert old not in goes(former=["r"])


def test_raw_data_go_only_when_asked_finished_and_to_be_had_again(project):
    raw = {"draw": None, "dataset": {"path": "data.zip"}, "test_masks": {"path": "https://a.b/c.zip"}}
    for name in ("work/r/raw/dataset/x.png", "work/r/tiles/setting1/x.png", "./data.zip", "results/r/data/raw.json"):
        put(name)
    train(project)
    assert goes(raw=True) == {}  # no manifest: not finished
    write_manifest(raw)
    assert goes() == {}
    both = {"work/r/raw", "work/r/tiles"}
    assert goes(raw=True).keys() == both
    os.unlink("data.zip")
    assert goes(raw=True) == {}
    write_manifest({"draw": {"seed": 1}, "dataset": {"path": None}, "test_masks": {"path": None}})
    assert goes(raw=True).keys() == both
    with open(f"{WORK}/{project}/lock") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert goes(raw=True) == {}
    write_manifest({"draw": {"seed": 1}}, ["data/raw.json", "report.html"])
    assert goes(raw=True) == {}  # a result is not there: the run goes on


def test_hard_links_count_only_when_the_last_one_goes(tmp_path):
    put("a/one", "x" * 1000)
    put("a/two", "x" * 30)
    put("b/three", "x" * 5)
    os.link("a/one", "kept")
    os.link("a/two", "b/two")
    a, b = tmp_path / "a", tmp_path / "b"
    assert sizes([a]) == (1030, 0)
    assert sizes([b]) == (35, 5)
    assert sizes([a, b]) == (1035, 35)
    os.symlink("../kept", "b/link")
    assert sizes([b])[1] == 5 + len("../kept")
    assert [shown(size) for size in (999, 1500, 2_340_000, 5e9)] == ["999 B", "1.5 kB", "2.3 MB", "5.0 GB"]


def test_command_line_shows_first_and_removes_with_yes(stage, tmp_path, project, monkeypatch, capsys):
    mine, old = train(project), train(OTHER, "epoch_1.pth")
    os.makedirs(f"{RESULTS}/checkpoints")
    os.link(f"{old}/epoch_1.pth", f"{RESULTS}/checkpoints/epoch_1.pth")
    total = sum(os.path.getsize(f"{old}/{name}") for name in os.listdir(old))
    freed = total - os.path.getsize(f"{old}/epoch_1.pth")
    what = f"{old}: {total} B (frees {freed} B: the rest has other hard links), {STALE}"
    done = stage("clean_work", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    places = f"would free {freed} B in 1 places; --yes removes them"
    assert done.stdout.splitlines() == [f"would remove {what}", places]
    assert os.path.isdir(old)
    put(".snakemake/locks/0.input.lock")
    monkeypatch.setattr("sys.argv", ["clean_work.py", "--yes"])
    with pytest.raises(InputError, match=".snakemake/locks: found a run under way, wanted none; wait for its end"):
        main()
    assert os.path.isdir(old)
    os.unlink(".snakemake/locks/0.input.lock")
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    assert capsys.readouterr().out.splitlines() == [f"removes {what}", f"removed 1 of 1 places, {freed} B in all"]
    assert (os.path.isdir(old), os.path.isdir(mine)) == (False, True)
    assert os.path.isfile(f"{RESULTS}/checkpoints/epoch_1.pth")
    main()
    assert capsys.readouterr().out == "nothing to free\n"


def test_a_run_without_a_manifest_has_no_former_results(monkeypatch):
    monkeypatch.setattr("sys.argv", ["clean_work.py", "--former", "r"])
    with pytest.raises(InputError, match="--former: r found, wanted a run with results/r/manifest.json"):
        main()


def test_outside_a_project_nothing_is_looked_at(monkeypatch):
    monkeypatch.chdir(ROOT / "tests")
    monkeypatch.setattr("sys.argv", ["clean_work.py"])
    with pytest.raises(InputError, match="tests: holds no Snakefile, wanted the project's folder"):
        main()
