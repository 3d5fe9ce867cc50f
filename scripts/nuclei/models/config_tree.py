"""The nested dicts of an mmdet config: to walk through them, to find the training data set, to set an option."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from nuclei.common.stage import InputError

Tree = dict[str, Any]  # an mmdet config, or a part of one: nested dicts and lists


def walk(node: Any) -> Iterator[Tree]:
    """Yield every dict in a nested config, an outer dict before the dicts in it."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from walk(child)


def training_set(config: Tree) -> Tree:
    """The training data set of a config: data.train, or what it wraps where that is a RepeatDataset or the like."""
    dataset = config["data"]["train"]
    while "dataset" in dataset:
        dataset = dataset["dataset"]
    return dataset


def as_scale(value: Sequence[Any]) -> tuple[Any, ...] | list[tuple[Any, ...]]:
    """An image scale as mmdet wants it, a tuple (long side, short side) in px, or a list of them.

    YAML and JSON have only lists, but mmdet takes a list for several scales.
    """
    return [tuple(pair) for pair in value] if isinstance(value[0], (list, tuple)) else tuple(value)


def set_option(config: Tree, path: str, value: Any) -> None:
    """Set one key of a config, in place, by its dotted path, such as model.roi_head.bbox_head.num_classes.

    Where the path meets a list, it goes on in each of the list's items. There, the name of a type stands for the items
    of that type only: data.test.pipeline.MultiScaleFlipAug.img_scale. InputError where a part of the path other than
    the last one does not exist.
    """
    *parents, last = path.split(".")
    nodes: list[Any] = [config]
    for depth, key in enumerate(parents):
        found: list[Any] = []
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


def escaped(node: Any) -> Any:
    """A nested config whose texts can stand between single quotes in Python code, where a dict holds them itself."""
    if isinstance(node, dict):
        # repr() of a text with a double quote stands between single quotes; [2:-1] takes both off again
        return {k: repr(f'"{v}')[2:-1] if isinstance(v, str) else escaped(v) for k, v in node.items()}
    if isinstance(node, list) and all(isinstance(item, dict) for item in node):
        return [escaped(item) for item in node]
    return node  # mmcv writes the texts in other lists by repr()


def python_text(config: Tree) -> str:
    """The Python code of a config, as mmdet reads it. mmcv writes it, but no quote or backslash of a text, as in paths.

    config: of dicts, lists, tuples, texts and numbers. Without such characters it is mmcv's own `pretty_text`.
    """
    from mmcv import Config

    return str(Config(escaped(config)).pretty_text)
