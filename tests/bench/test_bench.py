"""The bench computes its rows on tiny data, and stops where two ways have different results. No time is judged."""

import re
import sys
from dataclasses import replace

import cv2
import pytest
from conftest import ROOT

from bench import __main__ as bench
from bench import conversion, inference, orchestration, readers, scoring, training
from bench.material import gather
from bench.rows import WrongResult, below, faster, within

NO_ARCHIVES = ROOT / "no such folder"
TINY = {"train": 2, "test": 2, "size": 96, "seed": 7}
CONVERT, EVALUATE, READ = conversion.convert, scoring.evaluate, training.read


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    return gather(tmp_path_factory.mktemp("bench"), NO_ARCHIVES, TINY)


def test_missing_data_are_drawn_and_named(material):
    assert not material.real
    assert str(material).startswith("data drawn by the project")
    assert len(list(material.dataset.glob("train/*/images/*.png"))) == 2


def test_conversion(material):
    found = list(conversion.rows(material, full=False))
    masks = len(list(material.dataset.glob("train/*/masks/*.png")))
    assert [row.goal for row in found] == ["at least 15x", "at least 5x", "at most 1.5 of it", "at most 1.5 of it"]
    size = f"{masks} masks of 2 images, processes: {material.processes}"
    assert found[0].note == f"{size}; equal to the mask for {masks}"
    assert found[1].note == f"identical polygons for {masks} masks"
    assert all(row.ours > 0 and row.other > 0 for row in found)


def spoilt(method):
    """convert() of nuclei.data.conversion, but with the first polygon's first point moved in one mode."""

    def convert(images, found, *arguments):
        content = CONVERT(images, found, *arguments)
        if found == method:
            content["annotations"][0]["segmentation"][0][0] += 5
        return content

    return convert


@pytest.mark.parametrize(("method", "said"), [("exact", "exact mode loses pixels"), ("imantics", "other polygons")])
def test_a_wrong_conversion_stops_the_bench(material, monkeypatch, method, said):
    monkeypatch.setattr(conversion, "convert", spoilt(method))
    with pytest.raises(WrongResult, match=said):
        list(conversion.rows(material, full=False))


@pytest.fixture
def few(material, monkeypatch, tmp_path):
    monkeypatch.setattr(readers, "SIDE", 96)
    return replace(material, scratch=tmp_path)


def test_readers(few):
    found = list(readers.rows(few, full=False))
    assert len(found) == len(readers.FORMATS) == 6
    assert {row.note for row in found} == {"18 nuclei in 2 images of 96 px a side; each mask as drawn"}
    assert all(row.ours > 0 and row.other > 0 and row.met is None for row in found)


@pytest.mark.parametrize("name", ["by_reader", "by_json"])
def test_other_masks_stop_the_bench(few, monkeypatch, name):
    right = getattr(readers, name)
    if name == "by_reader":
        monkeypatch.setattr(readers, name, lambda *arguments: right(*arguments)[1:])
    else:
        title, write, _ = readers.FORMATS["geojson"]
        moved = lambda *arguments: [(rows + 1, columns) for rows, columns in right(*arguments)]  # noqa: E731
        monkeypatch.setitem(readers.FORMATS, "geojson", (title, write, moved))
    with pytest.raises(WrongResult, match="other masks than were drawn"):
        list(readers.rows(few, full=False))


def test_inference(material, monkeypatch):
    nucleus = {"image_id": 1, "score": 0.5, "segmentation": {"counts": "a"}}
    other = {**nucleus, "segmentation": {"counts": "b"}}
    monkeypatch.setattr(inference, "LARGE", 250)
    monkeypatch.setattr(inference, "predicted", lambda *arguments: ([nucleus, other], 7.0))
    monkeypatch.setattr(inference, "by_tool", lambda *arguments: [other, nucleus])
    times, memory = inference.rows(material, full=False)
    assert (times.met, memory.unit, memory.goal) == (None, "MB", "at most 1.25 of it")
    assert (memory.ours, memory.other) == (7, 7)
    picture = cv2.imread(str(material.dataset / "test/bench_250.png"))
    assert picture.shape == (250, 250, 3)
    assert all(part.std() > 0 for part in (picture[:96, :96], picture[96:192, 96:192], picture[192:, 192:]))
    monkeypatch.setattr(inference, "by_tool", lambda *arguments: [nucleus])
    assert (
        inference.run("-c", "import time; x = bytearray(300_000_000); time.sleep(1)")[0]
        > inference.run("-c", "import time; time.sleep(1)")[0] + 250
    )
    with pytest.raises(WrongResult, match="other nuclei than mmdet's tools/test.py finds"):
        list(inference.rows(material, full=False))


