"""A training that SIGKILL ends on a card goes on, and the next job gets the card that it held; make test-gpu."""

import json
import signal

import pytest
import torch
from support.training_cell import rows_of

from gpu.devices import CARD, device_of, is_small
from gpu.jobs import Job, training
from gpu.records import record

EPOCHS = 8
# Bounds, on a card, of how far the epoch after a resume moves the weights, as a share of what it does without a stop.
LIKE = 0.75, 1.33


def moved(folder, epoch):
    """How far an epoch moved the weights: the norm of all their differences."""
    files = (folder / "checkpoints" / f"epoch_{number}.pth" for number in (epoch - 1, epoch))
    before, after = (torch.load(file, map_location="cpu", weights_only=True)["state_dict"] for file in files)
    names = [name for name in after if name.endswith(("weight", "bias"))]
    return float(torch.stack([(after[name] - before[name]).double().norm() for name in names]).norm())


@pytest.mark.parametrize("on", [CARD])
def test_killed_resumed_and_the_card_given_on(on, cell, tmp_path, records_apart):
    """Two trainings of the same recipe want the same card; the one that holds it is killed, and later started again."""
    device = device_of(on)
    config = cell("killed", epochs=EPOCHS, validate_every=0)
    killed, other = tmp_path / "killed", tmp_path / "other"
    killed.mkdir()
    other.mkdir()
    first = Job(training(config, killed, device, label="first", keep_every=1), tmp_path / "first.log")
    second = None
    try:
        first.wait_until(lambda said: list(killed.glob("work/*/last.pth")))
        first.process.send_signal(signal.SIGSTOP)  # it holds the card, and does not end while the other one starts
        if not is_small(device):
            claim = first.said.split("first: computes on ")[1].splitlines()[0]
            second = Job(training(config, other, device, label="second", keep_every=1), tmp_path / "second.log")
            second.wait_until(lambda said: "second: no free GPU among 1, waits for one" in said)
            assert "computes on" not in second.said
        assert first.kill() < 0, first.said  # it did not end by itself, and has told no one
        (work,) = (killed / "work").iterdir()
        kept = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in work.glob("epoch_*.pth")}
        if second is None:
            second = Job(training(config, other, device, label="second", keep_every=1), tmp_path / "second.log")
        assert second.end() == 0, second.said
        if not is_small(device):
            assert f"second: computes on {claim}" in second.said
            assert claim.endswith(f", {torch.cuda.get_device_properties(device).uuid}")
            record("check", name="the card of a killed job", ok=True, says=claim, device=device.type)
        again = Job(training(config, killed, device, label="first", keep_every=1), tmp_path / "again.log")
        assert again.end() == 0, again.said
    finally:
        for job in (first, second):
            if job:
                job.kill()
    (line,) = [line for line in again.said.splitlines() if "resumes after epoch" in line]
    done = int(line.split("resumes after epoch ")[1].split()[0])
    assert 1 <= done < EPOCHS
    for epoch in range(1, done + 1):  # their files are the same, and were not written anew
        name = f"epoch_{epoch}.pth"
        file = killed / "checkpoints" / name
        assert (file.read_bytes(), file.stat().st_mtime_ns) == kept[name]
    assert len(list((killed / "checkpoints").iterdir())) == EPOCHS
    resumed, unbroken = rows_of(killed), rows_of(other)
    assert [(row["epoch"], row["iter"]) for row in resumed] == [(row["epoch"], row["iter"]) for row in unbroken]
    after = max(
        abs(a["loss"] / b["loss"] - 1) for a, b in zip(resumed, unbroken, strict=True) if a["epoch"] == done + 1
    )
    share = moved(killed, done + 1) / moved(other, done + 1)
    says = f"{line}; loss differs by {after:.2g}, the next epoch moved the weights {share:.3g} times as far"
    # on a card the order of sums differs from run to run; on a CPU all is equal
    ok = (after, share) == (0, 1) if is_small(device) else after <= 0.3 and LIKE[0] <= share <= LIKE[1]
    record("check", name="resume after SIGKILL", ok=ok, says=says, device=device.type)
    assert ok, says
    trained_on = json.loads((killed / "training.json").read_text())["device"]
    assert (trained_on == "cpu") == is_small(device)
