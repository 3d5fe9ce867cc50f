"""The whole check on a card, in one command and within a time: make check-gpu.

    python3 tools/check_gpu.py --kit work/gpu-kit --minutes 14      without network, with a kit of make gpu-kit
    python3 tools/check_gpu.py --kit work/gpu-kit --dry-run         what it would run, and for how long at most
    python3 tools/check_gpu.py --device cpu --small --minutes 30    a rehearsal without a card: measures nothing of one

It needs torch and Python's standard library to start. Steps run in the order of their worth, each in a process of its
own that is ended at its limit; a step that fails or is ended does not stop the others. All that they say is printed at
once and kept in --out: check.log, records.jsonl (a line for each measurement, tests/gpu/records.py), steps.json, and
gpu.md where tools/write_gpu_page.py makes it. Each step is sure of its share of --minutes, and may also take what those
before it left. So the real training, which is told how long it may take, has the rest.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).resolve().parents[1]
PATHS = [str(ROOT / name) for name in ("scripts", "tests", "tools")]
GRACE = 15.0  # seconds that an ended step has to finish what it writes
LEFT = "LEFT_MINUTES"  # in a command: the minutes that the step has


@dataclass(frozen=True)
class Step:
    """One step: its name, its share of the whole time, and its command, without the Python that runs it."""

    name: str
    share: float
    command: Sequence[str]
    needs: str = ""  # a file of the project without which there is no such step
    environment: dict[str, str] = field(default_factory=dict)
    aside: float = GRACE  # seconds of its time that LEFT_MINUTES leaves for what is not measured in minutes


def steps(args: argparse.Namespace) -> list[Step]:
    """All steps, in the order of their worth; the shares add up to 1."""
    me, device, kit, work = "tools/check_gpu.py", args.device, args.kit, str(args.work)
    small = ["--device", device, *(["--small"] if args.small else [])]
    raw = args.work / "raw" if kit else args.data
    data = ["--data", str(raw)] if raw and not args.small else []  # small models are tried on drawn images
    tests = ["-m", "pytest", "-m", "gpu", "-s", "-rs", "-p", "no:cacheprovider"]
    where = {"NUCLEI_GPU_DEVICE": "cpu"} if device == "cpu" else {}
    if data:
        where["NUCLEI_GPU_DATA"] = str(raw / "dataset")
    first = ("tests/gpu/test_gpu_operators.py", "tests/gpu/test_gpu_steps.py")
    others = ["tests/gpu", *(f"--ignore={file}" for file in first)]
    train = ["tools/train_on_gpu.py", "--minutes", LEFT, "--out", str(args.out / "training"), *small]
    records, page = str(args.out / "records.jsonl"), ["--page", str(args.out / "gpu.md")]
    found = [Step("card", 0.03, [me, "--step", "card", *small])]
    if kit:
        inside = ["--kit", str(kit), "--work", work, *small]
        found += [
            Step("packages", 0.04, [me, "--step", "packages", *inside]),
            Step("mmcv", 0.25, [me, "--step", "mmcv", *inside]),
            Step("data", 0.02, ["tools/gpu_kit.py", "--expand", str(kit / "data"), "--out", str(raw)]),
        ]
    return [
        *found,
        Step("operators", 0.05, [*tests, first[0]], needs=first[0], environment=where),
        Step("steps", 0.12, [*tests, first[1]], needs=first[1], environment=where),
        Step(
            "speed",
            0.11,
            ["-W", "ignore", "-m", "gpu.bench", "--minutes", LEFT, *data, *small],
            needs="tests/gpu/bench.py",
        ),
        Step("other tests", 0.07, [*tests, *others], needs=first[0], environment=where),
        Step(
            "training",
            0.29,
            [*train, *(["--raw", str(raw)] if data else [])],
            needs="tools/train_on_gpu.py",
            aside=140,  # data, validations, predictions of many views, scores
        ),
        Step(
            "page",
            0.02,
            ["tools/write_gpu_page.py", "--records", records, "--kept", str(args.out / "gpu.jsonl"), *page],
            needs="tools/write_gpu_page.py",
        ),
    ]


def limits(chosen: Sequence[Step], seconds: float) -> list[float]:
    """The seconds that each step is sure of; it also gets those that the steps before it left."""
    whole = sum(step.share for step in chosen)
    return [seconds * step.share / whole for step in chosen]


def end(process: subprocess.Popen[str]) -> None:
    """End a process and all that it has started: politely, then by force."""
    for number, seconds in ((signal.SIGTERM, GRACE), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, number)
            process.wait(seconds)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def run_step(command: Sequence[str], environment: dict[str, str], limit: float, say: Callable[[str], None]) -> str:
    """Run one step for at most `limit` seconds; each line that it prints goes to `say` at once.

    Returns how it ended: ok, failed (exit status …), ended at its limit of … s.
    """
    process = subprocess.Popen(
        [sys.executable, "-u", *command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        process_group=0,
    )
    assert process.stdout
    late = threading.Event()

    def watch() -> None:
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            late.set()
        end(process)  # also what a step that is done has left behind, which would hold its pipe open

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for line in process.stdout:
            say(line.rstrip("\n"))
    except BaseException:  # a signal to this program
        end(process)
        raise
    finally:
        watcher.join()
    if late.is_set():
        return f"ended at its limit of {limit:.0f} s"
    return "ok" if process.returncode == 0 else f"failed (exit status {process.returncode})"


def environment_of(args: argparse.Namespace, step: Step) -> dict[str, str]:
    """The environment variables of a step's process."""
    site = [str(args.work / "site")] if args.kit else []
    given = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    values = {
        **os.environ,
        **step.environment,
        "NUCLEI_GPU_RECORDS": str(args.out / "records.jsonl"),
        "PYTHONPATH": os.pathsep.join([*site, *PATHS, *given]),
        "PYTHONUNBUFFERED": "1",
    }
    if args.kit:  # there is no network, and nothing may be looked for there
        values |= {"PIP_NO_INDEX": "1", "XDG_CACHE_HOME": str(args.work / "cache")}
    return values


