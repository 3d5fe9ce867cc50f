"""Writing a table as CSV, Markdown, LaTeX and HTML, and the models file that names its rows."""

import html

import pandas as pd
import yaml

from nuclei.common.stage import InputError, write_text

NOT_SCORED = "not scored"


def read_models(path):
    """Entries of models.yaml in its order: {name: {method, backbone, multiscale, lr_schd, …}}."""
    try:
        with open(path, encoding="utf-8") as file:
            entries = yaml.safe_load(file)["models"]
        for entry in entries.values():
            model_columns(entry)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}), wanted models.yaml; check the path") from None
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        found = " ".join(str(error).split())[:80]
        raise InputError(
            f"{path}: no models file ({found}), wanted models with method, backbone, multiscale, lr_schd; correct it"
        ) from None
    return entries


def choose_models(entries, names, path):
    """The named models in the order of models.yaml; InputError names those that it does not hold."""
    unknown = [name for name in names if name not in entries]
    if unknown:
        raise InputError(f"{path}: holds no {', '.join(unknown)}, wanted one of {', '.join(entries)}; correct the name")
    return [name for name in entries if name in names]


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
    wanted = ["table", "model", "epoch", "map", "submission"]
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        if list(table.columns) != wanted:
            raise ValueError(f"columns {', '.join(table.columns)}")
        rows = {}
        for row in table.to_dict("records"):
            float(row["map"])
            rows[int(row["table"]), row["model"]] = {
                "epoch": int(row["epoch"]),
                "map": row["map"],
                "submission": row["submission"] or None,
            }
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}), wanted published.tsv; check the path") from None
    except ValueError as error:
        found = " ".join(str(error).split())[:80]
        raise InputError(
            f"{path}: {found} found, wanted columns {', '.join(wanted)} with numbers; correct it"
        ) from None
    return rows


def shown(value):
    """A cell as people read it: scores with 4 digits, the rest as it is."""
    return f"{value:.4f}" if isinstance(value, float) else "" if value is None else str(value)


def signed(value):
    """A difference as people read it: its sign and 4 digits, no sign where these are all 0."""
    text = f"{value:+.4f}"
    return text if float(text) else "0.0000"


LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
LATEX |= {char: f"\\{char}" for char in "&%$#_{}"}


def latex_text(text):
    """Text with LaTeX's special characters escaped."""
    return "".join(LATEX.get(char, char) for char in text)


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
