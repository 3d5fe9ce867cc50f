"""The report page: one HTML file that asks for no other, put together by the template in web/.

docs/report_page.md says what it is made of and how to add a part.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, cast

import jinja2
import markdown

from nuclei.coco.checks import check_ground_truth, check_predictions
from nuclei.coco.types import Content
from nuclei.common.files import read_json
from nuclei.common.stage import InputError, written_by
from nuclei.report.cell_details import cell_details
from nuclei.report.cells import read_part
from nuclei.report.layers import cell_layers, truth_layer
from nuclei.report.packed import pack
from nuclei.report.page_parts import Parts
from nuclei.report.pictures import Shown, pictures
from nuclei.report.shown_tables import Table, add_scores, is_unknown, link, read_cells_table, read_table
from nuclei.report.summary import sentences
from nuclei.scoring.comparison_types import Comparisons, ensemble_row, label
from nuclei.scoring.types import Scores

WEB = Path(__file__).with_name("web")
SCRIPTS = ["packed", "address", "tables", "charts", "details", "layers", "drawing", "pointer", "errors", "downloads",
           "viewer"]  # fmt: skip

# Python-Markdown's patterns that make HTML of its text, a link or a picture.
LIVE = ("html", "link", "image_link", "reference", "image_reference", "short_reference", "short_image_ref", "autolink",
        "automail")  # fmt: skip
FILES = ("config", "training", "choice", "epochs", "log", "score")  # of a cell; see cell_details
FINDINGS = "findings"  # the table that a run about the report's findings has
KINDS = {".png": "png", ".jpg": "jpeg", ".svg": "svg+xml"}


def inline(path: Path) -> str:
    """A figure as a data URL, so that the page needs no other file; as an image, in which no script of it runs."""
    return f"data:image/{KINDS[path.suffix]};base64," + base64.b64encode(path.read_bytes()).decode()


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


def read_tables(parts: Parts, ceilings: Mapping[str, float], comparisons: Comparisons | None) -> list[Table]:
    """The tables with the report's score; rows that stand for a model in a setting lead to its cells."""
    cells = parts.cells
    labels = {f"table{setting}": [label(setting, model) for model in cells.models] for setting in cells.settings}
    labels["explored"] = [label(setting, model) for setting, model in product(cells.settings, cells.explored)]
    tables = [read_table(html, values) for html, values in zip(parts.tables, parts.values, strict=True)]
    for table in tables:
        if table.name in labels:
            link(table, labels[table.name])
            add_scores(table, ceilings, comparisons)
    return tables


def cell_files(parts: Parts) -> Iterator[tuple[str, int, dict[str, Path]]]:
    """(label, seed, files by what they are) of every cell."""
    cells = parts.cells
    for at, ((setting, model), seed) in enumerate(product(cells.rows, cells.seeds)):
        yield (
            label(setting, model),
            seed,
            {name: Path(getattr(cells, f"{name}s" if name != "epochs" else name)[at]) for name in FILES},
        )


def ensemble_labels(parts: Parts) -> list[str]:
    """Labels of the ensembles, in the order of their files."""
    cells = parts.cells
    return [label(setting, ensemble_row(name)) for setting, name in product(cells.settings, cells.ensembles)]


def layer_files(parts: Parts) -> Iterator[tuple[str, str, str | None]]:
    """(label, predictions.json, errors.csv or None) of everything that the viewer shows: cells, then ensembles."""
    cells = parts.cells
    names = [label(setting, model) for setting, model in cells.rows] + ensemble_labels(parts)
    predictions = [*cells.predictions, *cells.ensemble_predictions]
    errors: Sequence[str | None] = [*cells.errors, *cells.ensemble_errors] or [None] * len(predictions)
    yield from zip(names, predictions, errors, strict=True)


