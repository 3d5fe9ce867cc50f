"""The DAG on a real SLURM of two nodes with two pretended GPUs each, disturbed in every way, to the same tables.

What is asserted of jobs comes from SLURM itself: `scontrol show job` and the log of ended jobs. GPUs are device nodes
that do nothing; trainings ask for one each (compute.device: auto) and compute on the CPU, as torch finds none.
"""

import concurrent.futures
import os
import re
import shutil
import signal
import time
from datetime import datetime
from pathlib import Path

import pytest
from cluster import command, wait
from runs import LONG, PROFILE, edit, finish, jobs, make_project, running_cluster, say, snakemake
from support.tiny import CONFIG, MODELS

pytestmark = pytest.mark.slurm

# the model that is disturbed trains long enough to be met at it
SMALL = CONFIG | {
    "compute": {"device": "auto"},
    "model_options": CONFIG["model_options"] | {"mask_r50": {"runner.max_epochs": 30}},
}
# one training over several short jobs
MANY = SMALL | {
    "run": "long",
    "models": ["mask_r50"],
    "settings": [1],
    "model_options": {},
    "training": CONFIG["training"] | {"epochs": 200, "repeat": 3, "validate_every": 5},
}
DISTURBED = [f"setting{setting}/mask_r50/seed0" for setting in (1, 2)]


def tables(folder, run="tiny"):
    """{file name: bytes} of all tables; without cells.csv, which has times in it."""
    files = (folder / f"results/{run}/tables").glob("table*")
    return {path.name: path.read_bytes() for path in files}


def cell_of(job):
    """setting1/mask_r50/seed0 of a training's job."""
    setting, model, seed = re.fullmatch(r"rule_train_wildcards_(\d)_(\w+)_(\d+)", job["Comment"].strip()).groups()
    return f"setting{setting}/{model}/seed{seed}"


def copied(project, folder):
    """A copy of the finished project without the trainings of the disturbed cells and all that came of them."""
    shutil.copytree(project, folder, symlinks=True)
    for cell in DISTURBED:
        shutil.rmtree(folder / "work/tiny/cells" / cell)
        for path in (folder / "results/tiny/cells" / cell).iterdir():
            if path.name != "config.py":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(folder / ".snakemake/slurm_logs", ignore_errors=True)
    shutil.rmtree(folder / ".snakemake/locks", ignore_errors=True)
    shutil.rmtree(folder / "results/tiny/tables")
    (folder / "snakemake.log").write_text("")
    return folder


def at_work(cluster, folder, run="tiny"):
    """{cell: its running job}, once both disturbed cells have finished an epoch and are still at it."""

    def met():
        running = {cell_of(job): job for job in jobs(cluster, folder, "train") if job["JobState"] == "RUNNING"}
        saved = [cell for cell in DISTURBED if list(folder.glob(f"work/{run}/cells/{cell}/*/last.pth"))]
        return running if sorted(saved) == sorted(running) == sorted(DISTURBED) else None

    return wait(met, LONG, "both cells train")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running_cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture(scope="module")
def long_runs(cluster, tmp_path_factory):
    """A training of 200 epochs, started here: in jobs of two minutes, and in one go without SLURM."""
    folder = tmp_path_factory.mktemp("long")
    short, whole = make_project(folder / "short", MANY), make_project(folder / "whole", MANY)

    def shorten(profile):
        train = profile["set-resources"]["train"]
        assert train["slurm_extra"] == "--signal=TERM@120"
        train.update(runtime=2, slurm_extra="--signal=TERM@30")

    edit(short, PROFILE, shorten)
    started = [snakemake(short, "--retries", "20"), snakemake(whole, where=("--cores", "1"))]
    return short, whole, started


@pytest.fixture(scope="module")
def project(cluster, long_runs, tmp_path_factory):
    """All 12 cells, undisturbed."""
    folder = make_project(tmp_path_factory.mktemp("undisturbed") / "project", SMALL)
    start = time.monotonic()
    finish(snakemake(folder), folder)
    say(f"12 cells: {len(jobs(cluster, folder))} SLURM jobs, {time.monotonic() - start:.0f} s")
    return folder


def fail_and_cancel(cluster, folder):
    """One training is killed, the other one's job cancelled."""
    process = snakemake(folder)
    met = at_work(cluster, folder)
    first, second = (met[cell]["JobId"] for cell in DISTURBED)
    node = met[DISTURBED[0]]["NodeList"]  # listpids asks the host's first slurmd where no node is named
    listed = command("scontrol", "listpids", first, node).splitlines()[1:]
    for pid in {int(line.split()[0]) for line in listed}:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"scripts/train.py" in words and b"bash" not in words[0]:
            os.kill(pid, signal.SIGKILL)
    command("scancel", second)
    say(f"job {first}: training killed, job {second}: cancelled")
    return finish(process, folder)


def too_little_memory(cluster, folder):
    """Trainings get less memory than they need (a GB or more); SLURM kills them until a later attempt asks for more."""
    edit(folder, "small.yaml", lambda config: config["compute"].update(mem_mb=700))
    return finish(snakemake(folder), folder)


