"""What Snakemake leaves for those who look on, and whom it tells of its end."""

import json
import os

import pytest
from support.run_states import begun

from nuclei.workflow.run_record import LOGS, notify, read_record


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_record_names_the_cells_the_process_and_the_logs(project):
    record = begun(logs=[str(project / ".snakemake/log/a.log")])
    found = json.loads((project / "work/r/run.json").read_text())
    assert (found["state"], found["ended"], found["process"]) == ("running", None, os.getpid())
    assert found["cells"] == [[1, "mask_r50", 0], [2, "mask_r50", 0]]
    assert found["logs"] == [".snakemake/log/a.log"]
    record.end("done")
    found = read_record("work/r")
    assert found["state"] == "done" and found["ended"] >= found["started"]
    for _ in range(LOGS):
        begun(logs=["b.log"]).end("failed")
    assert read_record("work/r")["logs"] == ["b.log"] * LOGS


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"run": "r"}'], ids=["empty", "list", "object", "part"])
def test_what_is_no_record_is_none(project, content):
    (project / "work/r").mkdir(parents=True)
    (project / "work/r/run.json").write_text(content)
    assert read_record("work/r") is None
    assert read_record("work/no") is None


def test_a_notification_gets_its_words_whole(project):
    odd = "a b'; touch broken; $(touch broken) \"`touch broken`"
    assert notify('printf "%s\\n" "$@" > said', odd, "done", 12)
    assert (project / "said").read_text().splitlines() == [odd, "done", "12"]
    assert sorted(path.name for path in project.iterdir()) == ["said"]


def test_a_notification_that_fails_is_one_line(capfd, monkeypatch):
    assert not notify("exit 3", "r", "done", 1)
    assert capfd.readouterr().err == "warning: notify: exit status 3 found, wanted 0; correct the command\n"
    monkeypatch.setattr("nuclei.workflow.run_record.PATIENCE", 0.1)
    assert not notify("sleep 9", "r", "done", 1)
    assert capfd.readouterr().err == "warning: notify: no end after 0.1 s, stopped\n"


def test_only_the_end_is_told(project):
    record = begun(notify='echo "$1 $2" >> said')
    assert not (project / "said").exists()
    record.end("failed")
    assert (project / "said").read_text() == "r failed\n"
