"""The model part of an mmdet config: its nested dicts, and its number of classes."""

CLASSES = ("nucleus",)


def walk(node):
    """Yield every dict in a nested config, outermost first."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from walk(child)


def set_classes(model, count, before):
    """Replace `before` classes by `count` everywhere in a model config, class weights with background included."""
    for node in walk(model):
        for key in ("num_classes", "num_things_classes"):
            if node.get(key) == before:
                node[key] = count
        weights = node.get("class_weight")
        if isinstance(weights, (list, tuple)) and len(weights) == before + 1:
            node["class_weight"] = [weights[0]] * count + [weights[-1]]
