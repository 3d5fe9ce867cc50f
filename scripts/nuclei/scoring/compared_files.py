"""Reading image_statistics.json of the cells that are compared."""

from collections.abc import Sequence

from nuclei.common.files import read_json
from nuclei.common.stage import InputError, written_by
from nuclei.scoring.comparison_types import label
from nuclei.scoring.image_statistics import ImageStatistics, from_row


def read_statistics(path: str) -> list[ImageStatistics]:
    """The images of one image_statistics.json, by image id; empty where nothing could be scored."""
    rows = read_json(path, "what score_instances.py writes")
    with written_by("score_instances.py", path):
        found = [from_row(row) for row in rows]
        if any(image.sums.keys() != found[0].sums.keys() for image in found):
            raise ValueError("images with other sums")
        return found


def read_groups(
    settings: Sequence[int], models: Sequence[str], seeds: Sequence[int], paths: Sequence[str]
) -> dict[str, list[list[ImageStatistics]]]:
    """{label: a cell for each seed}; empty where the cells were not scored, since there are no test masks.

    paths: image_statistics.json of each cell, by setting, then model, then seed. InputError where there are more or
    fewer, or where a cell has other images or nuclei than the first one.
    """
    wanted = len(settings) * len(models) * len(seeds)
    if len(paths) != wanted:
        raise InputError(
            f"--statistics: {len(paths)} files found, wanted {wanted}: one for each of the settings, models and seeds, "
            "in their order"
        )
    cells = [read_statistics(path) for path in paths]
    problems = []
    for path, cell in zip(paths, cells, strict=True):
        found, first = ([(image.image_id, image.detections.nuclei) for image in one] for one in (cell, cells[0]))
        if found != first:
            problems.append(
                f"{path}: image ids and their nuclei {found[:3]}… found, wanted those of {paths[0]}; "
                "score both against the same test masks"
            )
    if problems:
        raise InputError(*problems)
    if not cells[0]:
        return {}
    left = iter(cells)
    return {label(setting, model): [next(left) for _ in seeds] for setting in settings for model in models}
