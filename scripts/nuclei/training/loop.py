"""One training, from its start or its last finished epoch to its last epoch, with its validations.

nuclei.training.shortened says what happens where more epochs are trained already than the config asks for. Where
several ranks train together (nuclei.compute.ranks), all of them run what is here; rank 0 decides and writes.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuclei.compute.device import claim_gpu
from nuclei.compute.precision import precision
from nuclei.compute.ranks import Ranks, first, leave, quiet, say
from nuclei.compute.stop import StopRequest
from nuclei.prediction.trained_weights import load_weights
from nuclei.training.kept_epochs import epochs_to_keep
from nuclei.training.left_out import left_out
from nuclei.training.outputs import Trained
from nuclei.training.resume import (
    LAST,
    epochs_wanted,
    finished_epochs,
    minutes_used,
    newest_state,
    restore_weights,
    weights_there,
)
from nuclei.training.shortened import lacking, shorter_folder
from nuclei.training.types import EpochRecord, Keep
from nuclei.training.validation import Validation
from nuclei.workflow.code_version import code_version

if TYPE_CHECKING:
    import torch
    from mmcv import Config

    Claim = Callable[[], tuple[torch.device, object]]
    Computed = Callable[[], dict[str, Any]]


def use_own_hooks(
    config: "Config", work: Path, label: str, keep: Keep, validation: Validation, computed: "Computed"
) -> None:
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
            validation=validation,
            keep=keep,
            version=code_version() or "unknown",
            computed=computed,
            priority="LOW",
        ),
    ]


def use_device(model: Any, config: "Config", device: "torch.device") -> None:
    """Let a detector compute as training does on this device: memory layout and bf16.

    On a GPU, tensor cores alone like channels last, so fp32 without TF32 keeps its layout.
    """
    from nuclei.compute.acceleration import use_bf16, use_channels_last, use_fast_ious
    from nuclei.compute.card import ContiguousRoIAlign

    if device.type == "cpu":
        use_channels_last(model)
        use_fast_ious()
    elif precision(config) != "fp32" or config.get("tf32"):
        use_channels_last(model, ContiguousRoIAlign)
    if precision(config) == "bf16":
        use_bf16(model)


def use_card(config: "Config") -> None:
    """Let a training on a GPU load and step faster: pinned batches, fused steps. config is changed in place."""
    from nuclei.compute.card import use_pinned_batches

    use_pinned_batches(config)
    config.custom_hooks.append(dict(type="FusedSteps"))


def model_to_train(config: "Config", device: "torch.device", classes: tuple[str, ...], label: str) -> Any:
    """The detector of a resolved Config, with its published weights unless a state is resumed, ready for the device."""
    from nuclei.models.detector import build_model
    from nuclei.models.pretrained import load_published

    model = build_model(config)
    model.CLASSES = classes
    if config.load_from and not config.resume_from:
        with quiet():
            load_published(model, config, config.load_from, label)
    config.load_from = None  # else mmdet would load it once more
    use_device(model, config, device)
    if Ranks.count > 1:
        from nuclei.compute.synced_norm import synchronise

        model = synchronise(model, device)
    return model


def validate_finished(
    config: "Config", work: Path, validation: Validation, records: list[EpochRecord], claim: "Claim"
) -> bool:
    """Validate the finished epochs that have no scores yet and whose weights are there. Arguments as in go_on().

    Returns whether there were such epochs.
    """
    from mmcv.runner import wrap_fp16_model
    from mmdet.utils import build_dp

    from nuclei.compute.compat import patch_streams, quiet_amp
    from nuclei.models.detector import build_model

    due = first(lambda: sorted(weights_there(work, records, validation.unknown(records))))
    if not due:
        return False
    device = claim()[0]
    patch_streams()
    quiet_amp()
    model = build_model(config)
    use_device(model, config, device)
    if precision(config) == "fp16":  # as mmcv's hook does in training
        wrap_fp16_model(model)
    parallel = build_dp(model, device.type, device_ids=[device.index or 0])
    for epoch in due:
        load_weights(model, work / f"epoch_{epoch}.pth")
        validation.validate(parallel, epoch, records[epoch - 1]["weights"])
    return True


def fit(
    config: "Config",
    work: Path,
    label: str,
    keep: Keep,
    validation: Validation,
    claim: "Claim",
    computed: "Computed",
    resumes: bool,
) -> None:
    """Train to the last epoch, from last.pth if `resumes`. config is changed in place; arguments as in go_on()."""
    from mmdet.apis import set_random_seed, train_detector
    from mmdet.datasets import build_dataset

    import nuclei.training.datasets  # noqa: F401 - registers the data set that train_on_negatives names
    from nuclei.compute.compat import patch_epoch_sleep, patch_points, patch_streams, quiet_amp
    from nuclei.training.hooks import memory_errors
    from nuclei.training.sharing import share

    device = claim()[0]
    config.resume_from = str(work / LAST) if resumes else None
    config.device = device.type
    config.gpu_ids = [device.index or 0]
    config.work_dir = str(work)
    use_own_hooks(config, work, label, keep, validation, computed)
    if device.type == "cuda":
        use_card(config)
    set_random_seed(config.seed)
    dataset = build_dataset(config.data.train)
    for line in left_out(dataset):
        say(f"warning: {label}: {line}")
    model = model_to_train(config, device, dataset.CLASSES, label)
    patch_streams()
    patch_points()
    quiet_amp()
    if not config.data.workers_per_gpu:
        patch_epoch_sleep()
    with memory_errors(label):
        train_detector(model, dataset, config, distributed=share(), validate=False, meta={})


def go_on(config: "Config", work: Path, label: str, keep: Keep, claim: "Claim", computed: "Computed") -> Trained | None:
    """train(), in one folder. claim(): the device, of which a GPU is held from the first call on."""
    from nuclei.training.hooks import remove_needless

    state = first(newest_state, work, label)
    records = state["nuclei"]["epochs"] if state else []
    done, wanted = len(records), epochs_wanted(config, records)
    validation = Validation(config, work, label)
    validation.epochs = wanted
    if wanted and done > wanted:
        first(restore_weights, work, wanted, validation.classes)
    worked = validate_finished(config, work, validation, records[:wanted], claim)
    if trains := wanted is None or done < wanted:
        if done:
            whole = wanted or f"those of {config.runner.get('minutes')} minutes, {minutes_used(records):.2f} used,"
            say(f"{label}: resumes after epoch {done} of {whole} from {work / LAST}")
        fit(config, work, label, keep, validation, claim, computed, resumes=done > 0)
    elif done > wanted and first(lacking, work, validation, records[:wanted], keep):
        shorter = shorter_folder(work, wanted)
        say(
            f"{label}: {done} epochs are trained in {work}, {wanted} are wanted, of which not all weights are kept: "
            f"trains them in {shorter}"
        )
        shorter.mkdir(exist_ok=True)
        return go_on(config, shorter, label, keep, claim, computed)
    else:
        say(f"{label}: all {wanted} epochs are trained already in {work}")
    leave()
    if Ranks.rank:
        return None
    if trains:
        records, worked = finished_epochs(work), True
        if wanted is None:
            said = f"{len(records)} epochs in {minutes_used(records):.2f} of {config.runner.minutes} minutes"
            say(f"{label}: {said}")
        wanted = validation.epochs = len(records)
    if worked and len(records) == wanted:
        remove_needless(work, validation, keep, records)
    return published(work, validation, records[:wanted], keep, label)


def published(work: Path, validation: Validation, records: list[EpochRecord], keep: Keep, label: str) -> Trained:
    """What of a work folder goes to the cell's folder. records: of the epochs that the config asks for."""
    rows, unknown = validation.rows(records), validation.unknown(records)
    if unknown:
        say(
            f"warning: {label}: no scores of {len(unknown)} epochs from {unknown[0]} on, since neither their weights "
            "nor their predictions are kept"
        )
    wanted = epochs_to_keep(rows, keep["best"], keep["metrics"], keep["every"])
    kept = weights_there(work, records, wanted)
    if lost := sorted(wanted - kept):
        say(
            f"warning: {label}: the weights of {len(lost)} epochs from {lost[0]} on are not kept, since they were "
            "removed under another training.validate_every or other checkpoints; so none of these epochs can be chosen"
        )
    seconds = sum(record["seconds"] for record in records) + validation.seconds(records)
    validated = {row["epoch"] for row in rows if validation.asks_for(row["epoch"])} - set(unknown)
    return Trained(work, records, rows, validated, kept, seconds)


def train(
    config: "Config", work: Path, device: "torch.device", label: str, keep: Keep, computed: "Computed" = dict
) -> Trained | None:
    """Train to the last epoch, from last.pth if there is one, and validate; the module says more.

    config: resolved mmdet Config, changed in place. work: the held work folder. device: as find_device gives it.
    label: name of the cell in progress lines. keep: which epochs' weights stay on disk.
    computed(): what the training computes by and with, which each epoch's record keeps.
    Returns None on other ranks than 0.
    Raises Stopped at the next safe point after a signal, and InputError where the loss is not finite or a GPU's memory
    does not suffice.
    """
    claim = functools.cache(functools.partial(claim_gpu, device, label, StopRequest.check))
    return go_on(config, work, label, keep, claim, computed)
