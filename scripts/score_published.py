"""Score the predictions that the report's author published, and set the scores beside the printed ones.

It reads the author's answer_*.zip, the true nuclei of the test images (COCO JSON), published.tsv and models.yaml. It
writes scores_<submission>.json for each answer, and Tables 1 and 2 "as published, re-scored" as table1.* and table2.*
in the forms .csv, .md, .tex and .html.
"""

import argparse
from pathlib import Path

from nuclei.coco.checks import check_ground_truth
from nuclei.common.files import read_json, write_json
from nuclei.common.stage import InputError, run_stage
from nuclei.models.catalogue import choose_models, read_models
from nuclei.report.published import notes, table_rows
from nuclei.report.table_files import write_table
from nuclei.scoring.published import read_published
from nuclei.scoring.submissions import score_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", required=True, help="folder of the author's answer_<submission>.zip")
    parser.add_argument("--ground-truth", required=True, help="COCO JSON of the test images with their true nuclei")
    parser.add_argument("--published", required=True, help="published.tsv, the numbers that the report printed")
    parser.add_argument(
        "--models-file", required=True, help="models.yaml, which names what the tables show of each model"
    )
    parser.add_argument("--threads", type=int, default=1, help="how many processes work at the same time")
    parser.add_argument("--out-dir", required=True, help="folder to write scores and tables to")
    args = parser.parse_args()
    truth = read_json(args.ground_truth, "COCO JSON")
    check_ground_truth(truth, args.ground_truth)
    if not truth["annotations"]:
        raise InputError(f"{args.ground_truth}: no nuclei, wanted the test masks' annotations; set raw.test_masks.path")
    entries, published = read_models(args.models_file), read_published(args.published)
    choose_models(entries, [model for _, model in published], args.models_file)
    files = {path.stem.removeprefix("answer_"): path for path in sorted(Path(args.submissions).glob("answer_*.zip"))}
    if not files:
        raise InputError(f"{args.submissions}: no answer_*.zip found, wanted the author's; set published.submissions")
    scores = score_files(files, truth, args.threads)
    for name, found in scores.items():
        write_json(f"{args.out_dir}/scores/{name}.json", found)
    for table in (1, 2):
        rows, values = table_rows(table, entries, published, scores)
        title = f"Table {table} as published, re-scored"
        write_table(rows, f"{args.out_dir}/table{table}", title, notes(truth, scores, published), values)


if __name__ == "__main__":
    run_stage(main)
