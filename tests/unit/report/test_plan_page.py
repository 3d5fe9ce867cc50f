"""The plan's page: hours, states, memory, cards."""

import json

import pytest
from conftest import ROOT

from nuclei.common.stage import InputError
from nuclei.report.plan_page import hour_lines, measured_peak, read_cards, speeds, state

CARD = {"tflops": {"fp32": 10, "fp16": 40}, "utilisation": {"fp32": 0.5, "fp16": 0.25}, "memory_gb": 8}
# test data: nobody measured these; 3 x 50e9 multiply-adds x 2 images x 5 steps = 1.5e12 a second
MADE_UP = {"card": "made up", "torch": "1.2.3", "date": "2000-01-01"}
MADE_UP["training"] = {"mask_r50": {"bf16": {"steps_per_second": 5, "batch": 2, "gflops": 50}}}


def test_totals_of_hours_leave_out_and_name_what_is_not_counted():
    rows = {
        "a": {"macs": [9e15, 4.5e15], "minutes": None, "precision": "fp32", "timed_as": "mask_r50", "gpus": 4},
        "b": {"macs": [18e15, 0], "minutes": None, "precision": "fp32", "timed_as": None, "gpus": 1},
        "c": {"macs": None, "minutes": None, "precision": "fp32", "timed_as": "mask_r50", "gpus": 1},
    }
    assert hour_lines(rows, {"card": CARD})[2:] == [
        "| a | fp32 | 1 / 4 (assumed) |",
        "| b | fp32 | 2 (assumed) |",
        "| c | fp32 | not counted |",
        "| all 3, without 1 not counted |  | 3 (assumed) |",
        "| of that remains, without 1 not counted |  | 0.5 (assumed) |",
    ]


def test_hours_of_a_training_by_time_are_given():
    row = {"macs": None, "minutes": [90.0, 30.0], "precision": "bf16", "timed_as": "mask_r50", "gpus": 2}
    assert hour_lines({"a": row}, {"card": CARD})[2:] == [
        "| a | bf16 | 3 / 2 (given) |",  # 1.5 hours on each of 2
        "| all 1 |  | 3 (given) |",
        "| of that remains |  | 1 (given) |",
    ]


def test_hours_at_a_measured_speed_are_marked():
    macs = [1.5e12 * 7200, 1.5e12 * 3600]
    rows = {
        "a": {"macs": macs, "precision": "bf16", "timed_as": "mask_r50", "minutes": None, "gpus": 1},
        "narrow": {"macs": macs, "precision": "bf16", "timed_as": None, "minutes": None, "gpus": 1},
        "other": {"macs": macs, "precision": "bf16", "timed_as": "cascade_r50", "minutes": None, "gpus": 1},
        "fp16": {"macs": macs, "precision": "fp16", "timed_as": "mask_r50", "minutes": None, "gpus": 1},
    }
    cards = {"plain": CARD, "known": {**CARD, "measured": MADE_UP}}
    lines = hour_lines(rows, cards)[2:]
    assert lines[0] == "| a | bf16 | 0.6 (assumed) | 2 (measured) |"  # 10.8e15 multiply-adds, 2 x 10.8e15 / 10e12 s
    assert all(line.endswith("| 0.6 (assumed) | 0.6 (assumed) |") for line in lines[1:4])
    assert lines[4:] == [
        "| all 4 |  | 2.4 (assumed) | 3.8 (partly measured) |",
        "| of that remains |  | 1.2 (assumed) | 1.9 (partly measured) |",
    ]
    assert hour_lines({"a": rows["a"]}, cards)[3] == "| all 1 |  | 0.6 (assumed) | 2 (measured) |"
    assert speeds(cards["known"]) == "mask_r50 bf16 5 steps/s (torch 1.2.3, 2000-01-01)"
    assert speeds(CARD) == ""


def test_states():
    timed = ((0, 90), (7, 30), (11, 0))
    names = [state({"epochs": 5, "done": done, "left": 5 - done, "minutes": None}) for done in (0, 2, 5)]
    assert names == ["not started", "2 of 5 epochs done", "finished"]
    names = [
        state({"epochs": None, "done": done, "left": int(left > 0), "minutes": [90, left]}) for done, left in timed
    ]
    assert names == ["not started", "60 of 90 minutes used", "finished"]


def test_memory_is_what_was_measured(tmp_path):
    table = tmp_path / "full_size.csv"
    table.write_text("model,setting,parameters,peak_gb\nmask_r50,1,44,7.25\nmask_r50,2,44,\n")
    assert measured_peak(table, "mask_r50", 1) == 7.25
    assert measured_peak(table, "mask_r50", 2) is None
    assert measured_peak(None, "mask_r50", 1) is None


def test_cards_are_checked(tmp_path):
    schema = ROOT / "config/schema.yaml"
    assert "V100" in read_cards(ROOT / "config/cards.yaml", schema)
    wrong = tmp_path / "cards.yaml"
    wrong.write_text("A: {tflop: 3, utilisation: {fp32: 2, fp16: 0.1}, memory_gb: 8}\n")
    with pytest.raises(InputError) as found:
        read_cards(wrong, schema)
    assert f"{wrong}: unknown key A.tflop; did you mean tflops?" in str(found.value)
    assert f"{wrong}: A.utilisation.fp32 is 2, wanted maximum 1; correct it" in str(found.value)
    wrong.write_text(json.dumps({"A": {**CARD, "measured": MADE_UP}}))
    assert read_cards(wrong, schema)["A"]["measured"] == MADE_UP
    training = {"mask_r50": {"fp64": {"steps_per_second": 0, "batch": 2, "gflops": 50}}}
    wrong.write_text(json.dumps({"A": {**CARD, "measured": {**MADE_UP, "training": training}}}))
    with pytest.raises(InputError) as found:
        read_cards(wrong, schema)
    assert "A.measured.training.mask_r50.fp64.steps_per_second is 0, wanted exclusiveMinimum 0" in str(found.value)
    assert "A.measured.training.mask_r50 is 'fp64', wanted one of ['fp32', 'tf32', 'fp16', 'bf16']" in str(found.value)
