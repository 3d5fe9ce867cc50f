"""docs/gpu.md and the measured rows of cards.yaml. All records here are test data, made up; nobody measured them."""

import json
import random
import sys

import pytest
import write_gpu_page
import yaml
from conftest import ROOT
from support.pages import section

import gpu_cards
from gpu_tables import page
from nuclei.common.stage import InputError
from nuclei.report.plan_page import read_cards

CARD = {"kind": "card", "date": "2000-01-01", "name": "NVIDIA T4-test", "driver": "1.2", "capability": "9.9"}
CARD |= {"memory_gb": 10.5, "torch": "1.2.3", "cuda": "4.5", "python": "3.0.0", "cores": 7}
CPU = {**CARD, "name": "none: CPU", "capability": None, "memory_gb": None}


def speed(model, precision, ours, other, aim, **change):
    """A record of kind speed, made up."""
    row = {"kind": "speed", "date": "2000-01-01", "model": model, "precision": precision, "switches": ["fused steps"]}
    row |= {"reference": "mmdet's tools/train.py, fp32", "steps_per_second": ours, "reference_steps_per_second": other}
    row |= {"ratio": ours / other, "aim": aim, "default": True, "equal": True, "losses": "the same", "batch": 4}
    row |= {"workers": 2, "height": 64, "width": 96, "gflops": 12.3456, "peak_memory_gb": 1.5}
    return row | {"reference_peak_memory_gb": 2.5, "small": False, "torch": "1.2.3", "device": CARD["name"]} | change


def made_up():
    """Records of a check of a card, seeded."""
    chance = random.Random(26)
    where = [
        {"kind": "where", "model": "mask_r50", "side": "ours", "precision": "fp32", "switches": [], "part": part}
        | {"seconds": seconds, "device": CARD["name"]}
        for part, seconds in (("data", 0.01), ("backward", 0.03))
    ]
    return [
        CARD,
        {"kind": "build", "seconds": 61.25, "files": 9, "torch": "1.2.3"},
        {"kind": "operator", "name": "nms", "dtype": "fp32", "forward_difference": chance.random() / 1e6, "ok": True}
        | {"device": "cuda"},
        {"kind": "check", "name": "a whole run", "ok": None, "says": "no | time", "device": "cuda"},
        speed("mask_r50", "fp32", 3.00049, 2.5, 1.0),
        speed("mask_r50", "bf16", 6.0, 5.0, 1.5),
        speed("mask_r50", "bf16", 99.0, 5.0, None, default=False, switches=["cudnn.benchmark"]),
        speed("cascade_r50", "fp32", 77.0, 1.0, 1.0, equal=False),
        *where,
        {"kind": "dance", "steps": 3},
    ]


def written(path, records):
    """A file of records."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def run(monkeypatch, folder, *records, cards=None):
    """Call the tool on files of records; returns the page's text."""
    words = ["--records", *records, "--kept", folder / "kept.jsonl", "--page", folder / "gpu.md"]
    words += ["--cards", cards] if cards else []
    monkeypatch.setattr(sys, "argv", ["write_gpu_page.py", *map(str, words)])
    monkeypatch.chdir(ROOT)
    write_gpu_page.main()
    return (folder / "gpu.md").read_text()


def test_a_table_for_each_kind_and_the_aims_beside(monkeypatch, tmp_path):
    text = run(monkeypatch, tmp_path, written(tmp_path / "a.jsonl", made_up()))
    assert "Nothing has been measured" not in text
    here = section(text, CARD["name"])
    assert "driver 1.2, capability 9.9, memory gb 10.5, torch 1.2.3, cuda 4.5, python 3.0.0, cores 7." in here
    assert "date 2000-01-01" in here
    speeds = section(here, "Training beside mmdet").splitlines()
    assert "| mask_r50 | fp32 | fused steps | 3 | 2.5 | fp32 | 1.2 | at least 1: met | 4 | 96 x 64 | 2 |" in speeds[6]
    assert "| 1.2 | at least 1.5: MISSED |" in speeds[7]
    assert "| 19.8 |  |" in speeds[8]
    assert "| 77 | not compared: other losses |" in speeds[9]
    assert [line for line in speeds if line.startswith("- ")] == [
        "- mask_r50: fastest with equal losses in bf16, 99 steps/s."
    ]
    assert "| mask_r50 | ours | fp32 |  | 10.0 (25%) | 30.0 (75%) | 40.0 |" in here
    assert r"| a whole run |  | no \| time |" in section(here, "Checks")
    assert "| 61.25 | 9 |" in section(here, "Building mmcv-full")
    assert "| 3 |" in section(here, "dance")  # of a kind that nobody has described
    assert "| nms | fp32 | " in section(here, "Operators")
    kept = (tmp_path / "kept.jsonl").read_text()
    assert kept == (tmp_path / "a.jsonl").read_text()
    assert run(monkeypatch, tmp_path, tmp_path / "kept.jsonl") == text


