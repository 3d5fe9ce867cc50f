"""Validation of the epochs of a training: a step of its own, whose results are kept apart from the training's state.

After an epoch, the weights and the state to resume from are saved first; then the epoch is validated, if
training.validate_every asks for it. So a stop or a kill during validation loses no training: the next start validates
the epoch before it trains on. In the folder `validation` of the work folder each validated epoch N has two files:
  epoch_N.json.gz   the predictions on the validation images, of these weights under this way of looking at images
  epoch_N.json      their scores, of these predictions, these annotations and this code of the scores
A file counts only while all that it says of its origin is still so. Changed code of the scores therefore scores the
kept predictions again and trains nothing. Predictions are made again, while the weights are there, where the config
looks at images in another way; code of the prediction is no part of their origin, as code is none of a training's.
"""

import contextlib
import copy
import functools
import gzip
import importlib.metadata
import json
import sys
import time
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nuclei.coco.types import Result
from nuclei.common.files import read_json, sha256, whole_file, write_json
from nuclei.compute.ranks import Ranks, check_stop, gather, quiet
from nuclei.compute.stop import Stopped, StopRequest
from nuclei.prediction.single_look import predict
from nuclei.scoring import average_precision
from nuclei.scoring.names import NAMES, ScoreName
from nuclei.scoring.types import AveragePrecisions
from nuclei.training.types import EpochRecord, EpochRow
from nuclei.training.work_folder import hashed
from nuclei.workflow.code_hash import code_hash, local_modules

if TYPE_CHECKING:
    from mmcv import Config
    from torch import nn

SHOWN: tuple[ScoreName, ...] = ("ap50_100", "ap_100", "ap50_1000", "ap_1000")  # in the line of a validated epoch


def inference_sha256(config: "Config") -> str:
    """Hash of how validation looks at images: what of a resolved Config reaches predictions and not the weights."""
    section = {key: value for key, value in config.data.val.to_dict().items() if key not in ("ann_file", "img_prefix")}
    return hashed([config.model.to_dict().get("test_cfg"), section])


@functools.cache
def scorer_sha256() -> str:
    """Hash of what computes the scores: this project's code, and the version of the package that does the work."""
    file = Path(average_precision.__file__)
    modules = local_modules(file, file.parents[2])
    return hashed([[code_hash(path) for path in modules], importlib.metadata.version("faster-coco-eval")])


