"""A table as CSV, Markdown, LaTeX and HTML."""

import html
from collections.abc import Sequence

import pandas as pd

from nuclei.common.files import write_text
from nuclei.common.markdown import escape

NOT_SCORED = "not scored"
UNKNOWN = "not known"


Value = str | int | float | None


# Column -> value.
TableRow = dict[str, Value]


def shown(value: Value) -> str:
    """A value as people read it: a float with 4 digits, nothing for None, the rest as it is."""
    return f"{value:.4f}" if isinstance(value, float) else "" if value is None else str(value)


def signed(value: float) -> str:
    """A difference as people read it: its sign and 4 digits; without a sign where all digits are 0."""
    text = f"{value:+.4f}"
    return text if float(text) else "0.0000"


LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}


LATEX |= {char: f"\\{char}" for char in "&%$#_{}"}


def latex_text(text: str) -> str:
    """Text with LaTeX's special characters escaped."""
    return "".join(LATEX.get(char, char) for char in text)


def write_table(
    rows: Sequence[TableRow], stem: str, title: str, notes: Sequence[str], values: Sequence[TableRow] | None = None
) -> None:
    """Write a table as <stem>.csv, <stem>.md, <stem>.tex and <stem>.html.

    rows: what people read, all with the same columns; a float is shown with 4 digits. values: the rows of the CSV, with
    full precision; the same as `rows` if they are not given. notes: lines under the table.
    """
    frame = pd.DataFrame([{key: shown(value) for key, value in row.items()} for row in rows])
    write_text(f"{stem}.csv", pd.DataFrame(values or rows).to_csv(index=False))
    write_text(
        f"{stem}.md",
        "\n".join(
            [
                f"**{escape(title)}**",
                "",
                frame.map(escape).rename(columns=escape).to_markdown(index=False, disable_numparse=True),
                "",
                *(f"- {escape(note)}" for note in notes),
                "",
            ]
        ),
    )
    escaped = frame.map(latex_text)
    escaped.columns = [latex_text(column) for column in frame.columns]
    body = escaped.to_latex(index=False, escape=False, column_format="l" * 4 + "r" * (len(frame.columns) - 4))
    footnotes = " ".join(latex_text(note if note.endswith(".") else f"{note}.") for note in notes)
    write_text(
        f"{stem}.tex",
        f"% needs \\usepackage{{booktabs}}\n\\begin{{table}}\n\\centering\n"
        f"\\caption{{{latex_text(title)}. {footnotes}}}\n{body}\\end{{table}}\n",
    )
    items = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    write_text(
        f"{stem}.html",
        f"<h3>{html.escape(title)}</h3>\n{frame.to_html(index=False, border=0)}\n<ul>{items}</ul>\n",
    )