@pytest.mark.parametrize(
    "records",
    [
        [speed("mask_r50", "fp32", 3.0, 2.0, 1.0)],  # of no card
        [CPU, speed("mask_r50", "fp32", 3.0, 2.0, 1.0)],
        [CPU, {"kind": "step", "model": "mask_r50", "loss": 1.0}],
        [],
    ],
)
def test_a_cpu_gets_no_figure_into_the_page(monkeypatch, tmp_path, records):
    text = run(monkeypatch, tmp_path, written(tmp_path / "a.jsonl", records))
    assert text == page({})
    assert "**Nothing has been measured on a GPU yet.**" in text and "|" not in text
    assert not (tmp_path / "kept.jsonl").exists()


def test_records_of_a_cpu_behind_those_of_a_card_are_left_out(monkeypatch, tmp_path, capsys):
    others = [
        speed("wrong", "fp32", 3.0, 2.0, 1.0, device="cpu"),
        speed("wrong", "fp32", 3.0, 2.0, 1.0, device="another card"),
        speed("wrong", "fp32", 3.0, 2.0, 1.0, small=True),
        {"kind": "operator", "name": "wrong", "device": "cpu"},
        CPU,
        {"kind": "operator", "name": "wrong"},
    ]
    text = run(monkeypatch, tmp_path, written(tmp_path / "a.jsonl", [*made_up(), *others]))
    assert "wrong" not in text
    assert "6 records of a CPU, of small size or of no card, left out" in capsys.readouterr().err
    assert text == page({CARD["name"]: made_up()})


def test_a_new_check_replaces_its_cards_and_leaves_the_others(monkeypatch, tmp_path):
    other = [{**CARD, "name": "Another"}, {"kind": "build", "seconds": 11.0}]
    run(monkeypatch, tmp_path, written(tmp_path / "a.jsonl", [*made_up(), *other]))
    text = run(monkeypatch, tmp_path, written(tmp_path / "b.jsonl", [CARD, {"kind": "build", "seconds": 22.0}]))
    assert "| 11 |" in section(text, "Another") and "| 22 |" in section(text, CARD["name"])
    assert "61.25" not in text


def test_lines_that_are_no_records(tmp_path, capsys):
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps(CARD) + '\n{"kind": "bui')
    assert write_gpu_page.parsed(file) == [CARD]
    assert "line 2 is cut off" in capsys.readouterr().err
    for line, said in (('{"kind": "bui\n', "line 1 is no JSON"), ("[1]\n", "line 1 has no kind")):
        file.write_text(line + json.dumps(CARD) + "\n")
        with pytest.raises(InputError, match=said):
            write_gpu_page.parsed(file)


CARDS = """\
# of test data
T4:
  tflops: {fp32: 8.1, fp16: 65} # a data sheet's
  utilisation: {fp32: 0.3, fp16: 0.1}
  memory_gb: 16
# another
RTX 3090:
  tflops: {fp32: 35.6, fp16: 71}
  utilisation: {fp32: 0.3, fp16: 0.1}
  memory_gb: 24
"""


def test_measured_speeds_go_into_the_cards_row(monkeypatch, tmp_path):
    cards = tmp_path / "cards.yaml"
    cards.write_text(CARDS)
    records = made_up()
    run(monkeypatch, tmp_path, written(tmp_path / "a.jsonl", records), cards=cards)
    found = read_cards(cards, ROOT / "config/schema.yaml")["T4"]["measured"]
    assert found == {
        "card": "NVIDIA T4-test",
        "torch": "1.2.3",
        "date": "2000-01-01",
        "training": {
            "mask_r50": {
                "fp32": {"steps_per_second": 3.0, "batch": 4, "gflops": 12.35},
                "bf16": {"steps_per_second": 6.0, "batch": 4, "gflops": 12.35},
            }
        },
    }
    once = cards.read_text()
    before, after = CARDS.split("# another")
    assert once.startswith(before + "  measured:\n") and once.endswith("\n# another" + after)
    records[4]["steps_per_second"] = 4.0
    run(monkeypatch, tmp_path, written(tmp_path / "a.jsonl", records), cards=cards)
    assert cards.read_text() == once.replace("steps_per_second: 3.0", "steps_per_second: 4.0")


def test_a_card_without_a_row_and_speeds_that_do_not_count(tmp_path):
    cards = tmp_path / "cards.yaml"
    cards.write_text(CARDS)
    schema = ROOT / "config/schema.yaml"
    with pytest.raises(InputError, match="0 cards found whose words are in 'NVIDIA X9', wanted one; add a row"):
        gpu_cards.write(cards, schema, {"NVIDIA X9": [{**CARD, "name": "NVIDIA X9"}, *made_up()[1:]]})
    assert gpu_cards.row_of("NVIDIA GeForce RTX 3090", yaml.safe_load(CARDS), cards) == "RTX 3090"
    gpu_cards.write(cards, schema, {CARD["name"]: [CARD, speed("a", "fp32", 1.0, 1.0, 1.0, equal=False)]})
    assert cards.read_text() == CARDS


def test_the_page_is_made_from_the_kept_records():
    kept = ROOT / "docs/gpu.jsonl"
    made = page(write_gpu_page.read([kept]) if kept.is_file() else {})
    assert (ROOT / "docs/gpu.md").read_text() == made, "run python tools/write_gpu_page.py"
