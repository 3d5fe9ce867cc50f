"""The number of classes in a model config."""

from typing import Any

from nuclei.models.config_tree import walk


def set_classes(model: dict[str, Any], count: int, before: int) -> None:
    """Change the number of classes from `before` to `count` everywhere in a model config, in place.

    This includes lists of class weights, whose last entry is the weight of the background.
    """
    for node in walk(model):
        for key in ("num_classes", "num_things_classes"):
            if node.get(key) == before:
                node[key] = count
        weights = node.get("class_weight")
        if isinstance(weights, (list, tuple)) and len(weights) == before + 1:
            node["class_weight"] = [weights[0]] * count + [weights[-1]]
