"""Readers meet random bytes and damaged valid content: an InputError or a right result, nothing else, and no hang.

NUCLEI_FUZZ_CASES sets the number of cases of each reader; a failure names its case, which is seeded by that name.
"""

import copy
import io
import json
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from conftest import ROOT
from support.damage import SIDE, row, truth
from support.fuzzing import (
    Serial,
    broken,
    changed,
    disturb,
    fuzz,
    json_bytes,
    packed,
    png,
    recounted,
    small_data_set,
    tar_of_right_sums,
)
from support.merged_config import merged

from nuclei.coco.checks import check_ground_truth, check_predictions
from nuclei.common.archives import unpack
from nuclei.common.documents import read_yaml
from nuclei.common.files import read_json
from nuclei.common.stage import InputError, written_by
from nuclei.data.masks import image_size, read_mask
from nuclei.data.raw_check import check
from nuclei.data.raw_layout import RawImage, read_test_ids
from nuclei.data.settings import subset
from nuclei.data.splits import given_split
from nuclei.models.catalogue import read_models
from nuclei.prediction.answers import answer_problems, read_answer
from nuclei.scoring.average_precision import score
from nuclei.scoring.published import read_published
from nuclei.workflow.configuration import check_config


@pytest.mark.parametrize("sums", ["as they are", "made right again"])
def test_masks(tmp_path, sums):
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[20:60, 30:50] = 255
    whole, path = png(mask), tmp_path / "m.png"

    def case(chance):
        content = broken(whole, chance)
        path.write_bytes(content if sums == "as they are" else recounted(content))
        found = read_mask(path, (SIDE, SIDE))
        assert found.dtype == bool and found.shape == (SIDE, SIDE) and found.any()
        assert sums != "as they are" or (found == (mask > 0)).all()

    fuzz(f"masks {sums}", case)