def run_all(args: argparse.Namespace, chosen: Sequence[Step], log: TextIO) -> list[dict[str, Any]]:
    """Run the steps within the time; returns for each its name, how it ended, its seconds and its limit."""
    start = time.monotonic()

    def say(line: str) -> None:
        print(line, flush=True)
        log.write(line + "\n")
        log.flush()

    rows: list[dict[str, Any]] = []
    planned = limits(chosen, args.minutes * 60)
    for number, step in enumerate(chosen):
        began = time.monotonic()
        left, later = args.minutes * 60 - (began - start), sum(planned[number + 1 :])
        limit = left - later
        if limit < 1:
            how = "not begun: no time left"
        else:
            minutes = f"{max(limit - step.aside, limit / 4) / 60:.2f}"
            command = [part.replace(LEFT, minutes) for part in step.command]
            say(f"== {step.name}: at most {limit:.0f} s: python {' '.join(command)}")
            how = run_step(command, environment_of(args, step), limit, say)
        seconds = round(time.monotonic() - began, 1)
        rows.append({"name": step.name, "ended": how, "seconds": seconds, "limit_seconds": round(limit, 1)})
        used = (time.monotonic() - start) / 60
        say(f"== {step.name}: {how} after {seconds:.0f} s; {used:.1f} of {args.minutes:g} min")
        (args.out / "steps.json").write_text(json.dumps(rows, indent=1) + "\n")
    return rows


def describe(args: argparse.Namespace, chosen: Sequence[Step]) -> None:
    """Print what would run."""
    print(f"{args.minutes:g} minutes, device {args.device}{', small' if args.small else ''}; nothing is run.")
    print("A step may also take what those before it left.")
    for step, seconds in zip(chosen, limits(chosen, args.minutes * 60), strict=True):
        missing = f"   ({step.needs} not found: left out)" if step.needs and not (ROOT / step.needs).is_file() else ""
        variables = "".join(f"{name}={value} " for name, value in step.environment.items() if name != "PYTHONPATH")
        print(f"{seconds:5.0f} s  {step.name}{missing}")
        print(f"         {variables}python {' '.join(step.command)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kit", type=Path, help="folder of make gpu-kit; without, packages and mmcv-full are there")
    parser.add_argument("--data", type=Path, help="folder with dataset/ and test_masks/, where there is no kit")
    parser.add_argument("--minutes", type=float, default=14, help="for all steps together (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "work/gpu", help="folder of what it finds")
    parser.add_argument("--work", type=Path, default=ROOT / "work/gpu-check", help="folder of packages and data")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--small", action="store_true", help="small models and images: for --device cpu")
    parser.add_argument("--only", help="names of the steps to run, with commas between them")
    parser.add_argument("--dry-run", action="store_true", help="say the steps, their commands and times; run nothing")
    parser.add_argument("--step", choices=["card", "packages", "mmcv"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    for name in ("kit", "data", "out", "work"):
        if getattr(args, name):
            setattr(args, name, getattr(args, name).resolve())
    if args.step:
        import gpu_machine

        getattr(gpu_machine, args.step)(args)
        return
    if args.kit and not (args.kit / "kit.json").is_file():
        parser.exit(2, f"error: {args.kit}: holds no kit.json, wanted a kit of make gpu-kit; check KIT=\n")
    known = steps(args)
    names = [step.name for step in known]
    wanted = args.only.split(",") if args.only else names
    if wrong := sorted(set(wanted) - set(names)):
        parser.exit(2, f"error: --only: {', '.join(wrong)} found, wanted some of {', '.join(names)}\n")
    chosen = [step for step in known if step.name in wanted]
    if args.dry_run:
        describe(args, chosen)
        return
    chosen = [step for step in chosen if not step.needs or (ROOT / step.needs).is_file()]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the running step is ended too
    for folder in (args.out, args.work):
        folder.mkdir(parents=True, exist_ok=True)
    with (args.out / "check.log").open("a") as log:
        rows = run_all(args, chosen, log)
    print(f"all in {args.out}")
    sys.exit(0 if all(row["ended"] == "ok" for row in rows) else 1)


if __name__ == "__main__":
    main()
