"""Reading image_statistics.json of the cells that are compared."""

from collections.abc import Mapping, Sequence

from nuclei.common.files import read_json
from nuclei.common.stage import InputError, written_by
from nuclei.scoring.comparison_types import ensemble_row, label
from nuclei.scoring.image_statistics import ImageStatistics, from_row


def read_statistics(path: str) -> list[ImageStatistics]:
    """The images of one image_statistics.json, by image id; empty where nothing could be scored."""
    rows = read_json(path, "what score_instances.py writes")
    with written_by("score_instances.py", path):
        found = [from_row(row) for row in rows]
        if any(image.sums.keys() != found[0].sums.keys() for image in found):
            raise ValueError("images with other sums")
        return found


def check_same(
    paths: Sequence[str], cells: Sequence[Sequence[ImageStatistics]], wanted: Sequence[ImageStatistics], where: str
) -> None:
    """Raise InputError unless all cells, of these files, have the images and nuclei of `wanted`; where: its file."""
    problems = []
    for path, cell in zip(paths, cells, strict=True):
        found, first = ([(image.image_id, image.detections.nuclei) for image in one] for one in (cell, wanted))
        if found != first:
            problems.append(
                f"{path}: image ids and their nuclei {found[:3]}… found, wanted those of {where}; "
                "score both against the same test masks"
            )
    if problems:
        raise InputError(*problems)


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
    check_same(paths, cells, cells[0], paths[0])
    if not cells[0]:
        return {}
    left = iter(cells)
    return {label(setting, model): [next(left) for _ in seeds] for setting in settings for model in models}


def read_ensembles(
    settings: Sequence[int],
    ensembles: Sequence[str],
    groups: Mapping[str, Sequence[Sequence[ImageStatistics]]],
    paths: Sequence[str],
) -> dict[str, list[list[ImageStatistics]]]:
    """{label: the ensemble once for each seed of the models}, to be compared with the groups of read_groups.

    An ensemble is one and has no seeds; as each seed it has the same scores, so only the models' seeds are resampled.
    paths: image_statistics.json of each ensemble, by setting and then ensemble. InputError where there are more or
    fewer, or where one has other images or nuclei than the cells.
    """
    wanted = len(settings) * len(ensembles)
    if len(paths) != wanted:
        raise InputError(
            f"--ensemble-statistics: {len(paths)} files found, wanted {wanted}: one for each of the settings and "
            "ensembles, in their order"
        )
    first = next(iter(groups.values()))
    found = [read_statistics(path) for path in paths]
    check_same(paths, found, first[0], "the cells")
    labels = [label(setting, ensemble_row(name)) for setting in settings for name in ensembles]
    return {name: [one] * len(first) for name, one in zip(labels, found, strict=True)}
