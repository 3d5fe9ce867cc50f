"""How the plugin follows a run: what it shows of each event of Snakemake, on a terminal and elsewhere."""

import os
import sys
import threading
import time
from logging import LogRecord
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

from rich.console import Console, RenderableType
from rich.live import Live
from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import OutputSettingsLoggerInterface

from nuclei.common.stage import InputError
from nuclei.report.run_status import RunStatus, run_status
from nuclei.report.status_text import summary
from nuclei.workflow.run_folder import setting_name
from nuclei.workflow.run_record import RECORD, read_record
from snakemake_logger_plugin_nuclei.capture import Capture
from snakemake_logger_plugin_nuclei.screen import frame

# Of the cells' stages only these are worth a line.
TOLD = ("train", "score_predictions")
UNTOLD = ("resolve_config", "select_checkpoint", "predict", "write_answer", "draw_overlays", "all")
EVERY = 300  # s between two lines about the whole run
FAILED_LINES = {True: 3, False: 20}  # of a failed job's log, on a terminal and elsewhere


def own_run() -> str | None:
    """Name of the run that this process works on, by the records of all runs; None before its first job."""
    for path in Path("work").glob(f"*/{RECORD}"):
        record = read_record(path.parent)
        if record and record["process"] == os.getpid() and record["state"] == "running":
            return record["run"]
    return None


