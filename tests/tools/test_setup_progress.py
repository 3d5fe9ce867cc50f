"""Progress lines of the set-up."""

import io

import setup_progress
from setup_progress import Percent


def test_share_and_minutes_left_are_said_and_count_down(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(setup_progress.time, "monotonic", lambda: clock[0])
    stream = io.StringIO()
    progress = Percent("packages", 200, stream=stream)
    # (time in s, done of 200, line)
    steps = [
        (30, 0, ""),
        (40, 19, "packages: 10 % (torch)"),  # 9.5 %: too little for a time
        (60, 40, "packages: 20 %, about 4 min left (torch)"),  # 60 s for a fifth
        (65, 41, ""),  # no line is due
        (70, 41, "packages: 20 %, about 4 min left (torch)"),
        (125, 41, "packages: 20 %, about 3 min left (torch)"),  # 317 s for all, as of 65 s
        (400, 41, "packages: 20 %, less than a minute left (torch)"),
        (420, 200, "packages: 100 %, less than a minute left (torch)"),
    ]
    for clock[0], done, line in steps:
        progress.tell(done, "torch")
        assert stream.getvalue().rstrip("\n") == line
        stream.truncate(stream.seek(0))
