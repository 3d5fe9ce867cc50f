"""The report page: tables, training curves, test images, data, loss by conversion, and where each number comes from."""

import base64
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
import markdown

from nuclei.common.stage import InputError

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1120px; margin: 2em auto; padding: 0 1em; color: #222; }
h1, h2, h3 { line-height: 1.2; } h2 { margin-top: 2em; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; margin: .6em 0; } th, td { padding: .25em .8em; border-bottom: 1px solid #ddd; }
th { text-align: left; background: #f4f4f6; } td { font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; font-size: 12px; } .note { background: #fff6d6; padding: .5em .8em; }
img { max-width: 100%; } ul { color: #444; } nav a { margin-right: 1.2em; }
</style></head><body>
<h1>{{ title }}</h1>
{% if note %}<p class="note">{{ note }}</p>{% endif %}
<nav>{% for anchor, name in parts %}<a href="#{{ anchor }}">{{ name }}</a>{% endfor %}</nav>
<h2 id="tables">Tables</h2>
{% for table in tables %}{{ table | safe }}{% endfor %}
<h2 id="full">Scores that the report's metric hides</h2>
{% for table in full %}{{ table | safe }}{% endfor %}
<h2 id="curves">Training curves</h2>
{% for name, image in curves %}<p><img alt="{{ name }}" src="{{ image }}"></p>{% endfor %}
<h2 id="overlays">Test images</h2>
{% for name, image in overlays %}<h3>{{ name }}</h3><p><img alt="{{ name }}" src="{{ image }}"></p>{% endfor %}
<h2 id="data">Data</h2>
{{ data | safe }}
<h2 id="conversion">What masks lose on the way to COCO</h2>
{{ conversion | safe }}
<h2 id="cells">Where each number comes from</h2>
<p>Folders below <code>{{ run }}</code>; each holds config.py, training.json, epochs.tsv, log.jsonl, checkpoint.json,
predictions.json, answer.zip and scores.json.</p>
<div class="wide"><table><tr>{% for key in keys %}<th>{{ key }}</th>{% endfor %}</tr>
{% for row in cells %}<tr>{% for key in keys %}<td>{{ row[key] }}</td>{% endfor %}</tr>{% endfor %}</table></div>
</body></html>
"""


PARTS = [
    ("tables", "Tables"),
    ("full", "Other scores"),
    ("curves", "Curves"),
    ("overlays", "Test images"),
    ("data", "Data"),
    ("conversion", "Conversion"),
    ("cells", "Provenance"),
]


CELL_KEYS = [
    "setting",
    "model",
    "seed",
    "epoch",
    "validation_score",
    "map_report",
    "ap_1000",
    "device",
    "threads",
    "wall_seconds",
    "code_version",
    "config_sha256",
    "data_sha256",
    "folder",
]


# Python-Markdown's patterns that make HTML of its text, a link or a picture.
LIVE = ("html", "link", "image_link", "reference", "image_reference", "short_reference", "short_image_ref", "autolink",
        "automail")  # fmt: skip


def inline(path: Path) -> str:
    """A PNG or JPEG file as a data URL, so that the page needs no other file."""
    kind = {".png": "png", ".jpg": "jpeg"}[path.suffix]
    return f"data:image/{kind};base64," + base64.b64encode(path.read_bytes()).decode()


def rendered(text: str) -> str:
    """Markdown as HTML that holds no tag, link or picture of the text's own: these are shown as they are written.

    >>> rendered("**a** <img src=x> [b](javascript:c)")
    '<p><strong>a</strong> &lt;img src=x&gt; [b](javascript:c)</p>'
    """
    converter = markdown.Markdown(extensions=["tables"])
    converter.preprocessors.deregister("html_block")
    for name in LIVE:
        converter.inlinePatterns.deregister(name)
    return converter.convert(text)


def cell_rows(path: Path) -> list[dict[str, str]]:
    """Rows of cells.csv, with hashes and scores cut to the length that the page shows."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for key in ("config_sha256", "data_sha256"):
            row[key] = row[key][:12]
        for key in ("validation_score", "map_report", "ap_1000"):
            row[key] = row[key][:6]
    return rows


@dataclass(frozen=True)
class Parts:
    """Paths of what the page shows; each list is in the order of the page.

    tables, full_tables: HTML tables with the report's score and with the other scores. curves, overlays: PNG or JPEG
    figures. data, conversion: raw.md and conversion_loss.md. cells: cells.csv.
    """

    tables: Sequence[str]
    full_tables: Sequence[str]
    curves: Sequence[str]
    overlays: Sequence[str]
    data: str
    conversion: str
    cells: str


def render(run: str, title: str, note: str, parts: Parts) -> str:
    """The page (HTML) of a run.

    run: the run's folder, which the page names. note: text at the top, or "" for none.
    Raises InputError naming every file that is missing.
    """
    shown = [*parts.tables, *parts.full_tables, *parts.curves, *parts.overlays]
    missing = [path for path in [parts.cells, parts.data, parts.conversion, *shown] if not Path(path).is_file()]
    if missing:
        raise InputError(*(f"{path}: not found, wanted for the report; run the stages before it" for path in missing))

    def texts(paths: Sequence[str]) -> list[str]:
        return [Path(path).read_text(encoding="utf-8") for path in paths]

    def pictures(paths: Sequence[str]) -> list[tuple[str, str]]:
        return [(path.stem, inline(path)) for path in map(Path, paths)]

    def as_html(path: str) -> str:
        return rendered(Path(path).read_text(encoding="utf-8"))

    return (
        jinja2.Environment(autoescape=True)
        .from_string(PAGE)
        .render(
            title=title,
            note=note,
            run=run,
            parts=PARTS,
            tables=texts(parts.tables),
            full=texts(parts.full_tables),
            curves=pictures(parts.curves),
            overlays=pictures(parts.overlays),
            data=as_html(parts.data),
            conversion=as_html(parts.conversion),
            keys=CELL_KEYS,
            cells=cell_rows(Path(parts.cells)),
        )
    )
