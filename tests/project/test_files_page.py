"""docs/files.md describes every declared output of the workflow, and every key of the files that it makes."""

import csv
import json
import re
from pathlib import Path

import pytest
from conftest import ROOT
from draw_map import ask, plans
from support.pages import codes, key_paths, rows, section, text_of, unknown_key_paths

from nuclei.data.conversion import convert
from nuclei.data.conversion_loss import compare
from nuclei.data.raw_check import check
from nuclei.data.raw_layout import read_layout
from nuclei.prediction.answers import answer
from nuclei.scoring.average_precision import score

PAGE = text_of("docs/files.md")
KEPT = sorted(ROOT.glob("results/20*"))


def pattern(path):
    """Regular expression of a path of the page."""
    shapes = {"<cell>": r"(?:setting[12]|fold\d+)/[^/]+/seed\d+", "<ensemble>": "setting[12]/[^/]+", "<n>": r"\d+"}
    found = ""
    for part in re.split(r"(<\w+>|\{[^}]+\})", path):
        if part.startswith("<"):
            found += shapes.get(part, "[^/]+")
        elif part.startswith("{"):
            found += f"(?:{'|'.join(map(re.escape, part[1:-1].split(',')))})"
        else:
            found += re.escape(part)
    return found


def described():
    """[(regular expression of a path, rules)] of the page's two lists of files."""
    found = []
    for heading, folder in (("Results: `results/<run>/`", "results/<run>/"), ("On the way: `work/`", "")):
        for files, rule, *_ in rows(section(PAGE, heading)):
            found += [(pattern(folder + file), codes(rule) or [rule]) for file in codes(files)]
    return found


def declared():
    """[(path, rule)] of every output that the workflow declares, with every step that the config can ask for."""
    found = set()
    for config in plans().values():
        lines = ask("--summary", config=config).splitlines()
        at = {name: number for number, name in enumerate(lines[0].split("\t"))}
        found |= {(row[at["output_file"]], row[at["rule"]]) for row in (line.split("\t") for line in lines[1:])}
    return sorted(found)


def test_every_declared_output_is_described_with_its_rule():
    page, outputs, used, wrong = described(), declared(), set(), []
    assert {"work/weights/mask_r50.pth", "results/map/tables/ensembles.csv"} <= {path for path, _ in outputs}
    for path, rule in outputs:
        fitting = [(shape, rules) for shape, rules in page if re.fullmatch(shape, path)]
        used |= {shape for shape, _ in fitting}
        if len(fitting) != 1 or rule not in fitting[0][1]:
            wrong.append(f"{path} of {rule}: {fitting}")
    assert wrong == []
    others = [shape for shape, rules in page if shape not in used and rules != ["none"]]
    # what the page says is no declared output, or one of a config that no plan has
    undeclared = ["logs/", r"work/[^/]+/cells/", "bundle"]
    assert [shape for shape in others if not any(name in shape for name in undeclared)] == []


@pytest.mark.parametrize("run", [run for run in KEPT if (run / "cells").is_dir()], ids=lambda run: run.name)
def test_every_kept_result_is_described(run):
    names = [path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()]
    shapes = [shape for shape, _ in described()]
    kept = [name for name in names if name != "README.md" and "/checkpoints/" not in name]
    assert [name for name in kept if not any(re.fullmatch(s, f"results/{run.name}/{name}") for s in shapes)] == []


def test_a_key_that_the_page_lacks_is_found():
    assert unknown_key_paths({"scored", "per_image[].ap_100", "per_image[].aji", "new"}, "scores.json") == [
        "new",
        "per_image[].aji",
    ]
    assert unknown_key_paths(
        {"converters.exact.iou_mean", "converters.exact.iou_least"}, "data/conversion_loss.json"
    ) == ["converters.exact.iou_least"]


def read(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def kept(name):
    found = [path for run in KEPT for path in run.rglob(name)]
    assert found, name
    return found


@pytest.mark.parametrize("name", ["scores.json", "training.json", "checkpoint.json"])
def test_keys_of_the_kept_results_of_a_cell(name):
    assert unknown_key_paths({path for file in kept(name) for path in key_paths(read(file))}, name) == []


def test_keys_of_the_kept_manifests():
    for file in kept("manifest.json"):
        content = read(file)
        assert (
            unknown_key_paths(
                {path for cell in content.pop("cells").values() for path in key_paths(cell)}, "training.json"
            )
            == []
        )
        entries = {key for entry in content.pop("files").values() for key in entry}
        content["config"] = content["environment"]["packages"] = None  # their keys are the config's and the packages'
        found = {*key_paths(content), "cells", "files", *(f"files.<path>.{key}" for key in entries)}
        assert unknown_key_paths(found, "manifest.json") == []


@pytest.mark.parametrize(("name", "delimiter"), [("epochs.tsv", "\t"), ("cells.csv", ",")])
def test_columns_of_the_kept_tables_of_cells(name, delimiter):
    for file in kept(name):
        with file.open(newline="", encoding="utf-8") as handle:
            assert unknown_key_paths(set(next(csv.reader(handle, delimiter=delimiter))), name) == []


def test_columns_of_the_kept_tables():
    for file in [path for run in KEPT for path in run.rglob("table*.csv")]:
        with file.open(newline="", encoding="utf-8") as handle:
            assert unknown_key_paths(set(next(csv.reader(handle))), "Tables") == []


def test_keys_of_the_kept_data():
    old = {f"expected{count}" for count in ("", ".train", ".test", ".setting1_train", ".setting1_validation")}
    for name in ("raw.json", "split.json", "conversion_loss.json"):
        found = {path for file in kept(name) for path in key_paths(read(file))}
        assert unknown_key_paths(found - old, f"data/{name}") == []  # old: of the first run, today in `comparison`


def log_keys(file):
    return {key for line in file.read_text().splitlines() for key in json.loads(line)}


def test_keys_of_the_kept_logs():
    assert unknown_key_paths({key for file in kept("log.jsonl") for key in log_keys(file)}, "log.jsonl") == []


def test_keys_of_what_the_code_writes_today(drawn):
    dataset, masks = drawn / "dataset", drawn / "test_masks"
    split = {"train": ["DEMO-01", "DEMO-02"], "validation": ["DEMO-03"]}
    result = check(dataset, masks, expected={"train": 1, "test": 1}, split=split)
    assert unknown_key_paths(set(key_paths(result)), "data/raw.json") == []
    images = [image for image in read_layout(dataset)[0] if image.set == "train"]
    contents = [convert(images, method, "polygon") for method in ("exact", "imantics")]
    contents[1]["info"]["dropped"] += [{"image": "", "mask": "", "nucleus_dropped": True, "reason": ""}]
    assert unknown_key_paths(set(key_paths(contents + [convert(images, "exact", "rle")])), "COCO annotations") == []
    assert unknown_key_paths(set(key_paths(compare(images, contents))), "data/conversion_loss.json") == []
    truth = convert(images, "exact", "rle")
    found = [{**row, "score": 0.5} for row in truth["annotations"]]
    assert unknown_key_paths(set(key_paths(score(truth, found))), "scores.json") == []
    assert unknown_key_paths(set(key_paths(answer(found))), "predictions.json and answer.json") == []


def test_keys_of_what_a_training_writes_today(undisturbed):
    _, out = undisturbed
    assert unknown_key_paths(set(key_paths(read(out / "training.json"))), "training.json") == []
    assert unknown_key_paths(log_keys(out / "log.jsonl"), "log.jsonl") == []
    assert unknown_key_paths(set((out / "epochs.tsv").read_text().splitlines()[0].split("\t")), "epochs.tsv") == []