def test_images(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    path = tmp_path / "i.png"

    def case(chance):
        content = broken(png(noise), chance)
        path.write_bytes(recounted(content) if chance.random() < 0.5 else content)
        assert min(image_size(RawImage("train", "i", path))) > 0

    fuzz("images", case)


def test_folders(tmp_path, monkeypatch):
    monkeypatch.setattr("nuclei.data.raw_check.ProcessPoolExecutor", Serial)
    monkeypatch.setattr("nuclei.data.raw_check.Progress", lambda *_: SimpleNamespace(step=id, close=dict))
    folder = tmp_path / "raw"

    def case(chance):
        shutil.rmtree(folder, ignore_errors=True)
        small_data_set(folder)
        for _ in range(chance.choice((1, 2, 4))):
            disturb(folder, chance)
        masks = folder / "test_masks" if chance.random() < 0.8 else None
        found = check(folder / "dataset", masks, chance.random() < 0.5)
        json.dumps(found).encode()
        files = [path.relative_to(folder) for path in folder.glob("dataset/train/*/masks/*") if path.is_file()]
        shown = [path for path in files if not any(part.startswith(".") for part in path.parts)]
        met = [path for form in ("train/*", "train/*/masks/*", "test/*") for path in folder.glob(f"dataset/{form}")]
        seen = [path for path in met if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
        assert all(path.exists() and path.name.isprintable() for path in seen)
        assert found["counts"]["train"] == sum(path.suffix.lower() == ".png" for path in shown)
        assert sum(row["set"] == "test" for row in found["images"]) == len(list(folder.glob("dataset/test/[!.]*.png")))

    fuzz("folders", case)


def test_test_ids(tmp_path):
    rows = [{"file_name": f"{n}.png", "height": SIDE, "width": SIDE, "id": n} for n in (1, 2)]

    def case(chance):
        (tmp_path / "ids.json").write_bytes(json_bytes(rows, chance))
        problems = []
        found = read_test_ids(tmp_path / "ids.json", problems)
        if problems:
            raise InputError(*problems)
        assert found and all(type(number) is int for values in found.values() for number in values)

    fuzz("test ids", case)


@pytest.mark.parametrize("form", ["json", "zip"])
def test_answers(tmp_path, form):
    rows, path = [row(), row(image_id=2, bbox=[1.5, 2, 3, 4])], tmp_path / f"answer.{form}"

    def case(chance):
        content = json_bytes(rows, chance)
        if form == "zip":
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", chance.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))) as file:
                file.writestr("answer.json", content)
            content = broken(packed.getvalue(), chance)
        path.write_bytes(content)
        problems, _ = answer_problems(read_answer(path), {1: (SIDE, SIDE), 2: (SIDE, SIDE)}, str(path))
        if problems:
            raise InputError(*problems)

    fuzz(f"answers {form}", case)


@pytest.mark.filterwarnings("error")  # the scorer warns where it may count wrongly
def test_scores(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    truth([row(image_id=1), row(image_id=1, score=0.1)])
    right, rows = read_json("truth.json"), read_json("p.json")
    polygon = {**right["annotations"][0], "id": 2, "segmentation": [[1, 1, 9, 1, 9.5, 9], [3, 3, 8, 3, 3, 8]]}
    right["annotations"].append(polygon)

    def case(chance):
        which = chance.randrange(2)
        Path("truth.json").write_bytes(json_bytes(right, chance) if which else json.dumps(right).encode())
        Path("p.json").write_bytes(json.dumps(rows).encode() if which else json_bytes(rows, chance))
        content, found = read_json("truth.json"), read_json("p.json")
        check_ground_truth(content, "truth.json")
        check_predictions(found, content, "p.json")
        value = score(content, found)["map_report"]
        assert value is None or 0 <= value <= 1

    fuzz("scores", case)


def test_settings_annotations(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    truth()
    content = read_json("truth.json")
    content["images"] = [{"id": n, "file_name": f"{id_}/images/{id_}.png"} for n, id_ in enumerate("ab", 1)]
    content["info"] = {"dropped": [{"image": "a"}]}

    def case(chance):
        Path("train.json").write_bytes(json_bytes(content, chance))
        found = read_json("train.json")
        with written_by("convert_train.py", "train.json"):
            assert len(subset(found, {"a"})["images"]) <= len(found["images"])

    fuzz("settings", case)


def test_splits(tmp_path):
    split = {"train": ["a", "b", "é f"], "validation": ["c", "d-1"]}

    def case(chance):
        text = yaml.safe_dump(changed(split, chance)) if chance.random() < 0.5 else yaml.safe_dump(split)
        content = text.encode(errors="replace")
        (tmp_path / "s.yaml").write_bytes(broken(content, chance) if chance.random() < 0.7 else content)
        found = given_split([*split["train"], *split["validation"]], read_yaml(tmp_path / "s.yaml"), "s.yaml")
        assert found == {half: sorted(ids) for half, ids in found.items()}
        assert sorted(found["train"] + found["validation"]) == sorted(split["train"] + split["validation"])

    fuzz("splits", case)


def test_configs(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    right, models = merged("demo"), (ROOT / "config/models.yaml").read_bytes()
    schema = read_yaml("config/schema.yaml")
    monkeypatch.setattr(
        "nuclei.workflow.configuration.read_yaml", lambda path: schema if "schema" in path else read_yaml(path)
    )

    def case(chance):
        config, path = right, "config/models.yaml"
        if chance.random() < 0.7:
            config = changed(right, chance)
            config = config if isinstance(config, dict) else {}  # Snakemake takes no other
        else:
            path = str(tmp_path / "models.yaml")
            Path(path).write_bytes(broken(models, chance))
        check_config(copy.deepcopy(config), path, "config/schema.yaml")
        assert read_models(path)

    fuzz("configs", case)


def test_tables_files(tmp_path):
    sources = ((read_models, "config/models.yaml"), (read_published, "config/published.tsv"))
    contents = [(reader, (ROOT / file).read_bytes()) for reader, file in sources]

    def case(chance):
        reader, content = chance.choice(contents)
        (tmp_path / "file").write_bytes(broken(content, chance))
        assert isinstance(reader(tmp_path / "file"), dict)

    fuzz("tables", case)


@pytest.mark.parametrize("opening", ["[", '{"a": ', "- "])
@pytest.mark.parametrize("reader", [read_json, read_yaml, read_models, read_answer, read_published])
def test_nesting_without_end(tmp_path, reader, opening):
    (tmp_path / "file.json").write_text(opening * 100_000)
    with pytest.raises(InputError, match="file.json: "):
        reader(tmp_path / "file.json")


@pytest.mark.parametrize("kind", ["", "gz", "xz", "bz2", "zip"])
def test_archives(tmp_path, kind):
    archive, target, whole = tmp_path / "raw.tar", tmp_path / "deep/target", packed(kind)

    def case(chance):
        shutil.rmtree(tmp_path / "deep", ignore_errors=True)
        target.mkdir(parents=True)
        content = broken(whole, chance)
        archive.write_bytes(tar_of_right_sums(content) if not kind and chance.random() < 0.8 else content)
        try:
            unpack(archive, target)
        finally:
            assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "raw.tar"]
            assert [path.name for path in (tmp_path / "deep").iterdir()] == ["target"]
            assert all(path.resolve().is_relative_to(target.resolve()) for path in target.rglob("*"))

    fuzz(f"archives {kind}", case)
