"""The report's metric as a staircase: how far a score is from its next step, and what one more right detection adds.

AP50 at a cap of 100 is the mean of 101 precisions. Each belongs to a recall, and where there are more nuclei than
detections may count, most recalls cannot be reached: the score has a ceiling, and below it a step at each recall.
With 2,360 nuclei the recall 0.24 asks for 567 right detections: with 566 no score can pass 24/101 = 0.2376.
"""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from nuclei.scoring.curves import rank, wanted_counts
from nuclei.scoring.detections import ImageDetections

CAP = 100  # detections per image that the report's metric counts


class Staircase(TypedDict):
    """Where a score stands among the steps of the report's metric; all numbers are of AP50 with a cap of 100.

    counted: detections that count. right: right ones among them. score: the metric. highest: the largest score that so
    many right ones can have, however they are ranked. ceiling: the largest score of any model. share: score / ceiling.
    next_right: right ones that the next step asks for; missing: how many more that is; next_highest: the largest score
    on the next step. gain_of_step: what the score gains if so many more are right, ranked last. gain_of_one: what it
    gains if its surest wrong detection were right. None where there is no next step, or no wrong detection.
    """

    counted: int
    right: int
    score: float
    highest: float
    ceiling: float
    share: float
    next_right: int | None
    missing: int | None
    next_highest: float | None
    gain_of_step: float | None
    gain_of_one: float | None


def list_score(right: NDArray[np.bool_], nuclei: int) -> float:
    """AP50 of a list of detections, of which each is right or wrong, by falling score; nuclei: true ones, above 0."""
    wanted = wanted_counts(np.array([nuclei]))[0]
    hits = np.flatnonzero(right)
    precision = np.arange(1, len(hits) + 1) / (hits + 1)
    envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(envelope[np.minimum(np.maximum(wanted - 1, 0), len(hits))].mean())


def staircase(images: Sequence[ImageDetections], cap: int = CAP) -> Staircase | None:
    """Where the score of these images stands; None without nuclei."""
    ranking = rank(images, cap)
    nuclei = int(ranking.nuclei.sum())
    if not nuclei:
        return None
    right = ranking.right[0]
    wanted = wanted_counts(np.array([nuclei]))[0]
    count, most = int(right.sum()), int(np.minimum(ranking.nuclei, cap).sum())
    score, ceiling = list_score(right, nuclei), float(np.count_nonzero(wanted <= most) / 101)
    higher = wanted[wanted > count]
    reachable = len(higher) > 0 and higher[0] <= most
    result: Staircase = {
        "counted": len(right),
        "right": count,
        "score": score,
        "highest": float(np.count_nonzero(wanted <= count) / 101) if count else 0.0,
        "ceiling": ceiling,
        "share": score / ceiling,
        "next_right": int(higher[0]) if reachable else None,
        "missing": int(higher[0]) - count if reachable else None,
        "next_highest": float(np.count_nonzero(wanted <= higher[0]) / 101) if reachable else None,
        "gain_of_step": None,
        "gain_of_one": None,
    }
    if reachable:
        # first the wrong ones at the end become right, then new ones are added behind them
        result["gain_of_step"] = list_score(_repaired(right, int(higher[0]) - count), nuclei) - score
    if not right.all():
        better = right.copy()
        better[np.argmin(right)] = True
        result["gain_of_one"] = list_score(better, nuclei) - score
    return result


def _repaired(right: NDArray[np.bool_], missing: int) -> NDArray[np.bool_]:
    """The list with `missing` more right ones: the last of the wrong ones, then new ones at its end."""
    wrong = np.flatnonzero(~right)
    changed = right.copy()
    changed[wrong[max(len(wrong) - missing, 0) :]] = True
    return np.append(changed, np.ones(max(missing - len(wrong), 0), bool))
