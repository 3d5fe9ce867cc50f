"""The catalogue of models (config/models.yaml): which models there are, and what the tables show of each.

How do I add a model? By one entry in config/models.yaml, without any Python:

1. Choose a config of mmdet 2.28.2's model zoo. `zoo` is its folder and name below mmdet/.mim/configs, without .py.
2. `weights` is the checkpoint that mmdet publishes for this config, as a path below weights_root. Its name ends in 8
   hex digits, by which the file is checked. `sha256`, which may be left out, is its whole SHA-256.
3. method, backbone, multiscale and lr_schd are what the first columns of the tables show.
4. `options`, if the model needs any, sets keys of its mmdet config by their dotted path.
5. Name the model in `models` of the config, and run Snakemake. `make docs` lists what its config changes of the zoo
   config, and asks for a reason where tools/explain_configs.py has none yet.

A models file of your own can take the place of config/models.yaml: models_file in the config names it. `explored: true`
in an entry means that the report tried and dropped the model; its scores stand in a table of their own.
nuclei/models/resolve.py says what happens to the entry, and in which rare cases a model needs code.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

import yaml

from nuclei.common.stage import InputError
from nuclei.workflow.types import ModelEntry


def read_models(path: Path | str) -> dict[str, ModelEntry]:
    """The entries of a models file by name, in the file's order.

    Only what model_columns shows is checked here; nuclei/workflow/configuration.py checks the whole file. InputError
    where the file cannot be read or is no models file.
    """
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


def choose_models(entries: Mapping[str, ModelEntry], names: Collection[str], path: Path | str) -> list[str]:
    """The given names in the order of the models file, which is the order of the tables' rows.

    entries: of the models file `path`. InputError names all models that it does not hold.
    """
    unknown = [name for name in names if name not in entries]
    if unknown:
        raise InputError(f"{path}: holds no {', '.join(unknown)}, wanted one of {', '.join(entries)}; correct the name")
    return [name for name in entries if name in names]


def model_columns(entry: ModelEntry) -> dict[str, str]:
    """The first four columns of the report's tables, {column: text}, for an entry of models.yaml."""
    return {
        "model": entry["method"],
        "backbone": entry["backbone"],
        "multiscale": "yes" if entry["multiscale"] else "no",
        "lr schd": entry["lr_schd"],
    }
