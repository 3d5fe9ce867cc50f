"""The report page: both tables, the data, what conversion loses, curves, overlays, where everything lies."""

import base64
import csv
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


def inline(path):
    """A PNG or JPEG file as a data URL."""
    kind = {".png": "png", ".jpg": "jpeg"}[path.suffix]
    return f"data:image/{kind};base64," + base64.b64encode(path.read_bytes()).decode()


def cell_rows(path):
    """Rows of cells.csv, hashes and scores cut to what a page shows."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for key in ("config_sha256", "data_sha256"):
            row[key] = row[key][:12]
        for key in ("validation_score", "map_report", "ap_1000"):
            row[key] = row[key][:6]
    return rows


def render(run, title, note, files=None):
    """The page (HTML) of a run folder; InputError names what is missing.

    files: the tables and figures that belong to the run; None: all that lie in the folder, stale ones too.
    """
    run = Path(run)
    missing = [
        f"{path}: not found, wanted for the report; run the stages before it"
        for path in (run / "tables" / "cells.csv", run / "data" / "raw.md", run / "data" / "conversion_loss.md")
        if not path.is_file()
    ]
    if missing:
        raise InputError(*missing)

    def found(*patterns):
        paths = [path for pattern in patterns for path in sorted(run.glob(pattern))]
        return [path for path in paths if files is None or path in map(Path, files)]

    def text(*patterns):
        return [path.read_text(encoding="utf-8") for path in found(*patterns)]

    def as_html(path):
        return markdown.markdown(path.read_text(encoding="utf-8"), extensions=["tables"])

    return (
        jinja2.Environment(autoescape=True)
        .from_string(PAGE)
        .render(
            title=title,
            note=note,
            run=run,
            parts=PARTS,
            tables=text("tables/table[12].html", "tables/explored.html", "tables/ensembles.html"),
            full=text("tables/table[12]_full.html", "tables/explored_full.html"),
            curves=[(path.stem, inline(path)) for path in found("figures/curves_*.png")],
            overlays=[(path.stem, inline(path)) for path in found("figures/overlays/*.jpg")],
            data=as_html(run / "data" / "raw.md"),
            conversion=as_html(run / "data" / "conversion_loss.md"),
            keys=CELL_KEYS,
            cells=cell_rows(run / "tables" / "cells.csv"),
        )
    )
