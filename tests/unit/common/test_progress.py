"""Progress lines."""

import io

from nuclei.common.progress import Progress, duration


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
