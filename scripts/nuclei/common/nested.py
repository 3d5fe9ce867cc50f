"""Nested configs as flat lists of keys."""

ABSENT = "absent"
WHOLE = {"init_cfg"}  # one decision, one row


def flatten(node, path=()):
    """Yield (key, value) of a nested config; items of a list of dicts go by type, or by place if they share it.

    >>> list(flatten({"a": [{"type": "X", "b": 1}], "c": (1, 2)}))
    [('a.types', ['X']), ('a.X.type', 'X'), ('a.X.b', 1), ('c', (1, 2))]
    """
    items = list(node) if isinstance(node, (list, tuple)) else []
    if isinstance(node, dict) and node and not WHOLE.intersection(path[-1:]):
        for key, value in node.items():
            yield from flatten(value, (*path, str(key)))
    elif items and all(isinstance(item, dict) for item in items):
        kinds = [item.get("type") for item in items]
        yield ".".join((*path, "types")), kinds  # their order
        for place, (kind, item) in enumerate(zip(kinds, items, strict=True)):
            yield from flatten(item, (*path, kind if kind and kinds.count(kind) == 1 else str(place)))
    else:
        yield ".".join(path), node


def changes(before, after):
    """[(key, value before, value after)] of every key that differs; ABSENT where one of the two lacks it."""
    old, new = dict(flatten(before)), dict(flatten(after))
    return [
        (key, old.get(key, ABSENT), new.get(key, ABSENT))
        for key in dict.fromkeys([*old, *new])
        if key not in old or key not in new or old[key] != new[key]
    ]
