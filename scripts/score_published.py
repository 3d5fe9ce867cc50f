"""Score the author's published submissions again: both tables "as published, re-scored"."""

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from check_answer import read_answer

from nuclei.common.progress import Progress
from nuclei.common.stage import InputError, read_json, run_stage, write_json
from nuclei.report.table_files import choose_models, model_columns, read_models, read_published, signed, write_table
from nuclei.scoring.average_precision import check_ground_truth, check_predictions, score

NO_FILE = "no file published"
AP = {cap: f"AP 0.50:0.95, {cap} detections an image" for cap in (100, 1000)}


def score_file(path, truth):
    """(scores, problem lines) of one answer_*.zip; no exception, so that the bad files are named together."""
    try:
        rows = read_answer(path)
        check_predictions(rows, truth, str(path))
        return score(truth, rows), []
    except InputError as error:
        return None, error.problems


def score_files(files, truth, threads=1):
    """{submission: scores} of {submission: answer_*.zip}; InputError names what is wrong with any of them."""
    scores, problems = {}, []
    progress = Progress("submissions", len(files), "files", every=3)
    with ProcessPoolExecutor(threads) as pool:
        for name, (found, wrong) in zip(files, pool.map(partial(score_file, truth=truth), files.values()), strict=True):
            scores[name] = found
            problems += wrong
            progress.step()
    progress.close()
    if problems:
        raise InputError(*problems)
    return scores


def table_rows(table, entries, published, scores):
    """(rows as shown, rows for the CSV) of a table; scores: {submission: scores}."""
    shown, values = [], []
    for (number, model), known in published.items():
        if number != table:
            continue
        row = {**model_columns(entries[model]), "published epoch": known["epoch"], "published mAP": known["map"]}
        found = scores.get(known["submission"])
        if found:
            difference = found["map_report"] - float(known["map"])
            file = {"file": f"answer_{known['submission']}.zip"}
            new = {"re-scored mAP": found["map_report"], "difference": difference}
            new |= {name: found[f"ap_{cap}"] for cap, name in AP.items()}
            shown.append({**row, **new, "difference": signed(difference), **file})
        else:
            reason = NO_FILE if known["submission"] is None else f"answer_{known['submission']}.zip not in the folder"
            new, file = dict.fromkeys(["re-scored mAP", "difference", *AP.values()]), {"file": reason}
            shown.append({**row, **new, **file})
        values.append({**row, **new, **file})
    return shown, values


def notes(truth, scores, published):
    """Lines under both tables."""
    limit = next(iter(scores.values()))["ceiling_report"]
    lines = [
        "published mAP: printed in the report; re-scored mAP: measured here on the author's published predictions",
        "mAP: COCO mask AP at IoU 0.50 (AP50) with at most 100 detections an image",
        f"{len(truth['images'])} test images, {len(truth['annotations'])} nuclei; with 100 detections an image no "
        f"model can exceed {limit:.4f}",
    ]
    named = {row["submission"] for row in published.values()}
    others = [f"answer_{name}.zip ({found['map_report']:.4f})" for name, found in scores.items() if name not in named]
    return [*lines, f"files of no row, with their re-scored mAP: {', '.join(others)}"] if others else lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", required=True, help="folder of answer_<submission>.zip")
    parser.add_argument("--ground-truth", required=True, help="COCO JSON of the test images with their nuclei")
    parser.add_argument("--published", required=True, help="published.tsv")
    parser.add_argument("--models-file", required=True, help="models.yaml")
    parser.add_argument("--out-dir", required=True)
    parser.add_argument("--threads", type=int, default=1, help="processes")
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
        write_json(f"{args.out_dir}/scores_{name}.json", found)
    for table in (1, 2):
        rows, values = table_rows(table, entries, published, scores)
        title = f"Table {table} as published, re-scored"
        write_table(rows, f"{args.out_dir}/table{table}", title, notes(truth, scores, published), values)


if __name__ == "__main__":
    run_stage(main)
