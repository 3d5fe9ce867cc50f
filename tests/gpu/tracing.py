"""What of mmcv.ops a piece of code calls: its public functions and classes, and the native operators below them."""

import os
import sys
from pathlib import Path

import mmcv.ops

FOLDER = str(Path(mmcv.ops.__file__).parent) + os.sep
NATIVE = "mmcv._ext"


def called(function):
    """(names of mmcv.ops that function() calls in this thread, its result).

    A name is that of a function or class, or `_ext.name` for a native operator, of which mmcv has one for each kind of
    device. On a CPU, autograd calls backward() in this thread, too.
    """
    names = set()

    def watch(frame, event, value):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(FOLDER):
            name = code.co_qualname.split(".")[0]
            if name in mmcv.ops.__all__ and not name.startswith("get_"):  # those ask how mmcv was built
                names.add(name)
        elif event == "c_call" and getattr(value, "__module__", None) == NATIVE:
            names.add(f"_ext.{value.__name__}")

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        result = function()
    finally:
        sys.setprofile(before)
    return names, result


def only_native(names):
    """The native operators among the names."""
    return {name for name in names if name.startswith("_ext.")}