def test_scoring(material):
    together, alone, segmentation, many = scoring.rows(material, full=True)
    assert together.goal == alone.goal == "at least 20x"
    assert (segmentation.goal, many.goal) == ("under 10 s", "at most 1.5 of it")
    assert many.note.startswith("100 images, ")
    nuclei = len(list(material.test_masks.glob("*/masks/*.png")))
    assert together.note.startswith(f"{2 * nuclei} detections (moved nuclei), {nuclei} nuclei, 2 images")
    assert 0 < float(together.note.split("AP ")[1].split()[0]) < 1


def test_wrong_scores_stop_the_bench(material, monkeypatch):
    def evaluate(*data):
        right = EVALUATE(*data)
        return right | {"ap75_1000": right["ap75_1000"] + 1e-9}

    monkeypatch.setattr(scoring, "evaluate", evaluate)
    with pytest.raises(WrongResult, match="all images: ap75_1000"):
        list(scoring.rows(material, full=False))


def steps(loss=2.0, wall=0.2, cpu=0.1, **losses):
    """Steps of a training as the clock writes them; the first take ten times as long."""
    taken = [
        {part: [wall * many, cpu * many] for part in training.PARTS}
        for many in [10] * training.WARM + [1] * training.WARM
    ]
    return [{**times, "losses": {"loss": loss, **losses}} for times in taken]


@pytest.fixture
def small(material, monkeypatch, tmp_path):
    """The material with a scratch folder of its own, for trainings of two steps of a very small model."""

    def read(name):
        content = READ(name)
        if name == "best":
            content["training"] |= {"batch": 1, "width": 0.125, "crop": 64, "test_scale": [96, 96], "detections": 20}
            content["training"] |= {"train_scales": [[96, 96], [96, 96]]}
        return content

    monkeypatch.setattr(training, "read", read)
    monkeypatch.setattr(training, "STEPS", 2)
    return replace(material, scratch=tmp_path)


@pytest.fixture
def clocked(small, monkeypatch):
    """The same; a function that sets what the steps are, of ours and of mmdet's tool."""

    def of(ours, stock):
        monkeypatch.setattr(training, "trained", lambda config, folder: ours[config.stem])
        monkeypatch.setattr(training, "by_tool", lambda config, folder: stock)
        monkeypatch.setattr(training, "validation", lambda *arguments: arguments)
        monkeypatch.setattr(training, "bf16", lambda: True)
        return list(training.rows(small, full=False))

    return of


def test_training_rows(clocked):
    stock = steps(cpu=0.2, loss_mask=0.5, acc=34.0)
    ours = {"fp32": steps(loss_mask=0.5, acc=34.2), "bf16": steps(loss=2.05, cpu=0.125, loss_mask=0.7)}
    fp32, parts, (_, _, epoch), bf16, _ = clocked(ours, stock)
    assert [(row.goal, row.met) for row in (fp32, bf16)] == [("at least 1x", True), ("at least 1.5x", True)]
    assert (fp32.ours, fp32.other, bf16.ours) == pytest.approx((0.4, 0.8, 0.5))
    assert fp32.note.startswith("2.5 images/s; 1.25; CPU time, by wall clock 1x; mean loss of 20 steps 2.0000")
    assert fp32.note.endswith("all losses of 3 steps to 0.0e+00")
    assert parts.note == "data 25 %, forward 25 %, backward 25 %, optimizer 25 %; CPU time"
    assert epoch == pytest.approx(0.4 * 1)  # one tile, of the one image that is not for validation


@pytest.mark.parametrize(
    ("fp32", "bf16", "said"),
    [
        (steps(loss_mask=0.503), steps(), "fp32: .*step 1: loss_mask 0.503, by mmdet's tool 0.5"),
        (steps(loss=2.1, loss_mask=0.5), steps(), "step 1: loss 2.1"),
        (
            steps(loss_mask=0.5),
            steps(loss=2.2),
            "pointrend_r50, bf16: mean loss of 20 steps 2.2000, by mmdet's tool 2.0000",
        ),
        (steps(loss_mask=0.5)[:-1], steps(), "19 steps, by mmdet's tool 20"),
    ],
)
def test_other_losses_stop_the_bench(clocked, fp32, bf16, said):
    with pytest.raises(WrongResult, match=said):
        clocked({"fp32": fp32, "bf16": bf16}, steps(loss_mask=0.5))


