"""Rows of the tables of scores beyond AP, and the lines under them; docs/metrics.md defines every score.

A row stands for a model in a setting. With several seeds a number is the mean over them. entries are those of
models.yaml; found is {(setting, model): [content of instance_scores.json of each seed]}.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from nuclei.models.catalogue import model_columns
from nuclei.report.compared import COMPARED, ONE_SEED
from nuclei.report.steps import near, next_step
from nuclei.report.table_files import NOT_SCORED, UNKNOWN, TableRow, Value, signed
from nuclei.scoring.board import NUCLEI, place
from nuclei.scoring.comparison_types import UNSURE, Comparisons, is_ensemble, label
from nuclei.scoring.error_kinds import DETECTION_KINDS, LARGE, NUCLEUS_KINDS, SMALL
from nuclei.workflow.types import ModelEntry

Found = Mapping[tuple[int, str], Sequence[Mapping[str, Any]]]
Rows = tuple[list[TableRow], list[TableRow]]

COLUMNS = {
    "ap_all": "AP 0.50:0.95",
    "ar_all": "AR",
    "aji": "AJI",
    "aji_plus": "AJI+",
    "pq": "PQ",
    "dq": "DQ",
    "sq": "SQ",
    "dice_pixels": "Dice, pixels",
    "dice_matched": "Dice, matched",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "bowl": "DSB score",
}


def average(values: Sequence[float | None]) -> float | None:
    """Mean over seeds; None where one has no value."""
    known = [value for value in values if value is not None]
    return statistics.mean(known) if values and len(known) == len(values) else None


def shown(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """A score with its interval, as people read it."""
    if value is None:
        return NOT_SCORED
    return f"{value:.4f}" + (f" [{low:.4f}, {high:.4f}]" if low is not None and high is not None else "")


def first_columns(entries: Mapping[str, ModelEntry], setting: int, model: str) -> TableRow:
    """The columns that say which row it is. model: its name, or an ensemble's as ensemble_row gives it."""
    if is_ensemble(label(setting, model)):
        return {"model": model, "backbone": "", "multiscale": "", "lr schd": "", "setting": str(setting)}
    return {**model_columns(entries[model]), "setting": str(setting)}


def staircase_rows(
    entries: Mapping[str, ModelEntry], found: Found, comparisons: Comparisons, board: Sequence[float]
) -> Rows:
    """The report's metric with its ceiling and steps; the interval of the metric says whether the next step is near.

    board: scores of the first places of the competition's board.
    """
    rows: list[TableRow] = []
    values: list[TableRow] = []
    for (setting, model), seeds in found.items():
        if not all(one["scored"] for one in seeds):
            rows.append({**first_columns(entries, setting, model), "mAP [interval]": NOT_SCORED})
            continue
        stairs = [one["staircase"] for one in seeds]
        own = comparisons["groups"][label(setting, model)]["pooled"]
        value: TableRow = {"mAP": average([one["score"] for one in stairs])}
        value |= {"low": own["ap50_100"]["low"], "high": own["ap50_100"]["high"]}
        value |= {name: average([one[key] for one in stairs]) for key, name in STAIRS.items()}
        value["right of counted"] = ", ".join(f"{one['right']}/{one['counted']}" for one in stairs)
        step = next_step(value["mAP"])
        value |= {"next step": step, "step in interval": near(step, own["ap50_100"]["high"])}
        if seeds[0]["nuclei"] == NUCLEI:
            value["place on the board"] = place([one["score"] for one in stairs], board)
        head = first_columns(entries, setting, model)
        row: TableRow = {"mAP [interval]": shown(value["mAP"], value["low"], value["high"])}  # type: ignore[arg-type]
        rest = {key: one for key, one in value.items() if key not in ("mAP", "low", "high")}
        rows.append({**head, **row, **rest, "gain of one": _signed(value["gain of one"])})
        values.append({**head, **value})
    return rows, values or rows


