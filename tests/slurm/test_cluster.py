"""The test cluster touches nothing that is not its own: no SLURM needed here."""

import json
import subprocess

import cluster
import pytest
from cluster import MARK, Cluster, parse_job, started

from nuclei.stage import InputError


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


def test_gpu_ids_are_read_from_slurms_own_words():
    line = "JobId=7 JobState=RUNNING NodeList=n2 JOB_GRES=gpu:2   Nodes=n2 CPU_IDs=0-1 Mem=9 GRES=gpu:2(IDX:0-1) "
    line += "MinCPUsNode=1 Comment=rule_x  StdErr=/tmp/a.log Power= TresPerJob=gres:gpu:2 "
    job = parse_job(line)
    assert (job["JobId"], job["NodeList"], job["Comment"]) == ("7", "n2", "rule_x")
    assert job["gpus"] == {"n2": {0, 1}}
    assert parse_job("No jobs in the system") is None
