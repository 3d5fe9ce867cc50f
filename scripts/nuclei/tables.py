"""Writing a table as CSV, Markdown, LaTeX and HTML, and the models file that names its rows."""

import html

import pandas as pd
import yaml

from nuclei.stage import InputError, write_text

NOT_SCORED = "not scored"


def read_models(path):
    """Entries of models.yaml in its order: {name: {method, backbone, multiscale, lr_schd, …}}."""
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)["models"]


def model_columns(entry):
    """The report's first four columns for an entry of models.yaml."""
    return {
        "model": entry["method"],
        "backbone": entry["backbone"],
        "multiscale": "yes" if entry["multiscale"] else "no",
        "lr schd": entry["lr_schd"],
    }


def read_published(path):
    """Published numbers: {(table, model): row} with epoch (int), map (str as printed), submission (str or None)."""
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    wanted = ["table", "model", "epoch", "map", "submission"]
    if list(table.columns) != wanted:
        raise InputError(
            f"{path}: columns {', '.join(table.columns)} found, wanted {', '.join(wanted)}; correct the file"
        )
    return {
        (int(row["table"]), row["model"]): {
            "epoch": int(row["epoch"]),
            "map": row["map"],
            "submission": row["submission"] or None,
        }
        for row in table.to_dict("records")
    }


def shown(value):
    """A cell as people read it: scores with 4 digits, the rest as it is."""
    return f"{value:.4f}" if isinstance(value, float) else "" if value is None else str(value)


def latex_text(text):
    """Text with LaTeX's special characters escaped."""
    for char in "&%$#_":
        text = text.replace(char, f"\\{char}")
    return text.replace("Δ", r"$\Delta$")


def write_table(rows, stem, title, notes, values=None):
    """Write rows (equal dicts) as stem.csv, .md, .tex and .html.

    rows: what people read, scores as float (4 digits in all forms but CSV, which has full precision).
    values: rows for the CSV where they differ. notes: lines under the table.
    """
    frame = pd.DataFrame([{key: shown(value) for key, value in row.items()} for row in rows])
    write_text(f"{stem}.csv", pd.DataFrame(values or rows).to_csv(index=False))
    write_text(
        f"{stem}.md",
        "\n".join(
            [
                f"**{title}**",
                "",
                frame.to_markdown(index=False, disable_numparse=True),
                "",
                *(f"- {n}" for n in notes),
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
