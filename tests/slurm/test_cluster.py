"""The test cluster touches nothing that is not its own: no SLURM needed here."""

import json
import subprocess

import cluster
import pytest
from cluster import MARK, Cluster, expand_ids, parse_job, started

from nuclei.common.stage import InputError


@pytest.fixture
def etc(tmp_path, monkeypatch):
    """A folder in place of /etc/slurm."""
    monkeypatch.setattr(cluster, "ETC", tmp_path / "etc")
    (tmp_path / "etc").mkdir()
    return tmp_path / "etc"


def test_another_clusters_configuration_is_refused(tmp_path, etc):
    (etc / "slurm.conf").write_text("ClusterName=theirs\n")
    with pytest.raises(InputError, match="slurm.conf: another cluster's configuration, wanted none"):
        Cluster(tmp_path / "new").clear()
    assert (etc / "slurm.conf").read_text() == "ClusterName=theirs\n"


def test_of_a_killed_run_only_its_own_processes_end(tmp_path, etc):
    left = tmp_path / "left"
    left.mkdir()
    (etc / "slurm.conf").write_text(f"{MARK}{left}\n")
    (etc / "plugstack.conf").write_text("theirs\n")
    own, other = (subprocess.Popen(["sleep", "60"]) for _ in range(2))
    record = {"slurmd n1": [own.pid, started(own.pid)], "slurmd n2": [other.pid, started(other.pid) - 1]}
    (left / "daemons.json").write_text(json.dumps(record))
    try:
        Cluster(tmp_path / "new").clear()
        assert own.wait(5) == -15
        assert other.poll() is None
        assert [path.name for path in etc.iterdir()] == ["plugstack.conf"]
    finally:
        for process in (own, other):
            process.kill()
            process.wait()


def test_jobs_are_read_from_slurms_own_words():
    line = "JobId=7 JobState=RUNNING NodeList=n2 BatchHost=n2 CPUs/Task=1 ReqB:S:C:T=0:0:*:* Comment=rule_x  StdErr=a "
    job = parse_job(line + "Power= TresPerJob=gres:gpu:2 ")
    assert (job["JobId"], job["NodeList"], job["Comment"], job["Power"]) == ("7", "n2", "rule_x", "")
    assert parse_job("No jobs in the system") is None
    assert (expand_ids("0"), expand_ids("0-1,3")) == ({0}, {0, 1, 3})
