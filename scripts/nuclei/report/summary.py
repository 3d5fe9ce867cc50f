"""What a run found, in some sentences, with intervals where they are known."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from nuclei.common.stage import written_by
from nuclei.report.compared import COMPARED
from nuclei.report.table_files import signed
from nuclei.scoring.comparison_types import UNSURE, Comparison, Comparisons, Estimate
from nuclei.scoring.error_file import read_errors
from nuclei.scoring.findings import FINDINGS, HOLDS, UNMEASURED, judge
from nuclei.scoring.types import Scores

MAP = "ap50_100"  # the report's metric
UNCAPPED = [name for name in COMPARED if name != MAP]


def named(label: str) -> str:
    """A row's label in words.

    >>> named("setting2/mask_r50")
    'mask_r50 in setting 2'
    """
    setting, _, model = label.partition("/")
    return f"{model} in setting {setting.removeprefix('setting')}"


def interval(low: float | None, high: float | None) -> str:
    """A 95 % interval in brackets, nothing where it is not known."""
    return "" if low is None or high is None else f" [{low:.4f}, {high:.4f}]"


def difference(one: Comparison, sign: int) -> str:
    """A difference with its interval; sign -1 turns it round."""
    if one["difference"] is None or one["low"] is None or one["high"] is None:
        return "not known"
    low, high = sorted((sign * one["low"], sign * one["high"]))
    return f"{signed(sign * one['difference'])} [{signed(low)}, {signed(high)}]"


def highest(comparisons: Comparisons, score: str) -> tuple[str, Estimate] | None:
    """(label, estimate) of the row of highest score; None where no row has one."""
    groups = {label: group["pooled"][score] for label, group in comparisons["groups"].items()}
    return max(
        ((label, one) for label, one in groups.items() if one["value"] is not None),
        key=lambda item: item[1]["value"] or 0.0,
        default=None,
    )


def verdicts(comparisons: Comparisons, label: str, score: str) -> str:
    """How many other rows a row is better than, by the intervals, in words."""
    found = [
        pair["scores"]["pooled"][score]["verdict"]
        for pair in comparisons["pairs"]
        if label in (pair["first"], pair["second"])
    ]
    if not found:
        return "there is no other row to compare it with"
    better, unsure = found.count(label), found.count(UNSURE)
    if len(found) == 1:
        text = "by the interval of the difference " + (
            "it cannot be told whether it is better than the other row"
            if unsure
            else f"it is {'' if better else 'not '}better than the other row"
        )
    else:
        text = f"by the intervals of the differences it is better than {better} of the {len(found)} other rows"
        text = f"{text}, and for {unsure} it cannot be told" if unsure else text
    alone = " (over test images alone: with one seed, how much trainings differ by chance is not in it)"
    return text + alone if comparisons["seeds"] == 1 else text


def counted_sentences(comparisons: Comparisons, scores: Scores, errors: Mapping[str, Path | str]) -> list[str]:
    """The sentence that says how many nuclei are found, of the row of highest F1; none where errors are not known.

    errors: {label: errors.csv}, of the first seed. A match is one of F1: IoU of 0.5 or more, no cap.
    """
    best = highest(comparisons, "f1")
    if not best or best[0] not in errors:
        return []
    label, one = best
    with written_by("score_instances.py", errors[label]):
        rows = read_errors(errors[label])
    nuclei, made = ([row["kind"] for row in rows if row["what"] == what] for what in ("nucleus", "detection"))
    right = nuclei.count("matched")
    who = named(label) if comparisons["seeds"] == 1 else f"the first seed of {named(label)}"
    whatever = ", whatever their class" if "classes" in scores else ""
    seeds = "" if comparisons["seeds"] == 1 else f", the mean over {comparisons['seeds']} seeds,"
    rest = "" if len(comparisons["groups"]) == 1 else f", the highest of {len(comparisons['groups'])} rows"
    false = len(made) - right
    return [
        f"Of the {len(nuclei):,} nuclei in the {scores['images']} test images{whatever}, {who} found {right:,} and "
        f"missed {len(nuclei) - right:,}; {false:,} of its {len(made):,} detections are false (found: an IoU of 0.5 or "
        f"more; detections: from the score threshold on). Its F1{seeds} is {one['value']:.4f}"
        f"{interval(one['low'], one['high'])}{rest}."
    ]


def finding_sentence(comparisons: Comparisons) -> str:
    """What the report's own score says of the report's findings."""
    parts = []
    for finding in FINDINGS:
        judged = judge(finding, comparisons, MAP)
        if judged.judgement == UNMEASURED:
            continue
        held = sum(claim[2] == HOLDS for claim in judged.claims)
        known = [claim for claim in judged.claims if claim[3]["difference"] is not None]
        known.sort(key=lambda claim: claim[4] * (claim[3]["difference"] or 0.0))
        ends = dict.fromkeys(difference(claim[3], claim[4]) for claim in (known[:1] + known[-1:]))
        span = f"; differences: {' to '.join(ends)}" if known else ""
        sentence = finding.sentence.rstrip(".")
        parts.append(f"“{sentence}” {judged.judgement} ({held} of {len(judged.claims)} comparisons hold{span})")
    if not parts:
        return "None of the report's findings can be judged: this run has too few of the rows that they are about."
    return f"Of the report's findings, by its own score: {'; '.join(parts)}."


def compared_sentences(comparisons: Comparisons, scores: Scores) -> list[str]:
    """Two sentences of a run whose rows were compared. scores: of any cell, for what was scored."""
    best = highest(comparisons, MAP)
    if best is None:
        return ["No row has a score."]
    label, one = best
    ceiling = scores["ceiling_report"] or 0.0
    share = f"{100 * (one['value'] or 0.0) / ceiling:.0f} % of" if ceiling else "against"
    first = (
        f"The highest mAP (AP50 with at most 100 detections per image) is {one['value']:.4f}"
        f"{interval(one['low'], one['high'])}, of {named(label)}: {share} the {ceiling:.4f} that no model can "
        f"exceed on these {scores['images']} test images with {scores['nuclei']:,} nuclei; "
        f"{verdicts(comparisons, label, MAP)}."
    )
    parts = []
    for score in UNCAPPED:
        top = highest(comparisons, score)
        if top:
            value = f"{top[1]['value']:.4f}{interval(top[1]['low'], top[1]['high'])}"
            parts.append(f"{COMPARED[score]} {value} ({named(top[0])})")
    second = f"By scores that count every nucleus, the highest are {', '.join(parts)}." if parts else ""
    return [first, *([second] if second else [])]


def scored_sentences(values: Mapping[str, float], scores: Scores) -> list[str]:
    """Three sentences of a run that has scores and no comparisons. values: {label: mAP}, with seeds their mean."""
    order = sorted(values, key=lambda label: -values[label])
    ceiling = scores["ceiling_report"] or 0.0
    share = (
        f": {100 * values[order[0]] / ceiling:.0f} % of the {ceiling:.4f} that no model can exceed" if ceiling else ""
    )
    unsure = (
        "Intervals and comparisons take all nuclei for one class, so they are not shown beside this score, which is "
        "the mean over the classes."
        if "classes" in scores
        else "Whether such a difference is more than chance cannot be told: this run was scored without intervals, "
        "since scoring.instances is false in its config."
    )
    return [
        f"The highest mAP (AP50 with at most 100 detections per image) is {values[order[0]]:.4f}, of {named(order[0])}"
        f"{share} on these {scores['images']} test images with {scores['nuclei']:,} nuclei.",
        f"The lowest of the {len(order)} rows is {values[order[-1]]:.4f}, of {named(order[-1])}.",
        unsure,
    ]


def unscored_sentences(scores: Sequence[Scores]) -> list[str]:
    """Three sentences of a run without test masks. scores: of each cell."""
    counts = sorted(one["predictions"] for one in scores)
    return [
        f"There are no test masks, so nothing is scored: the {scores[0]['images']} test images stand below with what "
        "each cell found in them.",
        f"{len(scores)} cells made {counts[0]:,} to {counts[-1]:,} detections each; the viewer shows the 100 surest of "
        "each image.",
        "To score them, give the masks of the test images as raw.test_masks, and run again: no training is repeated.",
    ]


def sentences(
    cells: Mapping[str, Sequence[Scores]],
    comparisons: Comparisons | None,
    errors: Mapping[str, Path | str],
    reported: bool,
) -> list[str]:
    """The sentences at the top of the page. cells: {label: scores of each seed}; empty: nothing was trained.

    errors: {label: errors.csv of the first seed}. reported: whether the run is about the report's findings. If so the
    report's score comes first, else what is found and what is missed.
    """
    every = [one for found in cells.values() for one in found]
    if not every:
        return ["This run has no cells."]
    if not every[0]["scored"]:
        return unscored_sentences(every)
    compared = comparisons if comparisons and comparisons["scored"] else None
    counts = counted_sentences(compared, every[0], errors) if compared else []
    if compared and "classes" not in every[0]:
        first, *rest = compared_sentences(compared, every[0])
        return [first, *counts, *rest, finding_sentence(compared)] if reported else [*counts, first, *rest]
    values = {label: sum(one["map_report"] or 0.0 for one in found) / len(found) for label, found in cells.items()}
    return [*counts, *scored_sentences(values, every[0])]
