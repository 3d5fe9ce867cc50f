"""Rows of the table that judges the report's findings: each finding, by each score, on each set of predictions."""

from collections.abc import Mapping

from nuclei.report.compared import COMPARED
from nuclei.report.table_files import TableRow, signed
from nuclei.scoring.comparison_types import Comparisons
from nuclei.scoring.findings import FINDINGS, HOLDS, Judged, judge

TITLE = "The report's findings, judged"
# 3.1.2 is about epochs, not about rows: it needs test scores of several epochs, which are not measured
EPOCHS = ("3.1.2", "A higher validation score goes with a higher test score in setting 1, but not in setting 2.")


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


def finding_rows(sources: Mapping[str, Comparisons]) -> list[TableRow]:
    """A row for each finding, source and score. sources: {what was measured, in words: its comparisons}."""
    rows: list[TableRow] = []
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
    number, sentence = EPOCHS
    rows += [
        {
            "finding": number,
            "sentence": sentence,
            "measured on": source,
            "score": "",
            "judgement": "not measured",
            "numbers": "wants test scores of several epochs of each cell; one checkpoint per cell is predicted with",
        }
        for source in sources
    ]
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
    ]
