"""The classes of nuclei: their names as the config gives them, and the numbers that they have in COCO files.

By default there is one class, nucleus. Two spellings are the same class where they differ in case, in spaces or in the
form of their letters alone (an é as one character or as two), since people and programs mix these.
"""

import unicodedata
from collections.abc import Mapping, Sequence

CLASSES = ("nucleus",)


def class_key(name: str) -> str:
    """What two spellings of one class have in common.

    >>> class_key("  Tumour   CELL ") == class_key("tumour cell")
    True
    """
    return unicodedata.normalize("NFC", " ".join(name.split()).casefold())


def class_numbers(classes: Sequence[str]) -> Mapping[str, int]:
    """{key of a class: its category id}, counted from 1 in the order of the config."""
    return {class_key(name): number for number, name in enumerate(classes, 1)}


def class_problem(classes: Sequence[str]) -> str | None:
    """What is wrong with the names of the classes, or None where they are right."""
    known: dict[str, str] = {}
    for name in classes:
        if not name.isprintable() or name != " ".join(name.split()) or not name:
            return f"{name!a} found, wanted letters that can be printed, and no spaces before or after them"
        if class_key(name) in known:
            other = known[class_key(name)]
            return f"{other!a} and {name!a} found, which are the same but for case or form, wanted each class once"
        known[class_key(name)] = name
    return None
