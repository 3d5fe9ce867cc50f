"""One training, from its start or its last finished epoch to its last epoch."""

import sys

from nuclei.compute.device import claim_gpu
from nuclei.compute.precision import precision
from nuclei.compute.stop import StopRequest
from nuclei.training.resume import LAST, newest_state
from nuclei.workflow.code_version import code_version


def train(config, work, device, label, keep):
    """Train to the last epoch, from last.pth if there is one. Returns the state saved with the last epoch.

    config: resolved mmdet Config. work: the held work folder. label: name of the cell in progress lines. keep: {"best",
    "metrics", "every"}, see epochs_to_keep.
    """
    import torch
    from mmdet.apis import set_random_seed, train_detector
    from mmdet.datasets import build_dataset

    from nuclei.compute.acceleration import use_bf16, use_channels_last
    from nuclei.compute.compat import patch_epoch_sleep, patch_streams, quiet_amp
    from nuclei.models.detector import build_model
    from nuclei.models.pretrained import load_published
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
    config.log_level = "WARNING"
    config.checkpoint_config, config.log_config = None, None
    every, workers = config.evaluation.interval, config.data.workers_per_gpu
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
            every=every,
            workers=workers,
            version=code_version() or "unknown",
            priority="LOW",
        ),
    ]
    set_random_seed(config.seed)
    dataset = build_dataset(config.data.train)
    model = build_model(config)
    model.CLASSES = dataset.CLASSES
    if config.load_from and not config.resume_from:
        load_published(model, config, config.load_from, label)
    config.load_from = None
    if device.type == "cpu":
        use_channels_last(model)
    if precision(config) == "bf16":
        use_bf16(model)
    patch_streams()
    quiet_amp()
    if not workers:
        patch_epoch_sleep()
    with memory_errors(label):
        train_detector(model, dataset, config, validate=False, meta={})
    return torch.load(work / LAST, map_location="cpu", weights_only=True)["meta"]["nuclei"]