def packed_parts(parts: Parts, truth: Content) -> Iterator[tuple[str, str]]:
    """(name, packed value) of everything that the page's scripts open when they need it."""
    for image in truth["images"]:
        nuclei = [row for row in truth["annotations"] if row["image_id"] == image["id"]]
        yield f"truth/{image['id']}", pack(truth_layer(nuclei))
    for name, predictions, errors in layer_files(parts):
        rows = read_json(predictions, "COCO results")
        check_predictions(rows, truth, predictions)
        for number, layer in cell_layers(truth, rows, errors).items():
            yield f"layer/{name}/{number}", pack(layer)
    for name, seed, files in cell_files(parts):
        yield f"cell/{name}/seed{seed}", pack(cell_details(files))


def viewer_state(parts: Parts, images: list[Shown], scores: Mapping[str, list[Scores]], scored: bool) -> dict[str, Any]:
    """What the page's scripts know from the start: images, models, seeds, whether nuclei are known, errors named."""
    values = {name: found[0]["map_report"] for name, found in scores.items()}
    for name, path in zip(ensemble_labels(parts), parts.cells.ensemble_scores, strict=True):
        values[name] = read_part(path, "scores")["map_report"]
    models = [
        {"key": name, "name": f"{name.partition('/')[2]}, setting {name[7]}", "score": value}
        for name, value in values.items()
    ]
    return {
        "images": [{key: value for key, value in image.items() if key != "url"} for image in images],
        "models": models,
        "seeds": list(parts.cells.seeds),
        "scored": scored,
        "named": bool(parts.cells.errors) and scored,
    }


def render(run: str, title: str, note: str, parts: Parts) -> str:
    """The page (HTML) of a run.

    run: the run's folder, which the page names. note: text at the top, or "" for none.
    Raises InputError naming every file that is missing.
    """
    missing = [path for path in parts.files() if not Path(path).is_file()]
    if missing:
        raise InputError(*(f"{path}: not found, wanted for the report; run the stages before it" for path in missing))
    parts.cells.check()
    truth: Content = read_json(parts.ground_truth, "COCO JSON")
    check_ground_truth(truth, parts.ground_truth)
    comparisons: Comparisons | None = read_json(parts.comparisons) if parts.comparisons else None
    scores: dict[str, list[Scores]] = {}
    for name, _, files in cell_files(parts):
        scores.setdefault(name, []).append(cast(Scores, read_part(files["score"], "scores")))
    # those of comparisons are of all nuclei as one class, and the scores of tables means over the classes
    one_class = len(truth["categories"]) < 2
    reported = any(Path(path).stem == FINDINGS for path in parts.full_tables)
    errors = {name: path for name, _, path in layer_files(parts) if path}
    full = [read_table(html, values) for html, values in zip(parts.full_tables, parts.full_values, strict=True)]
    with written_by("compare_cells.py", parts.comparisons or parts.table_of_cells):
        summary = sentences(scores, comparisons, errors, reported)
        ceilings = {name: value for name, found in scores.items() if (value := found[0]["ceiling_report"])}
        tables = read_tables(parts, ceilings, comparisons if one_class else None)
    images = pictures(parts.test_images, truth["images"])
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(WEB), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    return environment.get_template("page.html.j2").render(
        title=title,
        note=note,
        run=run,
        style=(WEB / "page.css").read_text(encoding="utf-8"),
        script="\n".join((WEB / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS),
        summary=summary,
        tables=tables,
        full=[table for table in full if not is_unknown(table)],
        cells=read_cells_table(parts.table_of_cells),
        figures=[(path.stem, inline(path)) for path in map(Path, parts.figures)],
        data=rendered(Path(parts.data).read_text(encoding="utf-8")),
        conversion=rendered(Path(parts.conversion).read_text(encoding="utf-8")),
        images=images,
        state=viewer_state(parts, images, scores, bool(truth["annotations"])),
        packed=packed_parts(parts, truth),
        intervals=bool(comparisons and comparisons["scored"]),
        published=any("published mAP" in table.columns for table in tables),
        one_seed=bool(comparisons and comparisons["seeds"] == 1),
    )
