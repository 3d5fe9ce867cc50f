"""Shapes of the dictionaries that hold scores, as in scores.json."""

from typing import NotRequired, TypedDict


class AveragePrecisions(TypedDict):
    """The six scores of nuclei.scoring.names.NAMES, each from 0 to 1; None where there are no true nuclei."""

    ap_100: float | None
    ap50_100: float | None
    ap75_100: float | None
    ap_1000: float | None
    ap50_1000: float | None
    ap75_1000: float | None


class ImageScores(AveragePrecisions):
    """Scores of one image taken alone; nuclei and predictions are counts, ceiling_report as in Scores."""

    image_id: int
    file_name: str
    nuclei: int
    predictions: int
    ceiling_report: float | None


class ClassScores(AveragePrecisions):
    """Scores of one class; nuclei and predictions are counts of it, ceiling_report as in Scores."""

    category_id: int
    name: str
    nuclei: int
    predictions: int
    ceiling_report: float | None


class Scores(AveragePrecisions):
    """Content of scores.json.

    scored: False where there are no true nuclei; all scores are then None. images, nuclei, predictions: counts.
    map_report: the report's "mAP", which is ap50_100. ceiling_report: the largest value that map_report can reach.
    per_image: the same scores for each image, by image id. classes: of each class, where there are several; the scores
    of all are then means over the classes with true nuclei.
    """

    scored: bool
    images: int
    nuclei: int
    predictions: int
    ceiling_report: float | None
    map_report: float | None
    classes: NotRequired[list[ClassScores]]
    per_image: NotRequired[list[ImageScores]]
