"""The simulation of many trainings: its numbers against ones worked out by hand, and a small one on a real SLURM."""

import pytest
from cluster import install
from simulate import hours, lengths, measure, simulate

from nuclei.common.stage import InputError
from nuclei.report.plan_page import hour_lines

CARD = {"tflops": {"fp32": 10, "fp16": 40}, "utilisation": {"fp32": 0.5, "fp16": 0.25}, "memory_gb": 8}
HOUR = 5e12 / 2 * 3600  # multiply-adds
MACS = {("1", "a"): 2 * HOUR, ("1", "b"): None, ("2", "a"): 1200 * HOUR, ("2", "b"): 4 * HOUR}
HOURS = {(1, "a"): 2, (1, "b"): 402, (2, "a"): 1200, (2, "b"): 4}  # b is not counted in setting 1: the others' mean


@pytest.fixture
def page():
    """A plan's table of hours, by plan.py itself."""
    rows = {
        f"setting{setting}/{model}/seed0": {
            "precision": "fp32",
            "macs": macs and [macs, macs],
            "timed_as": None,
            "minutes": None,
            "gpus": 1,
        }
        for (setting, model), macs in MACS.items()
    }
    return "\n".join(hour_lines(rows, {"T4": CARD, "A100": {**CARD, "utilisation": {"fp32": 1}}}))


def test_hours_are_those_of_the_plans_page(page):
    assert hours(page, "T4") == HOURS
    assert hours(page, "A100")[1, "a"] == 1
    with pytest.raises(InputError, match="cards T4, A100 found, wanted H100"):
        hours(page, "H100")
    with pytest.raises(InputError, match="cards none found"):
        hours("", "T4")


def test_trainings_sleep_in_proportion_to_their_hours():
    cells = lengths(HOURS, models=3, settings=2, seeds=2, seconds=40)
    assert len(cells) == 12
    assert cells["setting1.a.seed0"] == cells["setting1.a_0.seed1"] == round(40 * 2 / (2810 / 6), 1)
    assert sum(cells.values()) == pytest.approx(12 * 40, abs=1)
    assert set(lengths(HOURS, models=1, settings=1, seeds=1, seconds=7)) == {"setting1.a.seed0"}


def job(number, comment, submitted, start, end, gpus=None, state="COMPLETED"):
    """A record of SLURM's, times in seconds after noon."""
    times = {"SubmitTime": submitted, "StartTime": start, "EndTime": end}
    times = {key: f"2026-01-01T12:{second // 60:02}:{second % 60:02}" for key, second in times.items()}
    return {"JobId": str(number), "Comment": f"rule_{comment} ", "JobState": state, "gpus": gpus or {}, **times}


def test_numbers_of_a_simulation_follow_from_slurms_records():
    jobs = [
        job(1, "train_wildcards_x", 0, 10, 60, {"n1": {0}}),  # sleeps 40
        job(2, "train_wildcards_y", 0, 10, 110, {"n1": {1}}),  # sleeps 80
        job(3, "evaluation", 65, 70, 85, {"n1": {0}}),  # sleeps 5
        job(4, "evaluation", 112, 115, 125, {"n1": {0}}, "FAILED"),
        job(5, "tables", 126, 127, 130),
    ]
    found = measure(jobs, {"x": 40, "y": 80}, 5, gpus=2)
    # 50 + 100 + 15 of 2 x 100 s held; 10 + 20 + 10 + 5 s beyond the sleeps
    assert (found["jobs"], found["trainings"], found["not completed"]) == (5, 2, 1)
    assert (found["makespan"], found["by work"], found["by longest"]) == (130, 65, 85)
    assert found["idle"] == pytest.approx(1 - 165 / 200)
    assert (found["beyond"], found["most beyond"]) == (11.25, 20)


@pytest.mark.slurm
def test_a_small_simulation_runs_on_slurm(tmp_path):
    install()
    cells = lengths(HOURS, models=2, settings=1, seeds=2, seconds=10)
    found, table = simulate(tmp_path, cells, evaluation=1, nodes=2, gpus=1, dry_run=False)
    print(f"\n{table}")
    assert (found["jobs"], found["trainings"], found["not completed"]) == (9, 4, 0)
    assert found["makespan"] > found["by work"] == (sum(cells.values()) + 4) / 2
    assert 0 <= found["idle"] < 1
    assert found["most beyond"] >= found["beyond"] >= 0