def kill_snakemake(cluster, folder):
    """Snakemake itself is killed; its jobs are cancelled, the folder is unlocked, and it is started again."""
    process = snakemake(folder)
    met = at_work(cluster, folder)
    process.kill()
    process.wait()
    command("scancel", *(job["JobId"] for job in met.values()))
    wait(lambda: all(job["JobState"] == "CANCELLED" for job in jobs(cluster, folder, "train")), 60, "jobs cancelled")
    say("Snakemake killed, its jobs cancelled")
    assert snakemake(folder, "--unlock").wait() == 0
    return finish(snakemake(folder), folder)


def restart_controller(cluster, folder):
    """slurmctld stops for half a minute while jobs run."""
    process = snakemake(folder)
    at_work(cluster, folder)
    cluster.stop_controller()
    say("slurmctld stopped")
    time.sleep(30)
    cluster.start_controller()
    say("slurmctld started")
    return finish(process, folder)


def whole_nodes(cluster, folder):
    """A job takes a whole node: both trainings in one job of two GPUs."""

    def grouped(profile):
        profile["groups"]["train"] = "node"
        profile["group-components"]["node"] = 2

    edit(folder, PROFILE, grouped)
    return finish(snakemake(folder), folder)


def drain(cluster, folder):
    """A node is drained while jobs run on it."""
    process = snakemake(folder)
    met = at_work(cluster, folder)
    node = met[DISTURBED[0]]["NodeList"]
    command("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test")
    (folder / "drained").write_text(f"{node} {datetime.now().isoformat(timespec='seconds')}")
    say(f"node {node} drained")
    try:
        return finish(process, folder)
    finally:
        command("scontrol", "update", f"NodeName={node}", "State=RESUME")


def preempt(cluster, folder):
    """A job of a higher partition takes a node, GPUs and all."""
    process = snakemake(folder)
    met = at_work(cluster, folder)
    node = met[DISTURBED[0]]["NodeList"]
    words = ["--partition=urgent", f"--nodelist={node}", "--gpus-per-node=2", "--time=1", "--output=/dev/null"]
    urgent = command("sbatch", "--parsable", *words, f"--chdir={folder}", "--wrap=sleep 10").strip()
    wait(lambda: f"{urgent}|RUNNING" in command("squeue", "--noheader", "--format=%i|%T"), 60, "the urgent job")
    say(f"job {urgent} took node {node}")
    return finish(process, folder)


@pytest.fixture(scope="module")
def disturbed(cluster, project, tmp_path_factory):
    """{what happened: the folder where it did}, all ended: first four at once, then those that all would feel."""
    base, found = tmp_path_factory.mktemp("disturbed"), {}
    phases = [
        [fail_and_cancel, too_little_memory, kill_snakemake, whole_nodes],
        [restart_controller],
        [drain],
        [preempt],
    ]
    for phase in phases:
        folders = {scenario: copied(project, base / scenario.__name__) for scenario in phase}
        with concurrent.futures.ThreadPoolExecutor(len(phase)) as pool:
            ends = {scenario: pool.submit(scenario, cluster, folder) for scenario, folder in folders.items()}
        for scenario, end in ends.items():
            found[scenario.__name__] = end.result
            say(f"{scenario.__name__}: {'failed' if end.exception() else 'ended'}")
    return found


def test_twelve_cells_make_tens_of_jobs(cluster, project):
    found = jobs(cluster, project)
    assert {job["JobState"] for job in found} == {"COMPLETED"}
    wanted = {"device": 1, "data": 1, "configs": 2, "train": 12, "evaluation": 12, "tables": 1}
    counts = {name: len(jobs(cluster, project, name)) for name in wanted}
    assert counts == wanted
    assert len(found) == 29


def test_every_training_has_a_gpu_of_its_own_on_both_nodes(cluster, project):
    found = jobs(cluster, project, "train")
    assert {cell_of(job) for job in found} == {f"setting{s}/{m}/seed0" for s in (1, 2) for m in MODELS}
    held = []
    for job in cluster.jobs():
        for node, ids in job["gpus"].items():
            held += [(node, index, job["StartTime"], job["EndTime"], job["JobId"]) for index in ids]
    for job in found:
        ((node, ids),) = job["gpus"].items()
        assert (node, len(ids)) == (job["NodeList"], 1)
    assert {job["NodeList"] for job in found} == {"n1", "n2"}
    assert {(node, index) for node, index, *_ in held} == {(node, index) for node in ("n1", "n2") for index in (0, 1)}
    held.sort()
    for (*place, _, end, first), (*other, start, _, second) in zip(held, held[1:], strict=False):
        assert place != other or end <= start, f"jobs {first} and {second} shared GPU {place}"


def test_a_second_snakemake_does_nothing(cluster, project):
    before = [job["JobId"] for job in cluster.jobs() if job["WorkDir"] == str(project)]
    finish(snakemake(project), project)
    assert [job["JobId"] for job in cluster.jobs() if job["WorkDir"] == str(project)] == before
    assert "Nothing to be done" in (project / "snakemake.log").read_text()


