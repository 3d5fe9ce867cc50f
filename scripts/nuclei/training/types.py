"""Shapes of the dictionaries that the training stage reads and writes: last.pth and training.json.

This file holds nothing else, because a training runs again when a file that it imports changes.
"""

from typing import Any, NotRequired, TypedDict

from nuclei.scoring.names import ScoreName
from nuclei.scoring.types import AveragePrecisions


class Keep(TypedDict):
    """Which epochs' weights stay on disk.

    best: how many epochs by each of the metrics. metrics: names of validation scores. every: each n-th epoch too (0:
    none). See nuclei.training.kept_epochs.
    """

    best: int
    metrics: list[ScoreName]
    every: int


class EpochRow(AveragePrecisions):
    """One finished epoch and its validation scores, which are all None for an epoch that was not validated."""

    epoch: int


class EpochRecord(TypedDict):
    """What is known of a finished epoch.

    weights: SHA-256 of epoch_N.pth. seconds: wall time of its training, without validation. code_version: commit of the
    code that trained it. computed: what it was trained by and with, as the keys of Provenance from device to driver,
    threads and versions; older states have none. With training.minutes alone, and then also without the writing of the
    weights in `seconds`: share: of the schedule that is behind, 1 after the last epoch. iterations: done in all.
    """

    weights: str
    seconds: float
    code_version: str
    computed: NotRequired[dict[str, Any]]
    share: NotRequired[float]
    iterations: NotRequired[int]


class TrainingState(TypedDict):
    """What this project adds to last.pth. epochs: one record for each finished epoch, from the first on."""

    epochs: list[EpochRecord]


class SavedMeta(TypedDict):
    """The part `meta` of last.pth. iter: iterations done. fp16: state of mmcv's loss scaler, with precision fp16."""

    epoch: int
    iter: int
    nuclei: TrainingState
    fp16: NotRequired[dict[str, Any]]


class Provenance(TypedDict):
    """Content of training.json: where the weights of a cell come from.

    work: name of the training's work folder (its hash). precision and all keys down to driver: see
    nuclei.compute.device.describe; gpu_mb and gpu_peak_mb (in MiB), cuda and driver exist only with a GPU. threads: CPU
    threads of each process. gpus: processes that trained together, where there were several; what is said of the
    device is of the first one's. Code, device, threads and versions are those of the last epoch. wall_seconds: of the
    whole training.
    data_sha256: of annotations and images. weights_sha256: of the weights that the training started from, None for a
    random start. started, finished: ISO 8601, UTC, of the last process of this training. minutes, minutes_used,
    iterations: with training.minutes alone, its value, the time of all epochs that counts, and their iterations.
    """

    cell: str
    work: str
    seed: int
    device: str
    precision: str
    tf32_matmul: bool
    tf32_cudnn: bool
    cudnn: int | None
    cudnn_benchmark: bool
    cudnn_deterministic: bool
    gpu_mb: NotRequired[int]
    gpu_peak_mb: NotRequired[int]
    cuda: NotRequired[str]
    driver: NotRequired[str]
    gpus: NotRequired[int]
    threads: int
    epochs: int
    minutes: NotRequired[float]
    minutes_used: NotRequired[float]
    iterations: NotRequired[int]
    wall_seconds: float
    config_sha256: str
    data_sha256: str
    weights_sha256: str | None
    started: str
    finished: str
    code_version: str
    versions: dict[str, str]