class Validation:
    """The validations of one training under its present config.

    config: resolved mmdet Config. work: the training's work folder. label: name of the cell in lines on stderr.
    records: in the methods, one for each finished epoch, from the first on. writes: whether scores that are computed
    again are kept and printed. epochs: of the whole training; None as long as the time of training.minutes decides.
    """

    def __init__(self, config: "Config", work: Path, label: str, writes: bool = True) -> None:
        self.folder, self.label, self.writes = work / "validation", label, writes
        self.every: int = config.evaluation.interval
        self.epochs: int | None = config.runner.get("max_epochs")
        self.section, self.workers = config.data.val.to_dict(), config.data.workers_per_gpu
        self.classes = tuple(config.data.val.classes)
        self.inference = inference_sha256(config)
        self.found: dict[tuple[int, str], AveragePrecisions | None] = {}

    def asks_for(self, epoch: int) -> bool:
        """Whether the config asks to validate an epoch: each `every`-th and the last; none for 0."""
        return bool(self.every) and (epoch % self.every == 0 or epoch == self.epochs)

    @functools.cached_property
    def dataset(self) -> Any:
        """The validation images as mmdet's data set."""
        from mmdet.datasets import build_dataset

        import nuclei.models.augmentation  # noqa: F401 - registers the steps that config.py names

        return build_dataset(self.section, dict(test_mode=True))

    @functools.cached_property
    def scored_by(self) -> dict[str, str]:
        """What scores depend on beside the predictions."""
        return {"annotations": sha256(self.section["ann_file"]), "scorer": scorer_sha256()}

    def validate(self, model: "nn.Module", epoch: int, weights: str) -> None:
        """Validate an epoch: predict, keep the predictions, score them, print the scores.

        model: the detector with the weights of this epoch, wrapped by mmdet's build_dp. weights: SHA-256 of their file.
        Raises Stopped after a signal. Several ranks share the images; rank 0 keeps what they find.
        """
        start = time.monotonic()
        name = f"{self.label} validation, epoch {epoch}:"
        results = self.predict(model, name)
        if Ranks.rank:
            return
        content = {
            "weights": weights,
            "inference": self.inference,
            "seconds": time.monotonic() - start,
            "results": results,
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        with whole_file(self.folder / f"epoch_{epoch}.json.gz") as temporary:
            temporary.write_bytes(gzip.compress(text.encode(), compresslevel=6, mtime=0))
        self.score(epoch, content, "validation")

    def predict(self, model: "nn.Module", name: str) -> list[Result]:
        """What a detector finds in the validation images, in their order. name: start of progress lines."""
        if Ranks.count == 1:
            return predict(model, self.dataset, self.workers, name, between=StopRequest.check)
        own = copy.copy(self.dataset)
        own.data_infos, own.img_ids = (row[Ranks.rank :: Ranks.count] for row in (own.data_infos, own.img_ids))
        found: list[Result] = []
        with contextlib.suppress(Stopped), quiet():  # all ranks stop below
            found = predict(model, own, self.workers, name, between=StopRequest.check)
        everything = [row for part in gather(found) for row in part]
        check_stop()
        order = {number: place for place, number in enumerate(self.dataset.img_ids)}
        return sorted(everything, key=lambda row: order[row["image_id"]])  # sorted() keeps the order within an image

    def score(self, epoch: int, predictions: dict[str, Any], said: str) -> None:
        """Score an epoch's predictions, keep and print the scores. said: what the printed line calls them."""
        truth = read_json(self.section["ann_file"], "COCO annotations")
        everything = average_precision.score(truth, cast(list[Result], predictions["results"]), per_image=False)
        scores = cast(AveragePrecisions, {name: everything[name] for name in NAMES})
        self.found[epoch, predictions["weights"]] = scores
        if not self.writes:
            return
        origin = {key: predictions[key] for key in ("weights", "inference", "seconds")}
        write_json(self.folder / f"epoch_{epoch}.json", {**origin, **self.scored_by, "scores": scores})
        values = [(name, scores[name]) for name in SHOWN]
        line = ", ".join(f"{name} {value:.4f}" for name, value in values if value is not None)
        line = line or "no nucleus in the validation images, so no score"
        whole = f"/{self.epochs}" if self.epochs else ""
        print(f"{self.label} epoch {epoch}{whole}: {said} {line}", file=sys.stderr, flush=True)

    def read(self, epoch: int, weights: str, suffix: str, **origin: str) -> dict[str, Any] | None:
        """Content of a file of an epoch; None where it is missing, damaged or of another origin."""
        with contextlib.suppress(OSError, EOFError, ValueError, zlib.error):
            content = (self.folder / f"epoch_{epoch}{suffix}").read_bytes()
            found = json.loads(gzip.decompress(content) if suffix.endswith(".gz") else content)
            wanted = {"weights": weights, "inference": self.inference, **origin}
            if {key: found.get(key) for key in wanted} == wanted:
                return cast(dict[str, Any], found)
        return None

    def scores(self, epoch: int, weights: str) -> AveragePrecisions | None:
        """Scores of an epoch; None where its predictions are not kept. Kept predictions are scored where they are not.

        weights: SHA-256 of the epoch's weights.
        """
        if (epoch, weights) not in self.found:
            kept = self.read(epoch, weights, ".json", **self.scored_by)
            predictions = None if kept else self.read(epoch, weights, ".json.gz")
            if predictions:
                self.score(epoch, predictions, "scored again,")
            else:
                self.found[epoch, weights] = kept["scores"] if kept else None
        return self.found[epoch, weights]

    def seconds(self, records: Iterable[EpochRecord]) -> float:
        """Wall time of the validations of these epochs, s."""
        asked = [(epoch, record["weights"]) for epoch, record in enumerate(records, 1) if self.asks_for(epoch)]
        return sum(found["seconds"] for epoch, weights in asked if (found := self.read(epoch, weights, ".json")))

    def unknown(self, records: Sequence[EpochRecord]) -> list[int]:
        """Finished epochs that the config asks to validate and that have no scores."""
        return [
            epoch
            for epoch, record in enumerate(records, 1)
            if self.asks_for(epoch) and self.scores(epoch, record["weights"]) is None
        ]

    def rows(self, records: Sequence[EpochRecord], regular: bool = False) -> list[EpochRow]:
        """The score table: a row for each of these epochs.

        regular: leave out the scores of a last epoch that is validated only because it is the last one. With more
        epochs it would have none, and must not have taken the place of another epoch among the kept weights.
        """
        rows: list[EpochRow] = []
        for epoch, record in enumerate(records, 1):
            asked = self.asks_for(epoch) and not (regular and epoch % self.every)
            scores = self.scores(epoch, record["weights"]) if asked else None
            rows.append(cast(EpochRow, {"epoch": epoch, **(scores or dict.fromkeys(NAMES))}))
        return rows
