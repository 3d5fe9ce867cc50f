"""The tables of the page: what the tables' files hold, with intervals, ceilings and a way to the cell of each row."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from nuclei.common.stage import InputError, written_by
from nuclei.report.table_files import UNKNOWN
from nuclei.scoring.comparison_types import Comparisons, label

MAP = "mAP"  # the column that the interval and the ceiling belong to


@dataclass(frozen=True)
class Bar:
    """A score in a picture, all as shares of its width from 0 to 1. low, high, published: None where not known."""

    value: float
    low: float | None
    high: float | None
    published: float | None
    words: str


@dataclass
class TableCell:
    """A cell of a table: its text, its value in full where the CSV has more digits, and a bar instead of text."""

    text: str
    value: str = ""
    bar: Bar | None = None


@dataclass
class Row:
    """A row. label: setting1/mask_r50 where it stands for a model in a setting, else empty."""

    cells: list[TableCell]
    label: str = ""


@dataclass
class Table:
    """A table of the page. name: of its file, without ending."""

    name: str
    title: str = ""
    columns: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Reader(HTMLParser):
    """Reads what table_files.write_table writes: a title (h3), a table, a list of notes."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.table, self.text = Table(name), ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Begin a new text, and with <tr> a new row."""
        self.text = ""
        if tag == "tr":
            self.table.rows.append(Row([]))

    def handle_data(self, data: str) -> None:
        """Add to the text."""
        self.text += data

    def handle_endtag(self, tag: str) -> None:
        """Put the text where it belongs."""
        if tag == "h3":
            self.table.title = self.text
        elif tag == "th":
            self.table.columns.append(self.text)
        elif tag == "td":
            self.table.rows[-1].cells.append(TableCell(self.text))
        elif tag == "li":
            self.table.notes.append(self.text)


def read_table(html: Path | str, values: Path | str | None = None) -> Table:
    """A table of its HTML, with the values in full of its CSV. InputError where the two have not equally many rows."""
    with written_by("make_table.py", html):
        reader = Reader(Path(html).stem)
        reader.feed(Path(html).read_text(encoding="utf-8"))
        table = reader.table
        table.rows = [row for row in table.rows if row.cells]
    if values is None:
        return table
    with written_by("make_table.py", values):
        with Path(values).open(newline="", encoding="utf-8") as file:
            full = list(csv.DictReader(file))
        if len(full) != len(table.rows):
            raise ValueError(f"{len(full)} rows, {len(table.rows)} in {html}")
        for row, known in zip(table.rows, full, strict=True):
            for column, cell in zip(table.columns, row.cells, strict=True):
                value = known.get(column) or ""
                cell.value = "" if value == cell.text else value
    return table


def is_unknown(table: Table) -> bool:
    """Whether a table says of one row alone that what it is about is not known, as the organs of most images are."""
    return len(table.rows) == 1 and UNKNOWN in [cell.text for cell in table.rows[0].cells]


def link(table: Table, labels: Sequence[str]) -> None:
    """Say which model in which setting each row stands for. InputError where there are not equally many."""
    if len(labels) != len(table.rows):
        raise InputError(f"{table.name}: {len(table.rows)} rows found, wanted {len(labels)}; make the table again")
    for row, name in zip(table.rows, labels, strict=True):
        row.label = name


def numeric(cell: TableCell) -> float | None:
    """The number of a cell, None where it is none."""
    try:
        return float(cell.value or cell.text.split(" ")[0])
    except ValueError:
        return None


def add_scores(table: Table, ceilings: Mapping[str, float], comparisons: Comparisons | None) -> None:
    """Add to a linked table, after its mAP: its interval, the ceiling, the share of it, and a picture of all.

    ceilings: {label: the largest mAP of any model}; without any, or where no row has a score, the table stays.
    """
    at = table.columns.index(MAP) if MAP in table.columns else -1
    scored = [row for row in table.rows if at >= 0 and numeric(row.cells[at]) is not None and row.label in ceilings]
    if not scored or len(scored) < len(table.rows):
        return
    groups = comparisons["groups"] if comparisons and comparisons["scored"] else {}
    known = "published mAP" in table.columns and table.columns.index("published mAP")
    found = []
    for row in table.rows:
        estimate = groups[row.label]["pooled"]["ap50_100"] if row.label in groups else None
        low, high = (estimate["low"], estimate["high"]) if estimate else (None, None)
        published = numeric(row.cells[known]) if known else None
        found.append((numeric(row.cells[at]) or 0.0, low, high, published, ceilings[row.label]))
    ends = [value for *values, _ in found for value in values if value is not None]
    most = max(*ends, *(ceiling for *_, ceiling in found))
    least = min(ends) - 0.05 * (most - min(ends))
    for row, (value, low, high, published, ceiling) in zip(table.rows, found, strict=True):
        row.cells[at + 1 : at + 1] = extra(value, low, high, published, ceiling, (least, most))
    columns = ["95 % interval", "ceiling", "of ceiling", "mAP, interval and ceiling"]
    table.columns[at + 1 : at + 1] = columns if groups else columns[1:3] + ["mAP and ceiling"]
    if not groups:
        for row in table.rows:
            del row.cells[at + 1]


def extra(
    value: float,
    low: float | None,
    high: float | None,
    published: float | None,
    ceiling: float,
    ends: tuple[float, float],
) -> list[TableCell]:
    """The cells that add_scores adds to a row. ends: smallest and largest number that the picture shows."""
    least, most = ends

    def place(number: float | None) -> float | None:
        return None if number is None else round((number - least) / ((most - least) or 1), 4)

    between = f"{low:.4f} to {high:.4f}" if low is not None and high is not None else ""
    words = f"mAP {value:.4f}" + (f", 95 % interval {between}" if between else "")
    words += f", published {published:.4f}" if published is not None else ""
    bar = Bar(place(value) or 0.0, place(low), place(high), place(published), f"{words}, ceiling {ceiling:.4f}")
    return [
        TableCell(between, str(low) if between else ""),
        TableCell(f"{ceiling:.4f}", str(ceiling)),
        TableCell(f"{100 * value / ceiling:.1f} %" if ceiling else "", str(value / ceiling) if ceiling else ""),
        TableCell("", str(value), bar),
    ]


def read_cells_table(path: Path | str) -> Table:
    """cells.csv as a table that leads to the cells; hashes and scores are cut to what a page shows."""
    with written_by("make_cells_table.py", path), Path(path).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
        if any(None in row or None in row.values() for row in rows):
            raise ValueError("a row of another length")
        if rows and not {"setting", "model"} <= rows[0].keys():
            raise ValueError("no columns setting and model")

    def short(key: str, value: str) -> str:
        return (
            value[:12]
            if key.endswith("sha256")
            else value[:6]
            if key.startswith(("ap", "map", "validation"))
            else value
        )

    table = Table("cells", "Cells", list(rows[0]) if rows else [])
    for row in rows:
        found = [
            TableCell(short(key, value), "" if short(key, value) == value else value) for key, value in row.items()
        ]
        table.rows.append(Row(found, label(int(row["setting"]), row["model"]) if row["setting"].isdigit() else ""))
    return table
