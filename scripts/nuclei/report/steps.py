"""The report's metric moves in steps of 1/101; near a step, chance decides on which side of it a score lies."""

from collections.abc import Mapping

from nuclei.common.files import read_json
from nuclei.common.stage import written_by
from nuclei.report.table_files import Value
from nuclei.scoring.comparison_types import label

MARK = " *"
NOTE = (
    "*: the distance to the next step of this mAP (a multiple of 1/101) is smaller than the interval over test images, "
    "so the step may be chance; tables/staircase has both"
)


def next_step(score: Value) -> float | None:
    """The smallest step of the report's metric above a score: k/101.

    >>> round(next_step(0.2444), 4), round(next_step(0.2376), 4)
    (0.2475, 0.2376)
    """
    if not isinstance(score, float):
        return None
    return next(k / 101 for k in range(102) if k / 101 >= score)


def near(step: float | None, high: float | None) -> str:
    """Whether the interval reaches the next step, in words.

    >>> near(0.2475, 0.25), near(0.2475, 0.2450), near(None, 0.3)
    ('yes', 'no', '')
    """
    if step is None or high is None:
        return ""
    return "yes" if step <= high else "no"


def marked_models(path: str | None, setting: int) -> frozenset[str]:
    """Models of a setting whose interval of the report's metric reaches its next step.

    path: of comparisons.json, None where there is none.
    """
    if not path:
        return frozenset()
    content = read_json(path, "what compare_cells.py writes")
    with written_by("compare_cells.py", path):
        groups: Mapping[str, Mapping[str, Mapping[str, Mapping[str, float | None]]]] = content["groups"]
        scores = {name: forms["pooled"]["ap50_100"] for name, forms in groups.items()}
        start = label(setting, "")
        return frozenset(
            name.removeprefix(start)
            for name, one in scores.items()
            if name.startswith(start) and near(next_step(one["value"]), one["high"]) == "yes"
        )
