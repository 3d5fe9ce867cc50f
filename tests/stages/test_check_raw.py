"""check_raw.py: counts that differ from the expected ones."""

import json


def test_differing_counts_are_a_loud_warning_and_no_error(drawn, stage, tmp_path):
    train = len(list(drawn.glob("dataset/train/*/masks/*.png")))
    done = stage(
        "check_raw", "--dataset", drawn / "dataset", "--expected", f"train={train}", "test=1", "setting1_train=1",
        "--test-masks", drawn / "test_masks", "--out", tmp_path / "o.json", "--summary", tmp_path / "o.md",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    test = len(list(drawn.glob("test_masks/*/masks/*.png")))
    assert json.loads((tmp_path / "o.json").read_text())["comparison"] == {
        "train": {"found": train, "expected": train, "equal": True},
        "test": {"found": test, "expected": 1, "equal": False},
    }
    text = (tmp_path / "o.md").read_text()
    assert text.startswith("**WARNING: counts differ from the expected ones: test**")
    assert f"| test | {test} | 1 **differs** |" in text
    assert f"warning: test: {test} nuclei found, 1 expected" in done.stderr
