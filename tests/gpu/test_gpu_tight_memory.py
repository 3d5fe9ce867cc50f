"""Too little memory of a card is one line that says what to set, and each of these settings mends it; make test-gpu.

torch itself caps the memory of a stage's process (`per_process_memory_fraction` in PYTORCH_ALLOC_CONF).
"""

import re

import pytest
import torch
from support.training_cell import without_memory

from gpu.devices import CARD, device_of, is_small
from gpu.jobs import Job, training
from gpu.material import make_paths
from gpu.records import record
from gpu.steps import train
from gpu.subjects import Subject, resolved_tree
from nuclei.models.config_tree import python_text

MODEL = "mask_r50"
# The keys that the line names, and how a person follows it. The images have more nuclei than the lower threshold.
MENDED = {
    "training.checkpointing": {"checkpointing": True},
    "training.gpu_assign_thr": {"gpu_assign_thr": 1},
    "training.batch training.accumulate": {"batch": 1, "accumulate": 2},
    "training.precision": {"precision": "fp16"},
}
SCALE = {"train_scales": [[1333, 800], [1333, 800]]}  # one of the zoo's range, so that each process takes the same
LINE = re.compile(
    r"error: tight: out of GPU memory at epoch 1, iteration 1, \S+ \(\d+ nuclei\), \S+ \(\d+ nuclei\) \(.*\), wanted "
    r"more; "
)


def one_step(folder, paths, device, share=None, **change):
    """The job of a training of one step at most; share: of the card's memory that its process may take."""
    folder.mkdir()
    scale = {} if is_small(device) else SCALE
    tree = resolved_tree(MODEL, paths, is_small(device), validate_every=0, **scale, **change)
    (folder / "config.py").write_text(python_text(tree))
    cap = {"PYTORCH_ALLOC_CONF": f"per_process_memory_fraction:{share:.4f}"} if share else {}
    return Job(training(folder / "config.py", folder, device, label="tight"), folder / "log", **cap)


def peaks(paths, device):
    """(peak memory of a step, GB; {key: that of a step with the setting})."""
    one = Subject(MODEL, paths, False, **SCALE)
    changes = {"": {}, **MENDED}
    found = {key: train(one, device, one.config(**change), 2, None).peak_gb for key, change in changes.items()}
    torch.cuda.empty_cache()
    return found.pop(""), found


def line_of(said):
    """The error line of a job's text, and no traceback."""
    assert "Traceback" not in said, said
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    return line


@pytest.mark.parametrize("on", [CARD])
def test_each_setting_that_the_line_names_mends_it(on, tmp_path, records_apart):
    device = device_of(on)
    (tmp_path / "images").mkdir()
    paths, share = make_paths(tmp_path / "images", is_small(device)), None
    if is_small(device):  # a CPU has no such cap: the line comes from a detector that says it has no memory left
        job = one_step(tmp_path / "all", paths, device)
        assert job.end() == 0, job.said
        (line,) = without_memory(
            "train_step", 0, training(job.log.parent / "config.py", tmp_path, device, label="tight")
        )
    else:
        whole, mended = peaks(paths, device)
        most = max(mended.values())  # so that each setting has to help by itself
        record(
            "check", name="memory of a step", ok=most < 0.95 * whole, says=f"{whole} GB", device=device.type, **mended
        )
        assert most < 0.95 * whole, (whole, mended)
        cap = (most + whole) / 2
        share = cap * 2**30 / torch.cuda.get_device_properties(device).total_memory
        job = one_step(tmp_path / "all", paths, device, share)
        assert job.end() == 2, job.said
        line = line_of(job.said)
        ok = bool(LINE.match(line))
        record("check", name="out of memory", ok=ok, says=line, cap_gb=round(cap, 2), device=device.type)
    assert LINE.match(line), line
    wanted = line.split("wanted more; ")[1]
    assert set(re.findall(r"training\.\w+", wanted)) == set(" ".join(MENDED).split())
    failed = {}
    for number, (key, change) in enumerate(MENDED.items()):
        if is_small(device) and change.get("precision") == "fp16":
            continue  # which mmcv has on cards alone
        job = one_step(tmp_path / str(number), paths, device, share, **change)
        ok = job.end() == 0
        said = [line for line in job.said.splitlines() if "tight" in line] or [job.said[-300:]]
        record("check", name=f"out of memory, {key}", ok=ok, says=said[-1][:300], device=device.type)
        if not ok:
            failed[key] = job.said[-1000:]
    assert not failed, failed
