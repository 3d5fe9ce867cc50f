"""raw.groups at the command lines of the stages that choose images: no group is divided, and errors name the key."""

import json

import pytest
from support.foreign import NAMES, write_set

GROUPS = dict(zip(NAMES, "ABBC", strict=True))


@pytest.fixture
def table(tmp_path):
    (tmp_path / "g.csv").write_text("image,patient\n" + "".join(f"{k},{v}\n" for k, v in GROUPS.items()), "utf-8")
    return tmp_path / "g.csv"


def test_an_import_tests_whole_groups(tmp_path, stage, table):
    folder, _ = write_set("labels png", tmp_path / "given")
    # B has two images: neither fits into one image, and half of four images is one group B or two of one
    for seed in range(3):
        out = tmp_path / str(seed)
        done = stage("import_raw", "--source", folder, "--test-fraction", 0.5, "--test-seed", seed, "--groups", table,
                     "--column", "patient", "--out", out, "--report", out / "imported.json")  # fmt: skip
        assert done.returncode == 0, done.stderr
        rows = json.loads((out / "imported.json").read_text(encoding="utf-8"))["images"]
        sets = {name: {GROUPS[row["id"]] for row in rows if row["set"] == name} for name in ("train", "test")}
        assert all(sets.values()) and not sets["train"] & sets["test"]


@pytest.mark.parametrize("seed", range(2))
def test_a_split_validates_whole_groups(tmp_path, stage, table, seed):
    (tmp_path / "checked.json").write_text(json.dumps({"images": [{"id": name} for name in NAMES]}))
    done = stage("make_split", "--checked", tmp_path / "checked.json", "--validation-fraction", 0.5, "--seed", seed,
                 "--groups", table, "--column", "patient", "--out", tmp_path / "split.json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    split = json.loads((tmp_path / "split.json").read_text(encoding="utf-8"))
    found = [{GROUPS[id_] for id_ in split[half]} for half in ("train", "validation")]
    assert all(found) and not found[0] & found[1]


@pytest.mark.parametrize(
    ("script", "options"),
    [("import_raw", ["--report", "r.json", "--out", "out", "--source"]), ("make_split", ["--out", "s", "--checked"])],
)
def test_a_missing_column_is_one_line_that_names_the_key(tmp_path, stage, table, script, options):
    folder, _ = write_set("labels png", tmp_path / "given")
    (tmp_path / "checked.json").write_text(json.dumps({"images": [{"id": name} for name in NAMES]}))
    given = folder if script == "import_raw" else "checked.json"
    done = stage(script, *options, given, "--groups", table, "--column", "slide", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1:] == [
        f"error: {table}: columns image, patient found, wanted slide; add it, or correct raw.groups.column"
    ]
