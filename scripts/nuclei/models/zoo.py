"""Zoo configs of the installed mmdet."""

import functools
from pathlib import Path

from nuclei.common.stage import InputError


def zoo_path(name):
    """Path of a zoo config inside the installed mmdet; InputError names the nearest known ones."""
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
def read_zoo(path):
    """Nested dict of a zoo config, not to be changed."""
    from mmcv import Config

    return Config.fromfile(str(path))._cfg_dict.to_dict()
