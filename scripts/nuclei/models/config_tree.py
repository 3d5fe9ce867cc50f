"""The nested dicts of an mmdet config: walking through them, finding the data set, setting an option."""

import copy

from nuclei.common.stage import InputError


def walk(node):
    """Yield every dict in a nested config, outermost first."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from walk(child)


def training_set(config):
    """The dataset config inside data.train, below any RepeatDataset."""
    dataset = config["data"]["train"]
    while "dataset" in dataset:
        dataset = dataset["dataset"]
    return dataset


def as_scale(value):
    """An image scale as mmdet wants it: (long, short), or a list of such pairs."""
    return [tuple(pair) for pair in value] if isinstance(value[0], (list, tuple)) else tuple(value)


def set_option(config, path, value):
    """Set `model.roi_head.bbox_head.num_classes` = value; a list on the way means each of its items.

    In a list, a type's name picks the items of that type: `data.test.pipeline.MultiScaleFlipAug.img_scale`.
    Raises InputError where a part of the path other than the last does not exist.
    """
    *parents, last = path.split(".")
    nodes = [config]
    for depth, key in enumerate(parents):
        found = []
        for node in nodes:
            items = node if isinstance(node, (list, tuple)) else [node]
            named = [item for item in items if isinstance(item, dict) and item.get("type") == key]
            if named and items is node:
                found += named
                continue
            for item in items:
                if not isinstance(item, dict) or key not in item:
                    wanted = ", ".join(sorted(item)) if isinstance(item, dict) else "a value, which holds no keys"
                    raise InputError(
                        f"option {path}: {'.'.join(parents[: depth + 1])} not found in the mmdet config, "
                        f"wanted one of {wanted}; correct the option in models.yaml or the config"
                    )
                found.append(item[key])
        nodes = found
    for node in nodes:
        for item in node if isinstance(node, (list, tuple)) else [node]:
            if not isinstance(item, dict):
                raise InputError(f"option {path}: {'.'.join(parents)} is {item!r}, wanted a dict; correct the option")
            item[last] = as_scale(value) if last == "img_scale" else copy.deepcopy(value)
