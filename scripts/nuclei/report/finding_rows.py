"""Rows of the table that judges the report's findings: each finding, by each score, on each set of predictions."""

from collections.abc import Mapping, Sequence

from nuclei.report.compared import COMPARED, ONE_SEED
from nuclei.report.table_files import TableRow, signed
from nuclei.scoring.comparison_types import Comparisons
from nuclei.scoring.epoch_types import Correlation, Correlations
from nuclei.scoring.findings import (
    EPOCHS_NUMBER,
    EPOCHS_SENTENCE,
    FINDINGS,
    HOLDS,
    UNMEASURED,
    Judged,
    Judgement,
    judge,
    judge_epochs,
)
from nuclei.scoring.names import NAMES

TITLE = "The report's findings, judged"
RUN, PUBLISHED = "this run", "published submissions"


def numbers(judged: Judged) -> str:
    """The claims behind a judgement: how many hold, and the difference of each with its interval."""
    parts = []
    for better, worse, judgement, one, sign in judged.claims:
        text = f"{better} over {worse}: {judgement}"
        if one["difference"] is not None and one["low"] is not None and one["high"] is not None:
            low, high = sorted((sign * one["low"], sign * one["high"]))
            text += f", {signed(sign * one['difference'])} [{signed(low)}, {signed(high)}]"
        parts.append(text)
    held = sum(claim[2] == HOLDS for claim in judged.claims)
    return f"{held} of {len(judged.claims)} hold. {'; '.join(parts)}" if parts else ""


def epoch_numbers(claims: Sequence[tuple[str, Judgement, Correlation]]) -> str:
    """The rank correlation of each setting behind the judgement of 3.1.2, with its interval."""
    return "; ".join(
        f"setting {setting}: rank correlation {signed(one['value'])} [{signed(one['low'])}, {signed(one['high'])}], "
        f"{one['trainings']} trainings, {one['epochs']} epochs in all: {judgement}"
        for setting, judgement, one in claims
        if one["value"] is not None and one["low"] is not None and one["high"] is not None
    )


def epoch_row(source: str, score: str, correlations: Correlations | None) -> TableRow:
    """The row of finding 3.1.2, which is about epochs of trainings, not about rows of tables.

    correlations: of the run, None where no epochs were predicted with. source: what was measured, in words.
    """
    judgement: Judgement = UNMEASURED
    text = "wants test scores of several epochs of each cell: scoring.epochs"
    if source == PUBLISHED:
        text = "one epoch of each row was published"
    elif score not in NAMES:
        text = "an epoch's validation has AP alone"
    elif correlations:
        judgement, claims = judge_epochs(correlations, score)
        text = epoch_numbers(claims) or "wants three kept epochs of a cell at least, whose scores differ"
    return {
        "finding": EPOCHS_NUMBER,
        "sentence": EPOCHS_SENTENCE,
        "measured on": source,
        "score": COMPARED[score],
        "judgement": judgement,
        "numbers": text,
    }


def finding_rows(sources: Mapping[str, Comparisons], correlations: Correlations | None = None) -> list[TableRow]:
    """A row for each finding, source and score. sources: {RUN or PUBLISHED: its comparisons}."""
    rows = [epoch_row(source, score, correlations) for source in sources for score in COMPARED]
    for finding in FINDINGS:
        for source, comparisons in sources.items():
            for score, title in COMPARED.items():
                judged = judge(finding, comparisons, score)
                rows.append(
                    {
                        "finding": finding.number,
                        "sentence": finding.sentence,
                        "measured on": source,
                        "score": title,
                        "judgement": judged.judgement,
                        "numbers": numbers(judged),
                    }
                )
    return sorted(rows, key=lambda row: str(row["finding"]))


def notes(sources: Mapping[str, Comparisons], data_note: str) -> list[str]:
    """Lines under the table. data_note: first line, or "" for none."""
    lines = [data_note] if data_note else []
    for source, comparisons in sources.items():
        lines.append(f"{source}: {comparisons['images']} images, {len(comparisons['groups'])} rows")
    return [
        *lines,
        "holds: the 95 % interval of the difference over resamples of the images lies above 0, in all claims; does not "
        "hold: it lies below 0 in one; cannot be told: neither; docs/metrics.md says how the intervals are made",
        "3.1.2: rank correlation of validation and test score over the epochs of each training, mean over trainings",
        *([ONE_SEED] if any(comparisons["seeds"] == 1 for comparisons in sources.values()) else []),
    ]