STAIRS = {
    "ceiling": "ceiling",
    "share": "mAP / ceiling",
    "highest": "highest with these",
    "missing": "missing for the next step",
    "gain_of_step": "gain of the step",
    "gain_of_one": "gain of one",
}


def _signed(value: Value) -> Value:
    """A gain with its sign."""
    return signed(value) if isinstance(value, float) else value


def instance_rows(entries: Mapping[str, ModelEntry], found: Found, comparisons: Comparisons) -> Rows:
    """Scores of segmentations, two rows for each model and setting: of all images as one, and the mean over images."""
    rows: list[TableRow] = []
    values: list[TableRow] = []
    for (setting, model), seeds in found.items():
        head = first_columns(entries, setting, model)
        if not all(one["scored"] for one in seeds):
            rows.append({**head, "over": NOT_SCORED})
            continue
        head["threshold"] = average([one["threshold"]["value"] for one in seeds])
        own = comparisons["groups"][label(setting, model)]
        for form, over in (("pooled", "all images as one"), ("mean", "mean over images")):
            row: TableRow = {**head, "over": over}
            value = dict(row)
            for key, name in COLUMNS.items():
                one = own[form][key]
                row[name] = shown(one["value"], one["low"], one["high"])
                value |= {name: one["value"], f"{name} low": one["low"], f"{name} high": one["high"]}
            row["ECE"] = value["ECE"] = average([one["calibration"]["ece"] for one in seeds])
            rows.append(row)
            values.append(value)
    return rows, values or rows


def organ_rows(entries: Mapping[str, ModelEntry], found: Found) -> Rows:
    """Scores by organ, of the organ's images as one."""
    rows: list[TableRow] = []
    for (setting, model), seeds in found.items():
        for organ in seeds[0].get("organs", {}):
            parts = [one["organs"][organ] for one in seeds]
            row = first_columns(entries, setting, model)
            row |= {"organ": organ, "images": parts[0]["images"], "nuclei": parts[0]["nuclei"]}
            row["right of counted"] = ", ".join(
                f"{part['staircase']['right']}/{part['staircase']['counted']}" for part in parts if part["staircase"]
            )
            for key in ("ap_all", "aji", "aji_plus", "pq", "f1", "precision", "recall"):
                row[COLUMNS[key]] = average([part["scores"][key]["pooled"] for part in parts])
            rows.append(row)
    none: TableRow = {"model": "", "backbone": "", "multiscale": "", "lr schd": "", "organ": UNKNOWN}
    return rows or [none], rows or [none]


def error_table_rows(entries: Mapping[str, ModelEntry], found: Found) -> Rows:
    """What became of the nuclei, by their size, crowding and place, and what the detections are."""
    rows: list[TableRow] = []
    for (setting, model), seeds in found.items():
        counted: list[dict[str, Any]] = [one.get("errors", {}) for one in seeds]
        nuclei = [one.get("nucleus", {}) for one in counted]
        for group in GROUPS:
            parts = [one.get(group, {}) for one in nuclei]
            row = {**first_columns(entries, setting, model), "nuclei": group}
            row["number"] = average([sum(part.values()) for part in parts])
            row |= {kind: average([part.get(kind, 0) for part in parts]) for kind in NUCLEUS_KINDS}
            if group == "all":
                whole = [one.get("detection", {}).get("all", {}) for one in counted]
                row |= {
                    f"detections {kind}": average([part.get(kind, 0) for part in whole]) for kind in DETECTION_KINDS[1:]
                }
            else:
                row |= dict.fromkeys(f"detections {kind}" for kind in DETECTION_KINDS[1:])
            rows.append(row)
    plain: list[TableRow] = [
        {key: as_count(value) if isinstance(value, float | int) else value for key, value in row.items()}
        for row in rows
    ]
    return plain, rows


COSTS = {
    "placed": "badly placed",
    "duplicate": "duplicates",
    "background": "background",
    "missed": "missed",
    "false_positives": "all wrong detections",
    "false_negatives": "all nuclei not found",
}


