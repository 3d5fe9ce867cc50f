"""bench_peers.py without any peer: a script that thresholds takes their place, in this environment, on drawn images."""

import importlib
import json
import platform
import shutil
import signal
import sys
import tarfile
from pathlib import Path

import bench_peers
import numpy as np
import pytest
import yaml
from bench_peers import PeerFailed, check_processor, environment
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scipy import ndimage

from nuclei.common.stage import InputError
from nuclei.compute.locks import try_hold
from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout

# Dark pixels that touch are a nucleus; the score is how dark they are. It learns nothing, but does all else.
THRESHOLD = """
import exchange, numpy, os
from scipy import ndimage
args = exchange.arguments("")
assert len(exchange.read(args.data, "train")[1]) == {train} and not os.environ["CUDA_VISIBLE_DEVICES"]
clock = exchange.Clock(args.minutes)
for path, image in exchange.to_predict(args.data):
    dark = 1 - image.mean(axis=2) / 255
    labels = ndimage.label(dark > numpy.quantile(dark, 0.8))[0]
    exchange.write(args.out / path, labels, exchange.mean_inside(dark, labels))
exchange.finish(args.out, {{**clock.read(), "cores": os.environ["OMP_NUM_THREADS"]}})
"""
KILLED = "import os, signal; print('step 7', flush=True); os.kill(os.getpid(), signal.SIGKILL)"


@pytest.fixture(scope="module")
def data(drawn, tmp_path_factory):
    """Folder of both archives, of drawn images, and a fold whose last training image is held out."""
    folder = tmp_path_factory.mktemp("archives")
    for part, name in bench_peers.ARCHIVES.items():
        with tarfile.open(folder / name, "w:xz", preset=0) as file:
            file.add(drawn / part, part)
    *train, held_out = sorted(path.name for path in (drawn / "dataset/train").iterdir())
    (folder / "fold.yaml").write_text(yaml.safe_dump({"train": train, "validation": [held_out]}))
    return folder


@pytest.fixture
def call(data, tmp_path, monkeypatch):
    """Call the tool with scripts of peers in the place of the real ones; returns its exit status (0: all went well)."""
    peers = tmp_path / "peers"
    peers.mkdir()
    shutil.copy(bench_peers.HERE / "exchange.py", peers)
    monkeypatch.setattr(bench_peers, "HERE", peers)
    monkeypatch.setattr(bench_peers, "environment", lambda peer, folder, log: Path(sys.executable))

    def run(scripts, *options, on="fold"):
        for peer, text in scripts.items():
            (peers / f"train_{peer}.py").write_text(text)
            (peers / f"{peer}.txt").write_text("")
        split = {"fold": "--fold", "test": "--split"}[on]
        base = ["--on", on, split, data / "fold.yaml", "--data", data, "--work", tmp_path, "--out", tmp_path / "out"]
        monkeypatch.setattr(sys, "argv", ["bench_peers", *map(str, [*base, "--peers", *scripts, *options])])
        with pytest.raises(SystemExit) as ended:
            bench_peers.main()
        return ended.value.code

    return run


def reference(truth, found):
    """(AP50 @100, AP @1000) by pycocotools."""
    coco = COCO()
    coco.dataset = truth
    coco.createIndex()
    scores = []
    for cap, thresholds in ((100, [0.5]), (1000, np.linspace(0.5, 0.95, 10))):
        judge = COCOeval(coco, coco.loadRes(found), "segm")
        judge.params.maxDets, judge.params.iouThrs = [cap], np.array(thresholds)
        judge.evaluate()
        judge.accumulate()
        scores.append(judge.eval["precision"][:, :, 0, 0, 0].mean())
    return scores


def read(path):
    return json.loads(path.read_text())


def truth_of(drawn, part, ids=None):
    images, _, _ = read_layout(drawn / "dataset", drawn / "test_masks")
    return convert([one for one in images if one.set == part and (ids is None or one.id in ids)], "exact")


