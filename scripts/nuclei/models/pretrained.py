"""Loading the published COCO weights, which are for 80 classes, into a model of other classes."""

import copy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nuclei.common.stage import InputError
from nuclei.models.classes import set_classes

if TYPE_CHECKING:
    from mmcv import Config
    from torch import nn


def class_dependent(model: "nn.Module", config: "Config", more: int = 6) -> set[str]:
    """The names of the parameters and buffers whose shape depends on the number of classes.

    The detector of the resolved Config is built again, with so many more classes, and the shapes are compared.
    """
    from mmdet.models import build_detector

    other = copy.deepcopy(config.model)
    own = len(config.data.test.classes)
    set_classes(other, own + more, before=own)
    others = build_detector(other).state_dict()
    return {name for name, value in model.state_dict().items() if others[name].shape != value.shape}


def load_published(model: "nn.Module", config: "Config", path: Path | str, label: str) -> list[str]:
    """Load published weights into the model of a resolved Config.

    path: a checkpoint that fetch_weights.py wrote. label: name of the cell in what is printed. Only layers whose shape
    depends on the number of classes may be left out: they keep their random start, and each is printed with its shapes.
    Returns their names. InputError names every other layer that the file lacks, that the model does not have, or that
    has another shape.
    """
    import torch

    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        state = checkpoint["state_dict"]
    except FileNotFoundError:
        raise InputError(f"{path}: not found, wanted weights; fetch them again") from None
    except Exception as error:  # torch raises many kinds of errors on damaged files
        reason = " ".join(str(error).split())[:100]
        raise InputError(f"{path}: not a checkpoint ({reason}), wanted weights; delete it and run again") from None
    own, free = model.state_dict(), class_dependent(model, config)
    dropped = sorted(name for name in free & state.keys() if state[name].shape != own[name].shape)
    wrong = sorted(n for n in (own.keys() & state.keys()) - free if state[n].shape != own[n].shape)
    problems = [
        f"{path}: layer {name} is {tuple(state[name].shape)}, wanted {tuple(own[name].shape)}; "
        "name the weights of this zoo config"
        for name in wrong
    ]
    kept = copy.copy(state)  # a copy keeps the version numbers that some modules read when they load
    for name in [*dropped, *wrong]:
        del kept[name]
    found = model.load_state_dict(kept, strict=False)
    # files of old torch versions do not have these
    counters = {name for name in found.missing_keys if name.endswith("num_batches_tracked")}
    for name in sorted(set(found.missing_keys) - set(dropped) - set(wrong) - counters):
        problems.append(f"{path}: holds no layer {name}, which the model has; name the weights of this zoo config")
    for name in sorted(found.unexpected_keys):
        problems.append(f"{path}: layer {name} is unknown to the model; name the weights of this zoo config")
    theirs, ours = list((checkpoint.get("meta") or {}).get("CLASSES") or []), list(config.data.test.classes)
    if theirs != ours and sorted(theirs) == sorted(ours):
        problems.append(
            f"{path}: classes in the order {', '.join(theirs)} found, wanted {', '.join(ours)}; order raw.classes as "
            "the weights have them"
        )
    if problems:
        raise InputError(*problems)
    if theirs != ours and len(theirs) == len(ours):
        print(f"{label}: the weights' classes {', '.join(theirs)} are taken for {', '.join(ours)}", file=sys.stderr)
    for name in dropped:
        shapes = f"{tuple(state[name].shape)} in the file, {tuple(own[name].shape)} in the model"
        print(f"{label}: {name} starts anew, it depends on the classes ({shapes})", file=sys.stderr)
    print(f"{label}: {len(kept)} layers loaded from {path}, {len(dropped)} start anew", file=sys.stderr, flush=True)
    return dropped
