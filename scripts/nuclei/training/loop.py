"""One training, from its start or its last finished epoch to its last epoch."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuclei.compute.device import claim_gpu
from nuclei.compute.precision import precision
from nuclei.compute.stop import StopRequest
from nuclei.training.left_out import left_out
from nuclei.training.resume import LAST, newest_state
from nuclei.training.types import Keep, TrainingState
from nuclei.workflow.code_version import code_version

if TYPE_CHECKING:
    import torch
    from mmcv import Config


def use_own_hooks(config: "Config", work: Path, label: str, keep: Keep) -> None:
    """Put this project's hooks (nuclei.training.hooks) in place of mmdet's logs, checkpoints and validation.

    config: resolved mmdet Config, changed in place; the other arguments are those of train().
    """
    config.log_level = "WARNING"
    config.checkpoint_config, config.log_config = None, None
    config.custom_hooks = [
        *config.get("custom_hooks", []),
        dict(type="EpochSeed", seed=config.seed, priority="VERY_HIGH"),
        dict(type="Narrate", log=str(work / "log.jsonl"), label=label),
        dict(
            type="EpochEnd",
            work=str(work),
            validation=config.data.val.to_dict(),
            keep=keep,
            label=label,
            every=config.evaluation.interval,
            workers=config.data.workers_per_gpu,
            version=code_version() or "unknown",
            priority="LOW",
        ),
    ]


def model_to_train(config: "Config", device: "torch.device", classes: tuple[str, ...], label: str) -> Any:
    """The detector of a resolved Config, with its published weights unless a state is resumed, ready for the device."""
    from nuclei.compute.acceleration import use_bf16, use_channels_last, use_fast_ious
    from nuclei.models.detector import build_model
    from nuclei.models.pretrained import load_published

    model = build_model(config)
    model.CLASSES = classes
    if config.load_from and not config.resume_from:
        load_published(model, config, config.load_from, label)
    config.load_from = None  # else mmdet would load it once more
    if device.type == "cpu":
        use_channels_last(model)
        use_fast_ious()
    if precision(config) == "bf16":
        use_bf16(model)
    return model


def train(config: "Config", work: Path, device: "torch.device", label: str, keep: Keep) -> TrainingState:
    """Train to the last epoch, from last.pth if there is one. Returns what this project saved with the last epoch.

    config: resolved mmdet Config, changed in place. work: the held work folder. device: as find_device gives it.
    label: name of the cell in progress lines. keep: which epochs' weights stay on disk.
    Raises Stopped at the next safe point after a signal, and InputError where the loss is not finite or a GPU's memory
    does not suffice.
    """
    import torch
    from mmdet.apis import set_random_seed, train_detector
    from mmdet.datasets import build_dataset

    import nuclei.training.datasets  # noqa: F401 - registers the data set that train_on_negatives names
    from nuclei.compute.compat import patch_epoch_sleep, patch_points, patch_streams, quiet_amp
    from nuclei.training.hooks import memory_errors

    state = newest_state(work, label)
    if state:
        done, wanted = state["epoch"], config.runner.max_epochs
        if done >= wanted:
            print(f"{label}: all {wanted} epochs are trained already in {work}", file=sys.stderr)
            return state["nuclei"]
        config.resume_from = str(work / LAST)
        print(f"{label}: resumes after epoch {done} of {wanted} from {work / LAST}", file=sys.stderr)
    device, _gpu = claim_gpu(device, label, StopRequest.check)  # held as long as it is referenced
    config.device = device.type
    config.gpu_ids = [device.index or 0]
    config.work_dir = str(work)
    use_own_hooks(config, work, label, keep)
    set_random_seed(config.seed)
    dataset = build_dataset(config.data.train)
    for line in left_out(dataset):
        print(f"warning: {label}: {line}", file=sys.stderr)
    model = model_to_train(config, device, dataset.CLASSES, label)
    patch_streams()
    patch_points()
    quiet_amp()
    if not config.data.workers_per_gpu:
        patch_epoch_sleep()
    with memory_errors(label):
        train_detector(model, dataset, config, validate=False, meta={})
    meta = torch.load(work / LAST, map_location="cpu", weights_only=True)["meta"]
    state_at_the_end: TrainingState = meta["nuclei"]
    return state_at_the_end
