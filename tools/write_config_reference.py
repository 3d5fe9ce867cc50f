"""The tables of config/README.md, made from config/schema.yaml; the text around them is written by hand."""

import argparse
from pathlib import Path

import library  # noqa: F401 - lets the library be found
from nuclei.common.documents import read_yaml
from nuclei.common.files import write_text
from nuclei.common.stage import InputError, run_stage
from nuclei.workflow.reference import fill, lacking, list_keys, reference_lines, wrong_defaults


def reference(page: str, path: str, schema: dict, config: dict) -> str:
    """The page at `path` with its tables made anew.

    schema, config: content of schema.yaml and config.yaml. InputError for keys that lack a text or have another default
    than config.yaml, and where the page has no place for a table.
    """
    keys = {name: list(list_keys(schema[name])) for name in ("config", "models", "cards")}
    problems = [line for found in keys.values() for line in lacking(found)] + wrong_defaults(keys["config"], config)
    if problems:
        raise InputError(*problems)
    for name, found in keys.items():
        page = fill(page, name, reference_lines(found), path)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schema", default="config/schema.yaml")
    parser.add_argument("--config", default="config/config.yaml")
    parser.add_argument("--page", default="config/README.md", help="the page that holds the tables, changed in place")
    args = parser.parse_args()
    page = Path(args.page).read_text(encoding="utf-8")
    write_text(args.page, reference(page, args.page, read_yaml(args.schema), read_yaml(args.config)))


if __name__ == "__main__":
    run_stage(main)