@pytest.mark.parametrize(
    "what",
    ["fail_and_cancel", "too_little_memory", "kill_snakemake", "restart_controller", "whole_nodes", "drain", "preempt"],
)
def test_the_tables_are_those_of_the_undisturbed_run(cluster, project, disturbed, what):
    assert len(tables(project)) == 16
    assert tables(disturbed[what]()) == tables(project)


def resumed(folder, cell):
    """The epoch after which a cell's last training went on."""
    said = (folder / f"results/tiny/logs/{cell.replace('/', '.')}.train.log").read_text()
    return int(re.search(r"resumes after epoch (\d+) of 30", said)[1])


def test_a_killed_and_a_cancelled_training_go_on_in_new_jobs(cluster, disturbed):
    folder = disturbed["fail_and_cancel"]()
    for cell, state in zip(DISTURBED, ("FAILED", "CANCELLED"), strict=True):
        first, second = (job for job in jobs(cluster, folder, "train") if cell_of(job) == cell)
        assert (first["JobState"], second["JobState"]) == (state, "COMPLETED")
        assert resumed(folder, cell) >= 1


def test_a_memory_kill_asks_for_more(cluster, disturbed):
    folder = disturbed["too_little_memory"]()
    said = "".join(path.read_text() for path in cluster.folder.glob("slurmd.n?.log"))
    for cell in DISTURBED:
        found = [job for job in jobs(cluster, folder, "train") if cell_of(job) == cell]
        asked = [job["MinMemoryNode"] for job in found]
        assert asked == ["700M", "1400M", "2100M"][: len(found)] and len(found) > 1
        assert [job["JobState"] for job in found] == ["FAILED"] * (len(found) - 1) + ["COMPLETED"]
        assert re.search(rf"StepId={found[0]['JobId']}\.\S+ exceeded memory limit", said)


def test_jobs_of_a_killed_snakemake_are_made_again(cluster, disturbed):
    folder = disturbed["kill_snakemake"]()
    found = jobs(cluster, folder, "train")
    assert sorted(job["JobState"] for job in found) == ["CANCELLED", "CANCELLED", "COMPLETED", "COMPLETED"]
    assert len({job["JobName"] for job in found}) == 2
    assert min(resumed(folder, cell) for cell in DISTURBED) >= 1


def test_a_stopped_controller_costs_no_job(cluster, disturbed):
    folder = disturbed["restart_controller"]()
    found = jobs(cluster, folder)
    assert {job["JobState"] for job in found} == {"COMPLETED"}
    assert sorted(map(cell_of, jobs(cluster, folder, "train"))) == DISTURBED
    assert "Recovered JobId=" in (cluster.folder / "slurmctld.log").read_text()


def test_a_job_of_two_gpus_trains_two_cells(cluster, disturbed):
    (job,) = jobs(cluster, disturbed["whole_nodes"](), "node")
    assert list(job["gpus"].values()) == [{0, 1}]
    assert (job["NumCPUs"], job["JobState"]) == ("2", "COMPLETED")


def test_a_drained_node_gets_no_more_jobs(cluster, disturbed):
    folder = disturbed["drain"]()
    node, since = (folder / "drained").read_text().split()
    found = jobs(cluster, folder)
    after = [job for job in found if job["StartTime"] > since]
    assert {job["NodeList"] for job in after} == {"n1", "n2"} - {node}
    assert node in {job["NodeList"] for job in found if job not in after}
    assert {job["JobState"] for job in found} == {"COMPLETED"}


def test_a_preempted_training_is_queued_again_by_slurm(cluster, disturbed):
    folder = disturbed["preempt"]()
    found = jobs(cluster, folder, "train")
    assert len(found) == 2 and {job["JobState"] for job in found} == {"COMPLETED"}
    again = [job for job in found if job["Restarts"] != "0"]
    assert DISTURBED[0] in map(cell_of, again)
    for job in again:
        ends = [end["JobState"] for end in cluster.ended() if end["JobId"] == job["JobId"]]
        assert ends[-1] == "COMPLETED" and len(ends) == int(job["Restarts"]) + 1
    assert resumed(folder, DISTURBED[0]) >= 1


def test_two_hundred_epochs_over_jobs_of_two_minutes(cluster, disturbed, long_runs):
    """Last, as it started first."""
    short, whole, started = long_runs
    for process, folder in zip(started, (short, whole), strict=True):
        finish(process, folder)
    found = jobs(cluster, short, "train")
    say(f"200 epochs: {len(found)} jobs of {', '.join(job['RunTime'] for job in found)}")
    assert len(found) >= 2
    assert [job["JobState"] for job in found] == ["FAILED"] * (len(found) - 1) + ["COMPLETED"]
    assert {job["TimeLimit"] for job in found} == {"00:02:00"}
    assert all(job["RunTime"] < "00:02:00" for job in found)
    assert tables(short, "long") == tables(whole, "long")
    epochs = "results/long/cells/setting1/mask_r50/seed0/epochs.tsv"
    assert (short / epochs).read_bytes() == (whole / epochs).read_bytes()
    assert len((short / epochs).read_text().splitlines()) == 201