class Watcher:
    """Shows Snakemake's events as the module says. It is called from one thread, that of Snakemake's queue."""

    def __init__(self, settings: OutputSettingsLoggerInterface) -> None:
        self.run: str | None = None
        self.plain = bool(settings.dryrun)  # whether it steps aside
        self.jobs: dict[int, tuple[str, str, float]] = {}  # {number: (rule, message, start)}
        self.steps = (0, 0)
        self.warning = ""
        self.seen: tuple[float, RunStatus] | None = None  # when to read it again, and what was read
        self.live: Live | None = None
        self.over = threading.Event()
        self.capture = None if self.plain else Capture()
        self.stream = self.capture.stderr if self.capture else sys.stdout
        self.default = ColorizingTextHandler(settings.nocolor, self.stream)
        self.default.setFormatter(DefaultFormatter(settings.quiet, settings.show_failed_logs))
        more = settings.quiet, settings.debug_dag, settings.verbose, settings.dryrun, settings.printshellcmds
        self.default.addFilter(DefaultFilter(*more))
        self.console = Console(file=self.stream, no_color=settings.nocolor or None, highlight=False)
        self.terminal = self.console.is_terminal and not self.console.is_dumb_terminal

    def show(self, record: LogRecord) -> None:
        """Show one event, or keep it for the screen."""
        event = getattr(record, "event", None)
        if event == LogEvent.RUN_INFO and "plan" in record.__dict__.get("stats", {}):
            self.step_aside()
        if self.plain:
            self.as_without(record)
        elif event == LogEvent.JOB_STARTED:
            self.begin()
        elif event == LogEvent.JOB_INFO:
            rule, message = record.__dict__["rule_name"], record.__dict__["rule_msg"]
            self.jobs[record.__dict__["jobid"]] = (rule, message or rule, time.monotonic())
            if rule == "train":
                self.say(f"{message}: begins")
        elif event == LogEvent.PROGRESS:
            self.steps = record.__dict__["done"], record.__dict__["total"]
        elif event == LogEvent.JOB_FINISHED:
            self.finished(*self.jobs.pop(record.__dict__["job_id"], ("all", "", 0.0)))
        elif event == LogEvent.JOB_ERROR:
            self.failed(record)
        elif record.levelname in ("WARNING", "ERROR", "CRITICAL"):
            self.above(record)
        elif event is None and not self.run and record.msg:
            self.as_without(record)

    def as_without(self, record: LogRecord) -> None:
        """Show an event as Snakemake does without the plugin."""
        if self.default.filter(record):
            self.default.emit(record)

    def step_aside(self) -> None:
        """From now on show everything as without the plugin, what jobs print too."""
        self.plain = True
        if self.capture:
            self.capture.release()

    def begin(self) -> None:
        """Start the screen, or the lines, with the first job."""
        if self.run:
            return
        self.run = own_run()
        if not self.run:
            self.step_aside()
        elif self.terminal:
            self.live = Live(
                console=self.console,
                get_renderable=self.picture,
                refresh_per_second=1,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self.live.start()
        else:
            threading.Thread(target=self.tell_of_the_run, daemon=True).start()

    def status(self) -> RunStatus | None:
        """How far the run is; read again at most every 2 s, or less often where reading takes long."""
        begin = time.monotonic()
        if self.run and (not self.seen or begin >= self.seen[0]):
            try:
                found = run_status(self.run)
            except (InputError, OSError, ValueError, KeyError):  # a file that is just being replaced
                return self.seen[1] if self.seen else None
            end = time.monotonic()
            self.seen = end + max(2.0, 20 * (end - begin)), found
        return self.seen[1] if self.seen else None

    def picture(self) -> RenderableType:
        """What the screen shows now."""
        status = self.status()
        if self.capture:
            self.warning = self.capture.last_warning() or self.warning
        now = [message for rule, message, _ in list(self.jobs.values()) if rule != "train"]
        return frame(status, self.steps, now, self.warning, self.console.height) if status else ""

    def tell_of_the_run(self) -> None:
        """Lines about the whole run, and the warnings of jobs, until it is over."""
        last = time.monotonic()
        while not self.over.wait(5):
            found = self.capture.last_warning() if self.capture else ""
            if found and found != self.warning:
                self.warning = found
                self.say(found)
            if time.monotonic() - last >= EVERY and (status := self.status()):
                last = time.monotonic()
                self.say(f"{self.steps[0]} of {self.steps[1]} steps; {summary(status)}")

    def say(self, line: str) -> None:
        """A line of a run that is not watched on a terminal."""
        if not self.terminal:
            print(f"{time.strftime('%H:%M:%S')} {line}", file=self.stream, flush=True)

    def finished(self, rule: str, message: str, start: float) -> None:
        """Tell of a job that ended well, if it is worth a line."""
        if rule in UNTOLD:
            return
        took = time.monotonic() - start
        line = f"{message}: done in {took / 60:.1f} min" if took >= 60 else f"{message}: done in {took:.0f} s"
        if rule == "score_predictions" and (status := self.fresh()):
            by_name = {f"{cell.model}, {setting_name(cell.setting)}, seed {cell.seed}": cell for cell in status.cells}
            cell = by_name.get(message.removeprefix("scores of "))
            if cell:
                line = f"{message}: " + ("not scored" if cell.score is None else f"AP50 {cell.score:.3f}")
        self.say(line)

    def fresh(self) -> RunStatus | None:
        """How far the run is, read now."""
        self.seen = None if not self.seen else (0.0, self.seen[1])
        return self.status()

    def failed(self, record: LogRecord) -> None:
        """Tell of a job that failed: what it was, the end of its log, and where the whole log is."""
        facts = record.__dict__
        message = self.jobs.pop(facts["jobid"], ("", "", 0.0))[1] or facts["rule_name"]
        logs = [path for path in facts["log"] or [] if Path(path).is_file()]
        lines = [f"error: {message} failed; its log: {', '.join(logs) or 'none'}"]
        for path in logs[:1]:
            most = FAILED_LINES[self.terminal]
            lines += Path(path).read_text(encoding="utf-8", errors="replace").splitlines()[-most:]
        self.tell("\n    ".join(lines), "red")

    def above(self, record: LogRecord) -> None:
        """Show a warning or an error of Snakemake itself, above the screen where there is one."""
        if str(record.msg).startswith("RuleException:\nCalledProcessError"):
            return  # the same again, of a job whose failure is told with its log
        if self.default.filter(record) and (text := self.default.format(record)):
            self.warning = text.splitlines()[0] if record.levelname == "WARNING" else self.warning
            self.tell(text, "yellow" if record.levelname == "WARNING" else "red")

    def tell(self, text: str, style: str) -> None:
        """Print lines as they are, above the screen where there is one."""
        self.console.print(text, style=style if self.terminal else None, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Show the last state, and give the terminal back. It may be called twice."""
        if self.over.is_set():
            return
        self.over.set()
        if self.run and (status := self.fresh()):
            if self.live:
                self.live.refresh()
                self.live.stop()
            self.tell(summary(status), "bold")
        if self.capture:
            self.capture.release(replay=not self.run)