def error_share_rows(entries: Mapping[str, ModelEntry], found: Found) -> Rows:
    """What each kind of error costs of AP50, beside how many nuclei and detections are of which kind."""
    rows: list[TableRow] = []
    values: list[TableRow] = []
    for (setting, model), seeds in found.items():
        head = first_columns(entries, setting, model)
        if not all(one["scored"] for one in seeds):
            rows.append({**head, "AP50": NOT_SCORED})
            continue
        shares = [one["error_shares"] for one in seeds]
        counted = {what: [one["errors"].get(what, {}).get("all", {}) for one in seeds] for what in KINDS}
        numbers: TableRow = {
            name if what == "nucleus" else f"detections {name}": average([part.get(name, 0) for part in counted[what]])
            for what, kinds in KINDS.items()
            for name in kinds
        }
        ap50 = average([one["ap50"] for one in shares])
        row: TableRow = {**head, "nuclei": seeds[0]["nuclei"], **{key: as_count(one) for key, one in numbers.items()}}
        row["AP50"] = shown(ap50)
        value: TableRow = {**head, "nuclei": seeds[0]["nuclei"], **numbers, "AP50": ap50}
        for kind, name in COSTS.items():
            gain = average([one["gains"][kind] for one in shares])
            number = average([one["counts"][kind] for one in shares])
            row[f"costs: {name}"] = f"{signed(gain or 0.0)} ({as_count(number)})"
            value |= {f"costs: {name}": gain, f"number: {name}": number}
        rows.append(row)
        values.append(value)
    return rows, values or rows


def as_count(number: Value) -> str:
    """A count; with several seeds the mean of their counts."""
    return f"{number:g}" if isinstance(number, float | int) else ""


KINDS = {"nucleus": NUCLEUS_KINDS, "detection": DETECTION_KINDS[1:]}
GROUPS = ("all", "small", "medium", "large", "crowded", "alone", "border", "inside")


def comparison_rows(comparisons: Comparisons) -> Rows:
    """Every two rows compared in the scores of COMPARED, of all images as one."""
    rows: list[TableRow] = []
    values: list[TableRow] = []
    for pair in comparisons["pairs"]:
        row: TableRow = {"first": pair["first"], "second": pair["second"]}
        value = dict(row)
        for key, name in COMPARED.items():
            one = pair["scores"]["pooled"][key]
            row[name] = "" if one["difference"] is None else signed(one["difference"])
            ends = (one["low"], one["high"])
            row[name] = f"{row[name]} [{signed(ends[0])}, {signed(ends[1])}]" if None not in ends else row[name]  # type: ignore[arg-type]
            row[f"better in {key}"] = one["verdict"]
            value |= {f"{key} {part}": one[part] for part in PARTS}  # type: ignore[literal-required]
        rows.append(row)
        values.append(value)
    none: TableRow = {"first": "", "second": "", "what": NOT_SCORED if not comparisons["scored"] else "one row alone"}
    return rows or [none], values or [none]


def all_rows(
    entries: Mapping[str, ModelEntry], found: Found, comparisons: Comparisons, board: Sequence[float]
) -> dict[str, Rows]:
    """{table: (rows as shown, rows for the CSV)} of TABLES; board: as for staircase_rows."""
    return {
        "staircase": staircase_rows(entries, found, comparisons, board),
        "instances": instance_rows(entries, found, comparisons),
        "organs": organ_rows(entries, found),
        "error_shares": error_share_rows(entries, found),
        "errors": error_table_rows(entries, found),
        "comparisons": comparison_rows(comparisons),
    }


BOARD = "place on the board: among the first ten of 84 teams of the competition, of the best and the worst seed"
PARTS = ("difference", "low", "high", "p", "p_holm", "least", "most", "verdict")


