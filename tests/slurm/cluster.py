"""A real SLURM cluster on this machine's loopback: pretended nodes and GPUs, one munged, slurmctld and slurmd each.

`python tests/slurm/cluster.py` installs what is missing from Debian's packages. Configuration lies in /etc/slurm,
marked by its first line; another cluster's is never touched. Every daemon is recorded by process id and start time,
and only these are ended, also those of an earlier run that was killed.
"""

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from nuclei.common.stage import InputError, run_stage

PACKAGES = {"slurmctld": "slurmctld", "slurmd": "slurmd", "squeue": "slurm-client", "munged": "munge"}
ETC = Path("/etc/slurm")
MARK = "# nuclei test cluster in "
# an ended job's GPU ids are in no other record of SLURM's
PROLOG = """#!/bin/sh
echo "$SLURM_JOB_ID $SLURMD_NODENAME ${{SLURM_JOB_GPUS:--}}" >> {folder}/gpus.log
"""
LOCK = Path("/run/lock/nuclei-test-cluster")
CONFIG = """{mark}{folder}
ClusterName=nuclei
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=10
SlurmctldPort={port}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0,batch_sched_delay=0,preempt_youngest_first
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdParameters=config_overrides
GresTypes=gpu
MinJobAge=7200
KillWait=5
CompleteWait=0
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
Prolog={folder}/prolog.sh
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobcomp.log
NodeName={nodes} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports} CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus}
PartitionName=cpu Nodes={nodes} Default=YES MaxTime=24:00:00 DefMemPerCPU=1000
PartitionName=gpu Nodes={nodes} MaxTime=24:00:00 DefMemPerCPU=1000
PartitionName=urgent Nodes={nodes} MaxTime=24:00:00 DefMemPerCPU=1000 PriorityTier=10
"""


def command(*words, check=True):
    """Run a command; returns what it says."""
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: exit status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def wait(condition, seconds, what):
    """Wait until condition() is true and return its value; an error that says `what` after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    raise TimeoutError(f"{what}: not after {seconds} s")


def started(pid):
    """Start time of a process in clock ticks since boot, or None if there is none or it is dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def install():
    """Install SLURM and munge from Debian's packages where they are missing."""
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program, path=PATH)]
    if os.getuid() != 0:
        raise InputError("test cluster: not root, wanted root for /etc/slurm and the daemons; run it in a container")
    if missing and not shutil.which("apt-get"):
        raise InputError(f"test cluster: {' '.join(missing)} not found, wanted Debian's apt-get; install them")
    if not missing:
        return
    print(f"test cluster: installs {' '.join(missing)} with apt-get", flush=True)
    # run level 1: the packages' own services are not started
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for words in (["update", "-qq"], ["install", "-qq", "--no-install-recommends", *missing]):
        done = subprocess.run(["apt-get", *words, *(["-y"] if words[0] == "install" else [])], env=environment)
        if done.returncode:
            raise InputError(f"test cluster: apt-get {words[0]} ended with {done.returncode}; see above")


PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class Cluster:
    """Nodes n1, n2, … with `gpus` pretended GPUs each; start() and stop(), or a with statement."""

    def __init__(self, folder, nodes=2, gpus=2, cpus=8, memory=64000):
        self.folder = Path(folder)
        self.nodes = [f"n{index + 1}" for index in range(nodes)]
        self.gpus, self.cpus, self.memory = gpus, cpus, memory
        self.daemons = {}

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_error):
        self.stop()

    def start(self):
        """Start everything; returns when all nodes are idle."""
        self.lock = LOCK.open("w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{LOCK}: another test cluster runs, wanted none; wait for it") from None
        self.clear()
        for part in ("dev", "state", *(f"spool.{node}" for node in self.nodes)):
            (self.folder / part).mkdir(parents=True)
        for index in range(self.gpus):
            os.mknod(self.folder / f"dev/gpu{index}", 0o666 | 0o020000, os.makedev(1, 3))
        prolog = self.folder / "prolog.sh"
        prolog.write_text(PROLOG.format(folder=self.folder))
        prolog.chmod(0o755)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(64))
        key.chmod(0o600)
        ETC.mkdir(exist_ok=True)
        count, host = len(self.nodes), socket.gethostname().split(".")[0]
        names = f"n[1-{count}]"
        content = CONFIG.format(
            mark=MARK, folder=self.folder, host=host, port=16817, ports=f"[17001-{17000 + count}]", nodes=names,
            cpus=self.cpus, memory=self.memory, gpus=self.gpus,
        )  # fmt: skip
        (ETC / "slurm.conf").write_text(content)
        (ETC / "gres.conf").write_text(f"NodeName={names} Name=gpu File={self.folder}/dev/gpu[0-{self.gpus - 1}]\n")
        (ETC / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        munge = [f"--{name}-file={self.folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
        self.daemon("munged", "--foreground", "--force", *munge, f"--socket={self.folder}/munge.socket")
        wait((self.folder / "munge.socket").exists, 30, "munged")
        self.start_controller()
        for node in self.nodes:
            self.daemon("slurmd", "-D", "-N", node, name=f"slurmd {node}")
        wait(lambda: set(self.states().values()) == {"IDLE"}, 120, "all nodes idle")
        return self

    def start_controller(self):
        """Start slurmctld; returns when it answers."""
        self.daemon("slurmctld", "-D")
        wait(lambda: "UP" in command("scontrol", "ping", check=False), 60, "slurmctld")

    def stop_controller(self):
        """End slurmctld; jobs go on."""
        self.end("slurmctld")

    def daemon(self, *words, name=None):
        """Start a daemon in the foreground and record it."""
        name = name or words[0]
        output = (self.folder / f"{name.replace(' ', '.')}.out").open("a")
        program = shutil.which(words[0], path=PATH)
        process = subprocess.Popen(
            [program, *words[1:]], stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        output.close()
        self.daemons[name] = [process.pid, started(process.pid)]
        self.processes = {**getattr(self, "processes", {}), name: process}
        (self.folder / "daemons.json").write_text(json.dumps(self.daemons))

    def end(self, name):
        """End a daemon and wait for it."""
        pid, since = self.daemons.pop(name)
        if since is not None and started(pid) == since:
            os.kill(pid, signal.SIGTERM)
            process = getattr(self, "processes", {}).get(name)
            wait(lambda: (process and process.poll() is not None) or started(pid) != since, 60, f"{name} ends")

    def clear(self):
        """End what a killed run left; InputError where /etc/slurm is another cluster's."""
        config = ETC / "slurm.conf"
        if not config.exists():
            return
        first = config.read_text().splitlines()[0] if config.read_text() else ""
        if not first.startswith(MARK):
            raise InputError(f"{config}: another cluster's configuration, wanted none; run this on a machine without")
        left = Cluster(first.removeprefix(MARK))
        record = left.folder / "daemons.json"
        left.daemons = json.loads(record.read_text()) if record.exists() else {}
        left.lock = None
        left.stop()

    def stop(self):
        """Cancel all jobs, end all daemons, remove the configuration."""
        if "slurmctld" in self.daemons and started(self.daemons["slurmctld"][0]) == self.daemons["slurmctld"][1]:
            command("scancel", "--user=root", check=False)
            command("scancel", "--user=root", "--state=PENDING", check=False)
            wait(lambda: not command("squeue", "--noheader", check=False).strip(), 120, "all jobs end")
        for name in sorted(self.daemons, reverse=True):  # slurmds, slurmctld, munged
            self.end(name)
        if (ETC / "slurm.conf").exists() and (ETC / "slurm.conf").read_text().startswith(f"{MARK}{self.folder}\n"):
            for name in ("slurm.conf", "gres.conf", "cgroup.conf"):
                (ETC / name).unlink(missing_ok=True)
        if self.lock:
            self.lock.close()

    def states(self):
        """{node: state}."""
        lines = command("sinfo", "--Node", "--noheader", "--partition=cpu", "--format=%N %T", check=False).splitlines()
        return {line.split()[0]: line.split()[1].upper() for line in lines}

    def jobs(self):
        """All jobs of the cluster as SLURM has them now, [{key: value}]; `gpus`: {node: ids of its GPUs}.

        While slurmctld is away, waits for it.
        """
        path = self.folder / "gpus.log"
        given = dict(line.split(" ", 1) for line in (path.read_text().splitlines() if path.exists() else []))
        said = wait(lambda: command("scontrol", "-o", "show", "job", check=False), 120, "slurmctld shows its jobs")
        found = [job for job in map(parse_job, said.splitlines()) if job]
        for job in found:
            node, ids = given.get(job["JobId"], "- -").split()
            job["gpus"] = {} if ids == "-" else {node: expand_ids(ids)}
        return found

    def ended(self):
        """SLURM's record of every end of a job, requeues too, oldest first."""
        path = self.folder / "jobcomp.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]


def parse_job(line):
    """A line of `scontrol -o show job` as a dict; None for no job."""
    if not line.startswith("JobId="):
        return None
    return dict(re.findall(r"(\S+?)=(.*?)(?=\s+[\w:/]+=|$)", line.rstrip()))


def expand_ids(text):
    """{0, 1, 3} for 0-1,3."""
    ids = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        ids |= set(range(int(first), int(last or first) + 1))
    return ids


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
    run_stage(install)
