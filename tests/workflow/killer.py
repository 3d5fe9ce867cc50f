"""Random kills of what runs in a project, at any moment and at the moments that matter most.

Where a kill strikes is drawn from (seed, number of the kill), so that a test that was stopped goes on as it would have.
"""

import collections
import contextlib
import json
import random
import signal
import subprocess
import time

import psutil
import yaml
from workflow.disturbed import alive, epochs, run, stages, start

# at any moment: kill a stage, Snakemake alone, all processes; a clean stop of a training.
# at a moment that is waited for: a training in its validation, one that has just saved its state, and whatever runs
# when a training has put its outputs in place and no checkpoint is chosen yet
KINDS = {
    "stage": 4,
    "Snakemake": 1,
    "everything": 1,
    "SIGTERM": 1,
    "SIGUSR1": 1,
    "in validation": 6,
    "saved": 4,
    "before selection": 8,  # while there is a cell that is trained and not chosen
}
WAITED_FOR = {"in validation", "saved", "before selection"}


class Killer:
    """Runs Snakemake in a folder until it ends well, and does random damage all the while.

    state: {"kills", "runs", "counts"}, which is written to `file` after each kill. kills: how many there are in all,
    last: up to which number this run goes.
    """

    def __init__(self, folder, file, state, seed, kills, last):
        self.folder, self.file, self.state, self.seed = folder, file, state, seed
        self.kills, self.last = kills, last
        self.reached = {}
        self.epochs = yaml.safe_load((folder / "damage.yaml").read_text())["training"]["epochs"]
        self.started = time.monotonic()
        self.first = state["kills"]

    def chance(self):
        """Random numbers of the next kill."""
        return random.Random(f"{self.seed}/{self.state['kills']}")

    def check_nothing_is_lost(self, spared=()):
        """No training falls behind what it had reached, unless its state was cut by this test: then by one epoch."""
        now = epochs(self.folder)
        for work, epoch in self.reached.items():
            assert now.get(work, 0) >= epoch - (work in spared), f"{work}: epoch {now.get(work, 0)}, had {epoch}"
        self.reached = now

    def saved(self):
        """Time of the newest state of each training, ns."""
        times = {}
        for path in self.folder.glob("work/damage/cells/*/*/*/*/last.pth"):
            with contextlib.suppress(OSError):
                times[path] = path.stat().st_mtime_ns
        return times

    def unchosen(self):
        """Cells whose training has put its outputs in place and whose checkpoint is not chosen."""
        cells = self.folder.glob("results/damage/cells/*/*/*/training.json")
        return [path for path in cells if not path.with_name("checkpoint.json").exists()]

    def wait(self, kind, snakemake, chance):
        """Wait for the moment of a kill. Returns the file that tells of it, "" for any, None if it never came."""
        if kind not in WAITED_FOR:
            with contextlib.suppress(subprocess.TimeoutExpired):
                snakemake.wait(chance.uniform(0.5, 8))
            return ""
        before = self.saved()
        until = time.monotonic() + 60  # the last training may have saved its last state
        while snakemake.poll() is None and time.monotonic() < until:
            if kind == "before selection":
                found = self.unchosen()
            else:
                found = [path for path, at in self.saved().items() if before.get(path) != at]
            if found:
                time.sleep(chance.uniform(0, 1) if kind == "saved" else 0)
                return found[0]
            time.sleep(0.01)
        return None

    def victims(self, kind, at):
        """Processes that a kind of kill may strike, with their scripts; at: as wait() returns it."""
        running = stages(self.folder)
        if kind == "stage":
            return running
        wanted = {"train", "select_checkpoint"} if kind == "before selection" else {"train"}
        cell = "/".join(at.relative_to(self.folder).parts[2:6]) if at else ""
        found = {}
        for process, name in running.items():
            with contextlib.suppress(psutil.Error):
                if name in wanted and any(cell in word for word in process.cmdline()):
                    found[process] = name
        return found

    def strike(self, snakemake):
        """Kill something that runs, and count it."""
        chance = self.chance()
        cells = ["/".join(work.parts[-5:-1]) for work, epoch in epochs(self.folder).items() if epoch == self.epochs]
        chosen = [self.folder / "results/damage" / cell / "checkpoint.json" for cell in cells]
        kinds = KINDS if not all(path.exists() for path in chosen) else KINDS | {"before selection": 0}
        kind = chance.choices(list(kinds), list(kinds.values()))[0]
        at = self.wait(kind, snakemake, chance)
        if at is None:
            kind = "stage"
        name = ""
        if kind == "everything" or (kind == "before selection" and chance.random() < 0.5):
            for process in alive(self.folder):
                with contextlib.suppress(psutil.Error):
                    process.kill()
        elif kind == "Snakemake":
            snakemake.kill()
        else:
            running = self.victims(kind, at)
            if not running:
                return
            victim = chance.choice(sorted(running, key=lambda process: process.pid))
            name = f" {running[victim]}" if kind == "stage" else ""
            with contextlib.suppress(psutil.Error):
                victim.send_signal(signal.Signals[kind] if kind.startswith("SIG") else signal.SIGKILL)
                victim.wait(60)
            if kind == "in validation":
                work = at.parent
                if (work / f"validation/epoch_{epochs(self.folder)[work]}.json").exists():
                    kind = "after validation"
        self.count(kind + name)

    def count(self, name):
        """Count a kill, keep the count, look whether something is lost, say where the test is."""
        counts = collections.Counter(self.state["counts"])
        counts[name] += 1
        self.state |= {"kills": self.state["kills"] + 1, "counts": dict(counts)}
        self.file.write_text(json.dumps(self.state))
        self.check_nothing_is_lost()
        done = len(list(self.folder.glob("results/damage/cells/*/*/*/scores.json")))
        each = (time.monotonic() - self.started) / (self.state["kills"] - self.first)
        print(
            f"run {self.state['runs'] + 1}: {self.state['kills']}/{self.kills} kills, last: {name}; "
            f"{sum(self.reached.values())} epochs, {done} cells scored, {each:.1f} s a kill",
            flush=True,
        )

    def cut(self):
        """Now and then, cut the newest state of a training while none is running."""
        states = sorted(self.folder.glob("work/damage/cells/*/*/*/*/last.pth"), key=lambda path: path.stat().st_mtime)
        if not states or alive(self.folder) or self.chance().random() > 0.2:
            return []
        path = states[-1]
        path.write_bytes(path.read_bytes()[: self.chance().randrange(path.stat().st_size)])
        self.state["counts"]["last.pth cut"] = self.state["counts"].get("last.pth cut", 0) + 1
        return [path.parent]

    def finish(self):
        """Run until the end, striking until the number `last` is reached."""
        while left := alive(self.folder):  # by a test that was stopped
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
                    process.wait(10)
        while True:
            if list(self.folder.glob(".snakemake/locks/*")):
                assert run(self.folder, "--unlock")[0] == 0
            # a stage that is killed is tried again at once, which saves the start of Snakemake
            snakemake = start(self.folder, "--retries", "1000", "--cores", "1")  # one training at a time
            while snakemake.poll() is None and self.state["kills"] < self.last:
                self.strike(snakemake)
            code = snakemake.wait()
            if code == 0 or self.state["kills"] >= self.last:
                for process in alive(self.folder):  # a training that outlived its Snakemake
                    process.wait()
            if code == 0:
                return
            self.check_nothing_is_lost(self.cut())
