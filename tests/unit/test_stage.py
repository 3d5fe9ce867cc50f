"""What all stages share: files that appear whole, errors in one line, progress lines, and mmcv's patches."""

import errno
import io
import json

import pytest

from nuclei.common.files import read_json, whole_file, write_json
from nuclei.common.progress import Progress, duration
from nuclei.common.stage import InputError, run_stage


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    assert (tmp_path / "a.json").read_text() == '{\n "a": "é",\n "b": 1\n}\n'
    with pytest.raises(RuntimeError), whole_file(tmp_path / "a.json") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": "é", "b": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000])
def test_bad_json_is_named(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match="a.json: not JSON"):
        read_json(tmp_path / "a.json")


def test_bad_input_is_a_line_a_problem(capsys):
    def main():
        raise InputError("one: x", "two: y")

    with pytest.raises(SystemExit) as caught:
        run_stage(main)
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: one: x\nerror: two: y\n"


def test_other_errors_are_not_hidden():
    def main():
        raise OSError(errno.EIO, "broken")

    with pytest.raises(OSError, match="broken"):
        run_stage(main)


def test_progress_says_done_total_rate_and_time_left(monkeypatch):
    clock = iter([0.0, 2.0, 4.0, 4.0, 8.0])
    monkeypatch.setattr("nuclei.common.progress.time.monotonic", lambda: next(clock))
    stream = io.StringIO()
    progress = Progress("train", 10, "images", every=3, stream=stream)
    progress.step(1)  # 2 s: no line is due
    progress.step(1, ", loss 1")  # 4 s
    progress.done = 10
    progress.close()
    assert stream.getvalue() == "train 2/10 images, 2.0 s/image, ETA 0:00:16, loss 1\ntrain 10/10 images in 0:00:08\n"


def test_duration():
    assert duration(3725.4) == "1:02:05"
