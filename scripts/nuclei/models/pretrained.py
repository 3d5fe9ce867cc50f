"""Loading published weights into a model with other classes."""

import copy
import sys

from nuclei.common.stage import InputError
from nuclei.models.classes import CLASSES, set_classes


def class_dependent(model, config, count=7):
    """Names of the parameters and buffers whose shape depends on the number of classes.

    Found by building the detector of the resolved Config with `count` classes in place of one and comparing shapes.
    """
    from mmdet.models import build_detector

    other = copy.deepcopy(config.model)
    set_classes(other, count, before=len(CLASSES))
    others = build_detector(other).state_dict()
    return {name for name, value in model.state_dict().items() if others[name].shape != value.shape}


def load_published(model, config, path, label):
    """Load a checkpoint of tensors into the model of a resolved Config; returns the names of the layers left out.

    Only layers whose shape depends on the number of classes may be left out, each printed with its shapes. Raises
    InputError naming every other layer that is missing in the file, unknown to the model, or of another shape.
    """
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    except FileNotFoundError:
        raise InputError(f"{path}: not found, wanted weights; fetch them again") from None
    except Exception as error:  # whatever a damaged file makes torch raise
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
    kept = copy.copy(state)  # with its version notes, which modules read
    for name in [*dropped, *wrong]:
        del kept[name]
    found = model.load_state_dict(kept, strict=False)
    counters = {
        name for name in found.missing_keys if name.endswith("num_batches_tracked")
    }  # not in files of old torch
    for name in sorted(set(found.missing_keys) - set(dropped) - set(wrong) - counters):
        problems.append(f"{path}: holds no layer {name}, which the model has; name the weights of this zoo config")
    for name in sorted(found.unexpected_keys):
        problems.append(f"{path}: layer {name} is unknown to the model; name the weights of this zoo config")
    if problems:
        raise InputError(*problems)
    for name in dropped:
        shapes = f"{tuple(state[name].shape)} in the file, {tuple(own[name].shape)} in the model"
        print(f"{label}: {name} starts anew, it depends on the classes ({shapes})", file=sys.stderr)
    print(f"{label}: {len(kept)} layers loaded from {path}, {len(dropped)} start anew", file=sys.stderr, flush=True)
    return dropped
