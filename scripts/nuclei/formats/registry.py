"""The readers, and which of them a data set fits.

The modules are imported by name, so that a new file is a new format. code_hash.py cannot follow that; the rule
import_raw therefore has the hash of every file of this folder among its params.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from nuclei.common.stage import InputError
from nuclei.formats.interface import Reader
from nuclei.formats.matching_files import files_below, relative

AUTO = "auto"


def readers() -> dict[str, Reader]:
    """{format: its reader}, of every module of this folder that has `fits` and `read`."""
    folder = Path(__file__).parent
    modules = {
        found.name: importlib.import_module(f"{__package__}.{found.name}")
        for found in pkgutil.iter_modules([str(folder)])
    }
    return {
        name: cast(Reader, module)
        for name, module in sorted(modules.items())
        if hasattr(module, "fits") and hasattr(module, "read")
    }


def choose(folder: Path, wanted: str, known: Mapping[str, Reader], otherwise: str = AUTO) -> str:
    """The format of a folder: the wanted one, or with `auto` the only one that it fits. known: what readers() gives.

    otherwise: the format where `auto` finds none or several; `auto`: that is an error.
    InputError where the format is unknown, or where the folder fits none or several.
    """
    if wanted != AUTO:
        if wanted not in known:
            raise InputError(f"raw.format: {wanted} found, wanted {AUTO} or one of {', '.join(known)}; correct it")
        return wanted
    names = relative(folder, files_below(folder))
    fitting = [name for name, reader in known.items() if reader.fits(names)]
    if len(fitting) == 1:
        return fitting[0]
    if otherwise != AUTO:
        return choose(folder, otherwise, known)
    found = f"files of {' and '.join(fitting)}" if fitting else f"{len(names)} files of no known format"
    raise InputError(
        f"{folder}: {found} found, wanted those of one of {', '.join(known)}; name the format "
        "(raw.format, or FORMAT= of make new), by which missing files are named one by one; see docs/own_images.md"
    )
