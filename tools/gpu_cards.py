"""Measured speeds of training in a card's row of cards.yaml, whose other lines stay as they are."""

import re
import textwrap
from pathlib import Path
from typing import Any

import yaml

import library  # noqa: F401 - lets the library be found
from gpu_tables import Record
from nuclei.common.documents import read_yaml, schema_problems
from nuclei.common.files import write_text
from nuclei.common.stage import InputError


def measured(run: list[Record]) -> dict[str, Any] | None:
    """The section `measured` of a card from its records, the first of kind card; None where no speed counts.

    A speed counts where the losses were those of mmdet's own tool and ours was as trainings have it.
    """
    training: dict[str, dict[str, Any]] = {}
    for record in run:
        if record["kind"] == "speed" and record["equal"] and record["default"] and record["gflops"]:
            training.setdefault(record["model"], {})[record["precision"]] = {
                "steps_per_second": float(f"{record['steps_per_second']:.4g}"),
                "batch": record["batch"],
                "gflops": float(f"{record['gflops']:.4g}"),
            }
    card = run[0]
    return (
        {"card": card["name"], "torch": card["torch"], "date": card["date"], "training": training} if training else None
    )


def row_of(name: str, cards: dict[str, Any], path: Path) -> str:
    """The key of a card in cards.yaml whose words are all in its name, such as RTX 3090 in NVIDIA GeForce RTX 3090."""
    words = set(re.findall(r"\w+", name))
    keys = [key for key in cards if set(re.findall(r"\w+", key)) <= words]
    if len(keys) != 1:
        raise InputError(
            f"{path}: {len(keys)} cards found whose words are in {name!r}, wanted one; add a row with the peaks of its "
            "data sheet"
        )
    return keys[0]


def with_measured(text: str, key: str, section: dict[str, Any], path: Path) -> str:
    """The text of cards.yaml with a card's section `measured` written anew, as its last."""
    lines = text.splitlines()
    if f"{key}:" not in lines:
        raise InputError(
            f"{path}: no line `{key}:`, wanted one, with the card's keys on the lines below; rewrite it so"
        )
    start = lines.index(f"{key}:") + 1
    end = next((at for at in range(start, len(lines)) if re.match(r"\S", lines[at])), len(lines))
    body, old = [], False
    for line in lines[start:end]:
        if re.match(r" {0,2}\S", line):
            old = line.startswith("  measured:")
        body += [] if old else [line]
    made = yaml.safe_dump({"measured": section}, sort_keys=False, default_flow_style=None, width=110)
    body += textwrap.indent(made, "  ").splitlines()
    return "\n".join([*lines[:start], *body, *lines[end:], ""])


def write(path: Path, schema: Path, runs: dict[str, list[Record]]) -> None:
    """Write measured speeds of each card of the runs into cards.yaml; InputError where it would not fit its schema."""
    text = path.read_text(encoding="utf-8")
    for name, run in runs.items():
        if section := measured(run):
            text = with_measured(text, row_of(name, read_yaml(path), path), section, path)
    problems = schema_problems(yaml.safe_load(text), read_yaml(schema)["cards"])
    if problems:
        raise InputError(*(line.replace("config:", f"{path}:", 1) for line in problems))
    write_text(path, text)