def test_a_peer_is_scored_on_held_out_images_and_the_others_go_on(call, data, drawn, tmp_path, capsys):
    status = call(
        {"cellpose": KILLED, "instanseg": THRESHOLD.format(train=1)}, "--minutes", "0.5", "--cores", "3", "--seed", "4"
    )
    said = capsys.readouterr()
    assert status == 1
    wanted = f"training: killed by signal {signal.SIGKILL.value}; {tmp_path}/fold/cellpose.log ends: step 7"
    assert f"error: cellpose: {wanted}" in said.err
    found = read(tmp_path / "out/instanseg/predictions.json")
    truth = truth_of(drawn, "train", yaml.safe_load((data / "fold.yaml").read_text())["validation"])
    assert {row["image_id"] for row in found} == {3} == {image["id"] for image in truth["images"]}
    with np.load(next((tmp_path / "fold/data/train").iterdir())) as file:
        image, labels = file["image"], file["labels"]
    content = read(tmp_path / "out/peers.json")
    folder = drawn / "dataset/train" / content["images"]["train"][0].split("/")[0]
    with Image.open(next(folder.glob("images/*.png"))) as picture:  # in RGB, where OpenCV reads BGR
        assert (image == np.array(picture.convert("RGB"))).all()
    for mask in folder.glob("masks/*.png"):
        with Image.open(mask) as picture:
            own = np.array(picture.convert("L")) > 0
        (label,) = np.unique(labels[own])
        assert label and (own == (labels == label)).all()
    (row,) = content["rows"]
    scores = [row["scores"][key] for key in ("ap50_100", "ap_1000")]
    assert scores == pytest.approx(reference(truth, found)) and scores[0] > 0.2
    assert row["scores"] == read(tmp_path / "out/instanseg/scores.json")
    assert (row["minutes"], row["cores"], row["seed"], row["training"]["cores"]) == (0.5, 3, 4, "3")
    assert row["training"]["versions"]["python"] == platform.python_version()
    assert content["failed"] == {"cellpose": wanted}
    assert {part: len(names) for part, names in content["images"].items()} == {"train": 1, "validation": 1, "test": 1}
    assert set(content["sha256"]) == {"vrdl-raw.tar.xz", "fold.yaml"}
    # what is printed is peers.md
    lines = (tmp_path / "out/peers.md").read_text().splitlines()
    assert said.out.splitlines()[: len(lines)] == lines
    instances = read(tmp_path / "out/instanseg/instance_scores.json")
    assert instances["threshold"]["chosen_on"] == "1 validation images"
    figures = [f"{row['scores'][key]:.4f}" for key in ("ap50_100", "ap_100", "ap50_1000", "ap_1000")]
    figures += [f"{instances['scores'][key]['mean']:.4f}" for key in ("aji", "pq")]
    assert [cell.strip() for cell in lines[2].split("|")][5:-1] == [*figures, str(len(found))]
    assert f"- cellpose: no scores: {wanted}" in lines


def test_test_images_are_scored_once_and_beside_ours(call, drawn, tmp_path):
    peer = {"stardist": THRESHOLD.format(train=2)}
    assert call(peer, on="test") == 0
    scores = read(tmp_path / "out/stardist/scores.json")
    found = read(tmp_path / "out/stardist/predictions.json")
    truth = truth_of(drawn, "test")
    assert [scores["ap50_100"], scores["ap_1000"]] == pytest.approx(reference(truth, found))
    with np.load(tmp_path / "test/data/test/1.npz") as file:  # no peer may see their nuclei
        assert list(file) == ["image"]
    with pytest.raises(InputError, match="scores.json: found, wanted no second look at the test images"):
        call(peer, on="test")
    shutil.move(tmp_path / "out", tmp_path / "before")
    cell = tmp_path / "cell"
    cell.mkdir()
    shutil.copy(tmp_path / "before/stardist/scores.json", cell)
    training = {"cell": "mask_r50/setting1/seed0", "wall_seconds": 120, "versions": {}, "threads": 1}
    (cell / "training.json").write_text(json.dumps({**training, "code_version": "abc"}))
    assert call(peer, "--ours", cell, on="test") == 0
    ours, theirs = (line.split("|") for line in (tmp_path / "out/peers.md").read_text().splitlines()[2:4])
    assert ours[1].strip() == "ours: mask_r50/setting1/seed0" and ours[2].strip() == "2.0"
    assert ours[5:9] == theirs[5:9] and ours[9:11] == ["  ", "  "]  # no instance_scores.json, so no AJI and PQ
    with pytest.raises(InputError, match=r"2 images with \d+ nuclei found, wanted the same as the peers, 1 with"):
        call(peer, "--ours", cell)


