"""Make the tables of a cross-validation: the scores of each fold, and their means over the folds with intervals.

It reads fold<n>.json of each fold, scores.json and checkpoint.json of each fold's cells, and their instance_scores.json
where there are any. It writes fold_scores.* (a row for each model and fold) and folds.* (a row for each model) as CSV,
Markdown, LaTeX and HTML.
"""

import argparse
from pathlib import Path

from nuclei.common.files import read_json
from nuclei.common.stage import run_stage, written_by
from nuclei.models.catalogue import choose_models, read_models
from nuclei.report.cells import by_cell, by_setting, read_cells
from nuclei.report.folds import FoldCells, fold_rows, mean_rows, notes
from nuclei.report.table_files import write_table

SCRIPT = "what score_instances.py writes"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", nargs="+", required=True, help="fold<n>.json of each fold")
    parser.add_argument(
        "--scores", nargs="+", required=True, help="scores.json of each cell, by fold, then model, then seed"
    )
    parser.add_argument("--choices", nargs="+", required=True, help="checkpoint.json of each cell, in the same order")
    parser.add_argument("--instances", nargs="+", help="instance_scores.json of each cell, in the same order")
    parser.add_argument("--models-file", required=True, help="models.yaml, which names the first columns")
    parser.add_argument("--models", nargs="+", required=True, help="names of the models, in the order of the files")
    parser.add_argument("--seeds", nargs="+", type=int, required=True, help="seeds, in the order of the files")
    parser.add_argument("--data-note", default="", help="text of the first line under each table")
    parser.add_argument("--out-dir", required=True, help="folder to write the tables to")
    args = parser.parse_args()
    entries = read_models(args.models_file)
    names = [Path(path).stem for path in args.folds]
    scores, choices, instances = (
        by_setting(names, args.models, args.seeds, paths, f"--{option}") if paths else {}
        for option, paths in (("scores", args.scores), ("choices", args.choices), ("instances", args.instances))
    )
    found: dict[str, list[FoldCells]] = {name: [] for name in choose_models(entries, args.models, args.models_file)}
    for name, path in zip(names, args.folds, strict=True):
        with written_by("make_folds.py", path):
            groups = list(read_json(path)["groups"])
        cells = read_cells(args.models, args.seeds, scores=scores[name], choice=choices[name])
        own = by_cell(args.models, args.seeds, instances[name], "--instances") if instances else {}
        for model in found:
            beyond = [read_json(own[model, seed], SCRIPT) for seed in args.seeds] if own else []
            found[model].append(FoldCells(name, groups, cells[model], beyond))
    lines = notes(found, args.data_note)
    with written_by("score_instances.py", (args.instances or args.scores)[0]):
        tables = {"folds": mean_rows(entries, found), "fold_scores": fold_rows(entries, found)}
    titles = {"folds": "Cross-validation: means over the folds", "fold_scores": "Cross-validation: each fold"}
    for table, (shown, values) in tables.items():
        write_table(shown, f"{args.out_dir}/{table}", titles[table], lines, values)


if __name__ == "__main__":
    run_stage(main)