def test_training(small, monkeypatch):
    monkeypatch.setattr(training, "WARM", 1)
    monkeypatch.setattr(training, "bf16", lambda: False)
    times, parts, scores = training.rows(small, full=False)
    assert min(times.ours, times.other, parts.ours, scores.ours) > 0
    assert (times.goal, scores.goal) == ("at least 1x", "under 5 %")
    assert re.search(r"mean loss of 2 steps \d\.\d+, by mmdet's tool .*, all losses of 2 steps to \d", times.note)
    assert scores.note.startswith("20 detections, ")
    assert scores.other == pytest.approx(parts.ours)  # an epoch of one step


def test_a_finished_run(material, tmp_path):
    row = orchestration.finished(material, tmp_path, cells=1, runs=1, **orchestration.CELL)
    assert (row.name, row.goal, row.other) == ("snakemake -n, 1 cells done", "under 3 s", None)


def test_a_run_with_work_left_stops_the_bench(material, monkeypatch, tmp_path):
    right = orchestration.outputs
    monkeypatch.setattr(orchestration, "outputs", lambda *of: [p for p in right(*of) if p.name != "scores.json"])
    with pytest.raises(WrongResult):
        orchestration.finished(material, tmp_path, cells=1, runs=1, **orchestration.CELL)


DATA = ({"raw": {"draw": TINY}}, "its data", "--until", "write_annotations")


def test_a_run_and_its_bare_commands(tmp_path):
    row = orchestration.overhead(tmp_path, *DATA, most=5)
    assert row.note == "5 jobs one after the other, each run by both in turn; 7 files the same"
    assert (row.name, row.goal) == ("its data; bare commands", "under 5 %")
    assert row.ours > row.other > 0


def test_commands_with_another_result_stop_the_bench(monkeypatch, tmp_path):
    right = orchestration.checkout

    def checkout(folder):
        script = right(folder) / "scripts/nuclei/data/splits.py"
        if folder.name == "bare":
            script.write_text(script.read_text().replace("sorted(ids)", "sorted(ids, reverse=True)"))
        return folder

    monkeypatch.setattr(orchestration, "checkout", checkout)
    with pytest.raises(WrongResult, match="the bare commands' is another"):
        orchestration.overhead(tmp_path, *DATA)


def test_ratios_and_goals():
    assert faster("a; b", 2.0, 30.0, 15).cells() == ["a; b", "2 s", "30 s", "15x", "at least 15x: met", ""]
    assert faster("a; b", 2.0, 29.0, 15).met is False
    assert within("a; b", 3.0, 2.0, 1.5).cells()[3:5] == ["1.5 of it", "at most 1.5 of it: met"]
    assert within("a; b", 3.1, 2.0, 1.5).met is False
    assert below("a", 3.5, 3).cells() == ["a", "3.5 s", "", "", "under 3 s: MISSED", ""]
    assert below("a", 3.5).cells()[4] == ""


def test_wrong_results_end_the_command(material, monkeypatch, capsys):
    monkeypatch.setattr(bench, "gather", lambda scratch: material)
    monkeypatch.setattr(conversion, "convert", spoilt("imantics"))
    monkeypatch.setattr(sys, "argv", ["bench", "--parts", "conversion"])
    with pytest.raises(SystemExit, match="error: bench: conversion: .* other polygons"):
        bench.main()
    assert capsys.readouterr().out == ""


def test_the_command_prints_one_table(material, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(bench, "gather", lambda scratch: material)
    monkeypatch.setattr(sys, "argv", ["bench", "--parts", "scoring", "conversion", "--out", str(tmp_path / "a/t.md")])
    bench.main()
    lines = capsys.readouterr().out.splitlines()
    first = [line.split("|")[1].strip() for line in lines[:3]]
    assert (first[0], first[2]) == ("what; beside", "scores at caps 100 and 1000; pycocotools")
    assert len(lines) == 2 + 6 + 2
    assert lines[-1].startswith("On data drawn by the project")
    assert (tmp_path / "a/t.md").read_text().splitlines() == lines