def test_rows_of_earlier_calls_stay_if_their_images_are_the_same(call, data, tmp_path, capsys):
    peer = THRESHOLD.format(train=1)
    assert call({"stardist": peer}) == 0
    (row,) = read(tmp_path / "out/peers.json")["rows"]
    assert call({"cellpose": peer}, "--seed", "2") == 0
    both = read(tmp_path / "out/peers.json")["rows"]
    assert both[0] == row and [(one["peer"], one["seed"]) for one in both] == [("stardist", 0), ("cellpose", 2)]
    lines = (tmp_path / "out/peers.md").read_text().splitlines()
    assert lines[2].split("|")[5:] == lines[3].split("|")[5:]  # the same detections
    (data / "other.yaml").write_text((data / "fold.yaml").read_text() + "# another file\n")
    assert call({"instanseg": peer}, "--fold", data / "other.yaml") == 0
    assert [one["peer"] for one in read(tmp_path / "out/peers.json")["rows"]] == ["instanseg"]
    (tmp_path / "out/peers.json").write_text(json.dumps({**read(tmp_path / "out/peers.json"), "on": "test"}))
    with pytest.raises(InputError, match="out/peers.json: other images or split found"):
        call({"cellpose": peer})


def test_a_map_with_wrong_labels_is_no_result(call, tmp_path, capsys):
    text = THRESHOLD.format(train=1).replace("exchange.mean_inside(dark, labels)", "[0.5]")
    assert call({"cellpose": text}) == 1
    assert "test/3.npz: labels 0 to " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--minutes", "0"], "--minutes 0, --cores 1: found, wanted more than 0"),
        (["--data", "/nowhere"], "/nowhere/vrdl-raw.tar.xz: not found, wanted the archive of the data"),
        (["--fold", "other"], "other: "),
    ],
)
def test_wrong_options_are_told_before_any_work(call, tmp_path, options, said):
    with pytest.raises(InputError, match=said):
        call({"cellpose": KILLED}, *options)
    assert not (tmp_path / "fold").exists()


def test_a_second_call_at_the_same_time_is_refused(call, tmp_path):
    with try_hold(tmp_path / "lock"), pytest.raises(InputError, match="another call found, wanted one at a time"):
        call({"cellpose": KILLED})
    assert not (tmp_path / "fold").exists()


def test_an_environment_is_made_once_and_anew_where_it_is_broken_off(tmp_path, monkeypatch):
    monkeypatch.setattr(bench_peers, "HERE", tmp_path)
    (tmp_path / "cellpose.txt").write_text("a==1\n")
    folder, calls = tmp_path / "environment", []

    def run(command, log, what):
        calls.append([str(word) for word in command])
        if "venv" in calls[-1]:
            (folder / "bin").mkdir(parents=True)
            (folder / "bin/python").touch()
        elif fails:
            raise PeerFailed("no network")

    monkeypatch.setattr(bench_peers, "run", run)
    fails = True
    with pytest.raises(PeerFailed, match="no network"):
        environment("cellpose", folder, tmp_path / "log")
    fails = False
    (folder / "left").touch()
    for _ in range(2):
        assert environment("cellpose", folder, tmp_path / "log") == folder / "bin/python"
    assert not (folder / "left").exists()
    assert [call[2] for call in calls] == ["venv", "pip"] * 2
    assert calls[1] == [f"{folder}/bin/python", *bench_peers.PIP, f"{tmp_path}/cellpose.txt"]
    (tmp_path / "cellpose.txt").write_text("a==2\n")
    environment("cellpose", folder, tmp_path / "log")
    assert len(calls) == 6


def test_a_processor_without_avx_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    flags = tmp_path / "cpuinfo"
    flags.write_text("processor: 0\nflags\t\t: fpu sse4_2\n")
    with pytest.raises(PeerFailed, match="no AVX in this processor found, which TensorFlow needs"):
        check_processor("stardist", flags)
    check_processor("cellpose", flags)
    flags.write_text("flags\t\t: fpu avx\n")
    check_processor("stardist", flags)


def test_the_score_of_peers_without_one_is_the_mean_inside_a_nucleus(monkeypatch):
    monkeypatch.syspath_prepend(bench_peers.HERE)
    exchange = importlib.import_module("exchange")
    random = np.random.default_rng(5)
    labels, values = random.integers(0, 6, (20, 30)), random.random((20, 30))
    labels[labels == 3] = 0
    found = exchange.mean_inside(values, labels)
    there = [1, 2, 4, 5]
    assert found[[label - 1 for label in there]] == pytest.approx(ndimage.mean(values, labels, there))
    assert found[2] == 0 and len(found) == 5
