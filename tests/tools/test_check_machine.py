"""The check of a machine before anything is installed."""

import pytest
from check_machine import problems


def machine(**change):
    facts = {
        "version": (3, 11),
        "machine": "x86_64",
        "disk_gb": 99,
        "which": lambda _: "x",
        "has_module": lambda _: True,
        "has_header": lambda: True,
    }
    return problems(**{**facts, **change})


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_a_good_machine_has_no_problems(version):
    assert machine(version=version) == []


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (
            {"version": (3, 9)},
            "Python 3.9 found, wanted 3.11, 3.12 or 3.13; install one, for example by uv: python3 -m venv uv && "
            "uv/bin/pip install uv && uv/bin/uv python install 3.13, and run make demo PYTHON=~/.local/bin/python3.13",
        ),
        ({"version": (3, 14)}, "Python 3.14 found, wanted 3.11, 3.12 or 3.13"),
        ({"which": lambda name: None if name == "g++" else "x"}, "g++ not found on PATH"),
        ({"disk_gb": 1}, "1.0 GB free here, wanted 12"),
        ({"has_module": lambda name: name != "ensurepip"}, "Python module ensurepip not found"),
        ({"has_header": lambda: False}, "Python.h not found, wanted to build mmcv-full; install python3-dev"),
        ({"machine": "riscv"}, "processor riscv found"),
    ],
)
def test_each_lack_gets_one_line(change, wanted):
    (problem,) = machine(**change)
    assert problem.startswith(wanted)
