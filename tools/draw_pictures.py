"""The pictures of README.md, made by a whole run on the project's own drawn data, in docs/pictures.

It runs the demo under the name `pictures` and keeps the screen of about half of it (screen.svg). From the results come
the overlay of the cell with the best score (overlay.jpg), the report page (report.png) and both tables (tables.png).
Chromium, which takes the last two, must be on PATH. Results of a former run of this name are removed first.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import library  # noqa: F401 - lets the library be found
from nuclei.common.files import write_text
from nuclei.common.stage import InputError, run_stage
from nuclei.report.run_status import RunStatus, run_status
from nuclei.workflow.run_record import read_record

ROOT = Path(__file__).resolve().parents[1]
RUN = "pictures"
BROWSERS = ("chromium", "chromium-headless-shell", "google-chrome")
COLUMNS, LINES = 92, 24
TALL = 2000  # px, more than the tables take
# rich's own form of an SVG without the fonts that it would load from elsewhere
SVG = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: monospace; font-size: {char_height}px; line-height: {line_height}px;
  font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def browser() -> str:
    """Path of a Chromium. Raises InputError where there is none."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        raise InputError(f"PATH: none of {', '.join(BROWSERS)} found, wanted one to draw HTML; install chromium")
    return found


def photograph(page: Path, out: Path, width: int, height: int) -> None:
    """Draw an HTML file as a PNG of `width` x `height` px."""
    with tempfile.TemporaryDirectory() as home:
        command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--user-data-dir={home}", f"--window-size={width},{height}", f"--screenshot={out.resolve()}"]
        subprocess.run([*command, page.resolve().as_uri()], check=True, capture_output=True, timeout=120)


def draw_screen(status: RunStatus, clock: float, out: Path) -> None:
    """Draw the screen that a run of this status shows. clock: time of the status, s since 1970."""
    sys.path.insert(0, str(ROOT / "plugins"))
    from rich.console import Console

    from snakemake_logger_plugin_nuclei.screen import frame

    with open("/dev/null", "w") as nowhere:
        console = Console(record=True, width=COLUMNS, height=LINES, file=nowhere, force_terminal=True)
        console.print(frame(status, steps_of(status.run), [], "", LINES, clock))
    title = "snakemake --logger nuclei"
    write_text(out, console.export_svg(title=title, code_format=SVG, unique_id="screen"))


def steps_of(run: str) -> tuple[int, int]:
    """How many of its steps Snakemake has done, and how many there are, by its log."""
    record = read_record(f"work/{run}")
    text = Path(record["logs"][-1]).read_text() if record else ""
    lines = [line.split() for line in text.splitlines() if " steps (" in line]
    return (int(lines[-1][0]), int(lines[-1][2])) if lines else (0, 0)


def watched(process: subprocess.Popen[bytes]) -> Iterator[tuple[RunStatus, float]]:
    """How far the run is and when, every 2 s until Snakemake ends."""
    while process.poll() is None:
        time.sleep(2)
        if read_record(f"work/{RUN}"):
            now = time.time()
            yield run_status(RUN, now), now


def worth(status: RunStatus) -> tuple[int, int]:
    """How much a screen shows: cells in each state, with a time left; the largest is the picture."""
    states = {cell.state for cell in status.cells}
    timed = sum(cell.left is not None for cell in status.cells)
    return len(states) + min(timed, 1), min(status.count("done"), status.count("waiting"))


def run_and_watch(cores: int, configs: list[str], out: Path) -> None:
    """Run the demo, and draw the screen that shows most of it. Raises InputError where the run fails."""
    for folder in ("results", "work"):
        shutil.rmtree(Path(folder, RUN), ignore_errors=True)
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--configfile", *configs]
    best: tuple[int, int] = (0, 0)
    with subprocess.Popen([*command, "--config", f"run={RUN}"]) as process:
        for status, now in watched(process):
            if worth(status) > best:
                best = worth(status)
                draw_screen(status, now, out / "screen.svg")
    if process.returncode:
        raise InputError(f"results/{RUN}: Snakemake ended with {process.returncode}, wanted 0; see its messages above")


def draw_results(run: Path, out: Path) -> None:
    """Draw the overlay, the report page and both tables of a finished run. run: results/<run>."""
    from PIL import Image

    best = max(run_status(run.name).cells, key=lambda cell: cell.score or 0)
    with Image.open(run / f"figures/overlays/setting{best.setting}.{best.model}.seed{best.seed}.jpg") as picture:
        picture.thumbnail((900, 900))
        picture.save(out / "overlay.jpg", quality=85)
    photograph(run / "report.html", out / "report.png", 1200, 1560)
    draw_tables(run, out / "tables.png")


def draw_tables(run: Path, out: Path) -> None:
    """Draw both tables of a run side by side, as high as they are. run: results/<run>. out: PNG."""
    style = re.search("<style>.*?</style>", (run / "report.html").read_text(encoding="utf-8"), re.DOTALL)
    tables = [(run / f"tables/table{number}.html").read_text(encoding="utf-8") for number in (1, 2)]
    columns = "".join(f"<div style='flex: 1'>{table}</div>" for table in tables)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "tables.html")
        # on the report page a button in each head keeps it apart from the next one
        heads = "<style>thead th { padding: .3rem .55rem }</style>"
        body = f"{heads}<body style='max-width: none; margin: 0 16px'><div style='display: flex; gap: 32px'>"
        write_text(page, f"<!DOCTYPE html><meta charset=utf-8>{style[0] if style else ''}{body}{columns}</div>")
        photograph(page, out, 1160, TALL)
    cut_bottom(out)


def cut_bottom(path: Path, margin: int = 16) -> None:
    """Cut what is empty below the content of a picture, but for a margin, px.

    Raises InputError where the content reaches the bottom, since some of it may be missing.
    """
    from PIL import Image, ImageChops

    with Image.open(path) as picture:
        whole = picture.convert("RGB")
    box = ImageChops.difference(whole, Image.new("RGB", whole.size, whole.getpixel((0, 0)))).getbbox()
    bottom = box[3] if box else 0
    if bottom + margin > whole.height:
        raise InputError(f"{path}: content down to {bottom} of {whole.height} px found, wanted all of it; enlarge TALL")
    whole.crop((0, 0, whole.width, bottom + margin)).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"), help="folder (default: %(default)s)")
    parser.add_argument("--cores", type=int, default=2, help="of the run (default: %(default)s)")
    parser.add_argument("--configs", nargs="+", default=["config/demo.yaml"], help="of the run (default: %(default)s)")
    parser.add_argument("--results", type=Path, help="results of a finished run, to draw these and no screen")
    args = parser.parse_args()
    browser()
    args.out.mkdir(parents=True, exist_ok=True)
    if not args.results:
        run_and_watch(args.cores, args.configs, args.out)
    draw_results(args.results or Path("results", RUN), args.out)


if __name__ == "__main__":
    run_stage(main)
