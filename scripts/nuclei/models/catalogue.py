"""The models file: which models there are, and what tables show of each."""

import yaml

from nuclei.common.stage import InputError


def read_models(path):
    """Entries of models.yaml in its order: {name: {method, backbone, multiscale, lr_schd, …}}."""
    try:
        with open(path, encoding="utf-8") as file:
            entries = yaml.safe_load(file)["models"]
        for entry in entries.values():
            model_columns(entry)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}), wanted models.yaml; check the path") from None
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        found = " ".join(str(error).split())[:80]
        raise InputError(
            f"{path}: no models file ({found}), wanted models with method, backbone, multiscale, lr_schd; correct it"
        ) from None
    return entries


def choose_models(entries, names, path):
    """The named models in the order of models.yaml; InputError names those that it does not hold."""
    unknown = [name for name in names if name not in entries]
    if unknown:
        raise InputError(f"{path}: holds no {', '.join(unknown)}, wanted one of {', '.join(entries)}; correct the name")
    return [name for name in entries if name in names]


def model_columns(entry):
    """The report's first four columns for an entry of models.yaml."""
    return {
        "model": entry["method"],
        "backbone": entry["backbone"],
        "multiscale": "yes" if entry["multiscale"] else "no",
        "lr schd": entry["lr_schd"],
    }
