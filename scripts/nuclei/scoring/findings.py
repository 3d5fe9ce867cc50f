"""The report's findings as checks: each is a list of claims "this row is better than that one".

A claim is judged by the interval of the two rows' difference (nuclei.scoring.comparisons): it holds, it does not hold,
or it cannot be told. A finding holds where all of its claims hold, does not hold where one of them does not, and cannot
be told otherwise. Claims about rows that were not measured are left out, and a finding without any claim left says so.

The sentences are those of the report "VRDL Homework 3: Nuclei Segmentation" (December 2021), shortened.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from nuclei.scoring.comparison_types import UNSURE, Comparison, Comparisons, is_ensemble, label
from nuclei.scoring.epoch_types import Correlation, Correlations

Judgement = Literal["holds", "does not hold", "cannot be told", "not measured"]
HOLDS: Judgement = "holds"
FAILS: Judgement = "does not hold"
OPEN: Judgement = "cannot be told"
UNMEASURED: Judgement = "not measured"

Claims = list[tuple[str, str]]  # labels of (better, worse)
PLAIN, DEEP = "r50", "x101"
BEST = label(2, "cascade_x101")
DROPPED = "mask_r101"


@dataclass(frozen=True)
class Finding:
    """A finding of the report. number: of its section. claims: what it claims about rows with these labels."""

    number: str
    sentence: str
    claims: Callable[[Collection[str]], Claims]


def better_in_setting_2(labels: Collection[str]) -> Claims:
    """Every model is better in setting 2."""
    models = [name.removeprefix("setting1/") for name in labels if name.startswith("setting1/")]
    return [(label(2, model), label(1, model)) for model in models]


def backbones(labels: Collection[str]) -> Claims:
    """R50 beats X101 in setting 1 and X101 beats R50 in setting 2, of each method that has both."""
    methods = [name[len("setting1/") : -len(f"_{PLAIN}")] for name in labels if name.endswith(f"_{PLAIN}")]
    claims = []
    for method in dict.fromkeys(methods):
        plain, deep = f"{method}_{PLAIN}", f"{method}_{DEEP}"
        claims += [(label(1, plain), label(1, deep)), (label(2, deep), label(2, plain))]
    return claims


def best(labels: Collection[str]) -> Claims:
    """Cascade Mask R-CNN with X101 in setting 2 is better than all others."""
    return [(BEST, other) for other in labels if other != BEST]


def dropped(labels: Collection[str]) -> Claims:
    """Mask R-CNN with ResNet101 is worse than with both other backbones."""
    others = (f"mask_{PLAIN}", f"mask_{DEEP}")
    return [(label(setting, other), label(setting, DROPPED)) for setting in (1, 2) for other in others]


FINDINGS = [
    Finding("3.1.1", "Every model is better in setting 2 than in setting 1.", better_in_setting_2),
    Finding("3.1.3", "R50 beats X101 in setting 1, and X101 beats R50 in setting 2.", backbones),
    Finding("4.2", "The best model is Cascade Mask R-CNN with X101 in setting 2.", best),
    Finding("ResNet101", "The results of Mask R-CNN with ResNet101 are terrible.", dropped),
]


@dataclass(frozen=True)
class Judged:
    """A finding judged by one score. claims: (better, worse, judgement, comparison, sign) of each measured claim."""

    judgement: Judgement
    claims: list[tuple[str, str, Judgement, Comparison, int]]


def judge(finding: Finding, comparisons: Comparisons, score: str) -> Judged:
    """Judge a finding by a score of all images as one."""
    pairs: Mapping[tuple[str, str], tuple[Comparison, int]] = {
        key: (pair["scores"]["pooled"][score], sign)
        for pair in comparisons["pairs"]
        for key, sign in (((pair["first"], pair["second"]), 1), ((pair["second"], pair["first"]), -1))
    }
    claims: list[tuple[str, str, Judgement, Comparison, int]] = []
    for better, worse in finding.claims([name for name in comparisons["groups"] if not is_ensemble(name)]):
        if (better, worse) in pairs:
            one, sign = pairs[better, worse]
            claims.append((better, worse, claim_judgement(one["verdict"], better), one, sign))
    return Judged(together({claim[2] for claim in claims}), claims)


def together(found: Collection[Judgement]) -> Judgement:
    """The judgement of a finding, from those of its claims.

    >>> together({"holds", "cannot be told"}), together({"cannot be told", "does not hold"}), together({"holds"})
    ('cannot be told', 'does not hold', 'holds')
    """
    return next((one for one in (FAILS, OPEN, HOLDS) if one in found), UNMEASURED)


def claim_judgement(verdict: str, better: str) -> Judgement:
    """What a verdict on two rows says about the claim that one of them is better.

    >>> claim_judgement("a", "a"), claim_judgement("b", "a"), claim_judgement("cannot be told", "a")
    ('holds', 'does not hold', 'cannot be told')
    """
    return OPEN if verdict == UNSURE else HOLDS if verdict == better else FAILS


EPOCHS_NUMBER = "3.1.2"
EPOCHS_SENTENCE = "A higher validation score goes with a higher test score in setting 1, but not in setting 2."


def judge_epochs(correlations: Correlations, score: str) -> tuple[Judgement, list[tuple[str, Judgement, Correlation]]]:
    """Judge finding 3.1.2 by the rank correlations of a score over the epochs of the trainings.

    The claim of setting 1 holds where the interval lies above 0, the claim of setting 2 where it lies below 0; each
    does not hold where it lies on the other side. That there is no correlation at all cannot be shown by an interval
    that holds 0, so this cannot be told. Returns (judgement, [(setting, judgement of its claim, correlation)]).
    """
    claims: list[tuple[str, Judgement, Correlation]] = []
    for setting, sign in (("1", 1), ("2", -1)):
        one = correlations["by_setting"].get(setting, {}).get(score)
        if one is None or one["low"] is None or one["high"] is None:
            continue
        low, high = sorted((sign * one["low"], sign * one["high"]))
        claims.append((setting, HOLDS if low > 0 else FAILS if high < 0 else OPEN, one))
    return together({claim[1] for claim in claims}), claims
