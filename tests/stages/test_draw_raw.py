"""draw_raw.py: impossible arguments are named."""


def test_impossible_arguments_are_all_named(stage, tmp_path):
    done = stage("draw_raw", "--out", tmp_path / "x", "--test", 0, "--size", 9)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: --test: 0 found, wanted 1 at least; correct it",
        "error: --size: 9 found, wanted 64 at least; correct it",
    ]
