"""tools/pin_hashes.py: which files of a package may be installed, and how their hashes are written."""

import pin_hashes
import pytest

from nuclei.common.stage import InputError


def file(name):
    return {"filename": name, "hashes": {"sha256": f"hash of {name}"}}


def chosen(*names, version="1.2", machines=("x86_64", "aarch64")):
    return [text.removeprefix("hash of ") for text in pin_hashes.hashes(list(map(file, names)), version, machines)]


def test_wheels_of_each_python_and_processor_are_taken_and_no_other():
    taken = [
        "a-1.2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "a-1.2-cp312-cp312-manylinux_2_28_aarch64.whl",
        "a-1.2-cp313-cp313-manylinux_2_28_x86_64.whl",
        "a-1.2-cp39-abi3-manylinux1_x86_64.whl",
        "a-1.2-py3-none-any.whl",
    ]
    others = [
        "a-1.1-py3-none-any.whl",
        "a-1.2-cp310-cp310-manylinux_2_28_x86_64.whl",
        "a-1.2-cp313-cp313-macosx_11_0_arm64.whl",
        "a-1.2-cp313-cp313-musllinux_1_2_x86_64.whl",
        "a-1.2-cp313-cp313-win_amd64.whl",
        "a-1.2-cp313-cp313t-manylinux_2_28_x86_64.whl",
        "a-1.2-cp314-cp314-manylinux_2_28_x86_64.whl",
        "a-1.2-cp314-abi3-manylinux_2_28_x86_64.whl",
        "a-1.2.tar.gz",
    ]
    assert sorted(chosen(*others, *taken)) == sorted(taken)


def test_a_marker_names_the_only_processor():
    names = ["a-1.2-cp311-cp311-manylinux_2_28_x86_64.whl", "a-1.2-cp311-cp311-manylinux_2_28_aarch64.whl"]
    assert chosen(*names, machines=("x86_64",)) == names[:1]


def test_sources_stand_in_for_wheels():
    assert chosen("a-1.2.tar.gz", "a-1.2-cp311-cp311-win_amd64.whl", "a-1.3.tar.gz") == ["a-1.2.tar.gz"]


def test_hashes_are_written_under_their_pin_and_the_rest_stays(monkeypatch):
    files = {"Aa.b": [file("Aa.b-1.2-py3-none-any.whl")], "c": [file("c-3-cp311-abi3-manylinux_2_28_x86_64.whl")]}
    monkeypatch.setattr(pin_hashes, "listed", files.__getitem__)
    before = """# what it is

Aa.b==1.2 \\
    --hash=sha256:old \\
    --hash=sha256:older
c==3; platform_machine == "x86_64" \\
    --hash=sha256:old"""
    assert (
        "\n".join(pin_hashes.pinned(before.splitlines()))
        == """# what it is

Aa.b==1.2 \\
    --hash=sha256:hash of Aa.b-1.2-py3-none-any.whl
c==3; platform_machine == "x86_64" \\
    --hash=sha256:hash of c-3-cp311-abi3-manylinux_2_28_x86_64.whl"""
    )


def test_a_version_without_a_file_is_an_error(monkeypatch):
    monkeypatch.setattr(pin_hashes, "listed", lambda name: [file("a-1.2-cp311-cp311-win_amd64.whl")])
    with pytest.raises(InputError, match="requirements.txt: a==1.2: no file for Linux found, wanted one; change it"):
        list(pin_hashes.pinned(["a==1.2"]))
