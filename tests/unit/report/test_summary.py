"""The three sentences: the numbers of comparisons.json, and what is said where there are none."""

import pytest
from support.score_cases import random_case

from nuclei.report.summary import sentences
from nuclei.scoring.average_precision import score
from nuclei.scoring.comparisons import compare
from nuclei.scoring.error_file import as_csv
from nuclei.scoring.instance_scores import measure

ALL = {"value": None, "chosen_on": "", "pq": None}
LABELS = ["setting1/mask_r50", "setting1/mask_x101", "setting2/mask_r50", "setting2/mask_x101"]


@pytest.fixture(scope="module")
def run():
    """({label: scores of each seed}, comparisons) of four rows that keep more and more of their predictions."""
    truth, rows = random_case(5, images=5)
    kept = {label: rows[: len(rows) * (at + 2) // 5] for at, label in enumerate(LABELS)}
    comparisons = compare({label: [measure(truth, own, ALL, {}).statistics] for label, own in kept.items()})
    return {label: [score(truth, own)] for label, own in kept.items()}, comparisons


def test_a_compared_run(run):
    scores, comparisons = run
    first, second, third = sentences(scores, comparisons, {}, True)
    best = max(LABELS, key=lambda label: scores[label][0]["map_report"])
    one = comparisons["groups"][best]["pooled"]["ap50_100"]
    setting, model = best.split("/")
    wanted = f"is {one['value']:.4f} [{one['low']:.4f}, {one['high']:.4f}], of {model} in setting {setting[-1]}: "
    assert wanted in first
    assert f"{scores[best][0]['ceiling_report']:.4f} that no model can exceed" in first
    verdicts = [
        p["scores"]["pooled"]["ap50_100"]["verdict"] for p in comparisons["pairs"] if best in (p["first"], p["second"])
    ]
    assert f"better than {verdicts.count(best)} of the 3 other rows" in first
    assert "over test images alone: with one seed, how much trainings differ by chance is not in it" in first
    assert "with one seed" not in sentences(scores, {**comparisons, "seeds": 2}, {}, True)[0]
    pq = max(comparisons["groups"].values(), key=lambda group: group["pooled"]["pq"]["value"])["pooled"]["pq"]
    assert f"PQ {pq['value']:.4f} [{pq['low']:.4f}, {pq['high']:.4f}]" in second
    pairs = {(p["second"], p["first"]): p["scores"]["pooled"]["ap50_100"] for p in comparisons["pairs"]}
    found = [pairs[f"setting2/{model}", f"setting1/{model}"] for model in ("mask_r50", "mask_x101")]
    wanted = [f"{-one['difference']:+.4f} [{-one['high']:+.4f}, {-one['low']:+.4f}]" for one in found]
    assert third.startswith("Of the report's findings, by its own score: “Every model is better in setting 2")
    assert all(text.replace("+0.0000", "0.0000").replace("-0.0000", "0.0000") in third for text in wanted)


def test_nuclei_found_and_missed_come_first_where_the_run_is_not_about_the_report(run, tmp_path):
    truth, rows = random_case(5, images=5)
    found = {label: measure(truth, rows[: len(rows) * (at + 2) // 5], ALL, {}) for at, label in enumerate(LABELS)}
    for label, one in found.items():
        (tmp_path / f"{label[7:]}.csv".replace("/", ".")).write_text(as_csv(one.errors))
    errors = {label: tmp_path / f"{label[7:]}.csv".replace("/", ".") for label in LABELS}
    scores, comparisons = run
    count, first, second = sentences(scores, comparisons, errors, False)
    groups = {label: group["pooled"]["f1"] for label, group in comparisons["groups"].items()}
    best = max(LABELS, key=lambda label: groups[label]["value"])
    nuclei, made = len(truth["annotations"]), len(rows) * (LABELS.index(best) + 2) // 5
    right = round(groups[best]["value"] * (nuclei + made) / 2)  # of F1 = 2 TP / (nuclei + detections)
    assert groups[best]["value"] == pytest.approx(2 * right / (nuclei + made), abs=1e-12)
    setting, model = best.split("/")
    assert count.startswith(
        f"Of the {nuclei} nuclei in the 5 test images, {model} in setting {setting[-1]} found {right} and missed "
        f"{nuclei - right}; {made - right} of its {made} detections are false"
    )
    one = groups[best]
    assert f"Its F1 is {one['value']:.4f} [{one['low']:.4f}, {one['high']:.4f}], the highest of 4 rows." in count
    assert [first, second] == sentences(scores, comparisons, {}, True)[:2]
    assert sentences(scores, comparisons, errors, True)[:3] == [first, count, second]
    assert "the first seed of" in sentences(scores, {**comparisons, "seeds": 2}, errors, False)[0]


def test_two_rows_are_compared_in_words(run):
    scores, comparisons = run
    (pair,) = [pair for pair in comparisons["pairs"] if (pair["first"], pair["second"]) == (LABELS[0], LABELS[3])]
    two = {
        **comparisons,
        "pairs": [pair],
        "groups": {name: comparisons["groups"][name] for name in (LABELS[0], LABELS[3])},
    }
    texts = {LABELS[3]: "it is better than the other row", LABELS[0]: "it is not better than the other row",
             "cannot be told": "it cannot be told whether it is better than the other row"}  # fmt: skip
    for verdict, text in texts.items():
        pair["scores"]["pooled"]["ap50_100"]["verdict"] = verdict
        assert f"by the interval of the difference {text}" in sentences(scores, two, {}, False)[0]


def test_a_run_without_comparisons_says_that_nothing_can_be_told(run):
    found = sentences(run[0], None, {}, True)
    assert len(found) == 3
    assert "[" not in " ".join(found)
    assert "scoring.instances is false" in found[2]


def test_a_run_without_masks_says_what_is_there():
    truth, rows = random_case(1)
    scores = score({**truth, "annotations": []}, rows)
    first, second, third = sentences({"setting1/mask_r50": [scores]}, None, {}, False)
    assert "no test masks" in first
    assert f"{len(rows)} to {len(rows)} detections" in second
    assert "raw.test_masks" in third
