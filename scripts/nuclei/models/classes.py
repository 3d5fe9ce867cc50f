"""The classes of a model config."""

from nuclei.models.config_tree import walk

CLASSES = ("nucleus",)


def set_classes(model, count, before):
    """Replace `before` classes by `count` everywhere in a model config, class weights with background included."""
    for node in walk(model):
        for key in ("num_classes", "num_things_classes"):
            if node.get(key) == before:
                node[key] = count
        weights = node.get("class_weight")
        if isinstance(weights, (list, tuple)) and len(weights) == before + 1:
            node["class_weight"] = [weights[0]] * count + [weights[-1]]
