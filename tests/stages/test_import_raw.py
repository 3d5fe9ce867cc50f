"""import_raw.py at its command line."""

import json
import shutil

import numpy as np
from support.foreign import NAMES, write_set


def test_test_images_of_two_possible_formats_are_taken_for_the_wanted_one(tmp_path, stage):
    """And what an import that was killed has left is removed."""
    folder, _ = write_set("qupath", tmp_path / "given")
    other, _ = write_set("qupath", tmp_path / "other")
    for path in sorted(other.iterdir()):
        path.rename(other / f"t {path.name}")
    (other / "RoiSet.zip").write_bytes(b"")  # could be ImageJ's, too
    out = tmp_path / "out"
    (out / ".importing-x/source").mkdir(parents=True)
    options = ("--source", folder, "--test-source", other, "--out", out, "--report", out / "imported.json")
    done = stage("import_raw", *options)
    assert done.returncode == 2 and "files of geojson and imagej found" in done.stderr
    assert [path.name for path in out.iterdir()] == []
    done = stage("import_raw", *options, "--format", "geojson")
    assert done.returncode == 0, done.stderr
    report = json.loads((out / "imported.json").read_text(encoding="utf-8"))
    assert report["test_format"] == "geojson"
    assert [row["id"] for row in report["images"] if row["set"] == "test"] == sorted(f"t {name}" for name in NAMES)


def test_what_is_wrong_in_an_archive_is_named_by_its_place_there(tmp_path, stage):
    folder, _ = write_set("labels npy", tmp_path / "given")
    np.save(folder / "labels/z.npy", np.full((30, 40), 0.5))
    archive = shutil.make_archive(str(tmp_path / "own"), "zip", folder)
    for script, more in (
        ("import_raw", ("--report", tmp_path / "r.json", "--out")),
        ("new_config", ("--name=n", "--out")),
    ):
        done = stage(script, "--source" if script == "import_raw" else "--images", archive, *more, tmp_path / script)
        assert (done.returncode, done.stderr.splitlines()[-1]) == (
            2,
            f"error: {archive}/labels/z.npy: values that are no whole numbers found, wanted labels; export labels, not "
            "scores",
        )