def notes(found: Found, comparisons: Comparisons, data_note: str) -> dict[str, list[str]]:
    """{table: lines under it}. data_note: first line of each, or "" for none."""
    first = next(iter(found.values()))
    scores = first[0]
    head = [data_note] if data_note else []
    if not scores["scored"]:
        return dict.fromkeys(TABLES, [*head, f"{scores['images']} test images without masks: {NOT_SCORED}"])
    head.append(f"{scores['images']} test images, {scores['nuclei']} nuclei; seeds: {len(first)}; docs/metrics.md")
    if "classes" in scores:
        head.append(f"all nuclei as one class, whatever they are: {', '.join(scores['classes'])}")
    drawn = "all" if comparisons["exact"] else "random"
    sure = (
        f"[…]: 95 % interval over {drawn} resamples of the {comparisons['images']} images ({comparisons['resamples']})"
    )
    limits = f"{sure}; with so few images it is rather too narrow than too wide"
    chosen = sorted({one["threshold"]["chosen_on"] for seeds in found.values() for one in seeds})
    threshold = [
        f"threshold: detections count from this score on; chosen for the largest mean PQ of {text}" for text in chosen
    ]
    return {
        "staircase": [
            *head,
            limits,
            "mAP: COCO mask AP at IoU 0.50 with at most 100 detections per image; it moves in steps of 1/101",
            "right of counted: right ones among the 100 surest detections of each image; highest with these: the "
            "largest mAP that so many right ones can have; missing: right ones that the next step asks for beyond "
            "these, and what the step adds; gain of one: what the mAP gains if its surest wrong detection were right",
            "step in interval: whether the interval reaches the next step, so that the step may be chance",
            *([BOARD] if scores["nuclei"] == NUCLEI else []),
        ],
        "instances": [
            *head,
            limits,
            *threshold,
            "AP, AR, ECE: all detections, no cap; AJI, AJI+, PQ, DQ, SQ, Dice, DSB score: overlaps removed, a pixel "
            "goes to the surest detection; PQ, DQ, SQ, Dice of matched: IoU > 0.50; DSB score: IoU > 0.50 to 0.95; F1, "
            "precision, recall: IoU >= 0.50, overlaps not removed",
        ],
        "organs": [*head, *threshold, "all images of the organ as one; one or two images per organ say little of it"],
        "error_shares": [
            *head,
            *threshold,
            "matched to detections false: counts from the threshold on, as in the table of errors; with several seeds "
            "their mean",
            "AP50: IoU >= 0.50, all detections of all images as one, no cap; costs: what AP50 gains if all errors of "
            "the kind are taken away, and in brackets how many there are among all detections, also those below the "
            "threshold (Bolya et al., TIDE, ECCV 2020); badly placed: IoU from 0.10 to 0.50, its nucleus is no missed "
            "one; missed: no detection would take it; costs do not add up, since errors hide each other",
        ],
        "errors": [
            *head,
            *threshold,
            f"nuclei: small: below {SMALL} px, large: from {LARGE} px on; crowded: touching another nucleus; border: "
            "at the border of the image; IoU >= 0.50, overlaps not removed; errors.csv of each cell lists them all",
        ],
        "comparisons": [
            *head,
            limits,
            f"first minus second; '{UNSURE}' where the interval holds 0",
            *([ONE_SEED] if comparisons["seeds"] == 1 else []),
            "the CSV has p values too: two-sided, by sign flips of whole images (p), corrected by Holm over all pairs "
            "(p_holm); least, most: the difference with one image left out; comparisons.json has all other scores",
        ],
    }


TABLES = ("staircase", "instances", "organs", "error_shares", "errors", "comparisons")
TITLES = {
    "staircase": "mAP: ceiling, steps, and how sure it is",
    "instances": "Scores of whole segmentations",
    "organs": "Scores by organ",
    "error_shares": "Errors: how many, and what each kind costs",
    "errors": "Errors by kind: nuclei by size, crowding and place, and detections",
    "comparisons": "Which is better: every two rows",
}
