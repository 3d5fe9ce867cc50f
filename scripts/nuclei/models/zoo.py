"""The zoo configs: the model configs that come with the installed mmdet."""

import functools
from pathlib import Path
from typing import Any

from nuclei.common.stage import InputError


def zoo_path(name: str) -> Path:
    """The path of a zoo config, named folder/name, in the installed mmdet.

    InputError names the zoo configs with the nearest names where there is none of this name.
    """
    import difflib

    import mmdet

    root = Path(mmdet.__file__).parent / ".mim" / "configs"
    path = root / f"{name}.py"
    if not path.is_file():
        known = [str(p.relative_to(root).with_suffix("")) for p in root.glob("*/*.py")]
        near = ", ".join(difflib.get_close_matches(name, known, 3)) or "none similar"
        raise InputError(f"models.yaml: zoo config {name} not found in mmdet, nearest: {near}; correct `zoo`")
    return path


@functools.cache
def read_zoo(path: Path) -> dict[str, Any]:
    """A zoo config as a nested dict. Do not change it: every caller gets the same object."""
    from mmcv import Config

    return Config.fromfile(str(path))._cfg_dict.to_dict()
