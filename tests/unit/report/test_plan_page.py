"""The plan's page: hours, states, memory, cards."""

import pytest
from conftest import ROOT

from nuclei.common.stage import InputError
from nuclei.report.plan_page import hour_lines, measured_peak, read_cards, state

CARD = {"tflops": {"fp32": 10, "fp16": 40}, "utilisation": {"fp32": 0.5, "fp16": 0.25}, "memory_gb": 8}


def test_totals_of_hours_leave_out_and_name_what_is_not_counted():
    rows = {
        "a": {"macs": [9e15, 4.5e15], "precision": "fp32", "gpus": 4},
        "b": {"macs": [18e15, 0], "precision": "fp32", "gpus": 1},
        "c": {"macs": None, "precision": "fp32", "gpus": 1},
    }
    assert hour_lines(rows, {"card": CARD})[2:] == [
        "| a | fp32 | 1 / 4 |",
        "| b | fp32 | 2 |",
        "| c | fp32 | not counted |",
        "| all 3, without 1 not counted |  | 3 |",
        "| of that remains, without 1 not counted |  | 0.5 |",
    ]


def test_states():
    names = [state({"epochs": 5, "done": done, "left": 5 - done}) for done in (0, 2, 5)]
    assert names == ["not started", "2 of 5 epochs done", "finished"]


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
