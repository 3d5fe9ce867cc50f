"""Readers meet random bytes and damaged valid content: an InputError or a right result, nothing else, and no hang.

NUCLEI_FUZZ_CASES sets the number of cases of each reader; a failure names its case, which is seeded by that name.
"""

import copy
import io
import json
import os
import random
import shutil
import signal
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from annotate_settings import subset
from check_answer import answer_problems, read_answer
from conftest import ROOT
from damage import SIDE, row, truth
from split import given_split
from test_archive import GOOD
from test_configuration import merged

from nuclei.archive import unpack
from nuclei.configuration import check_config, read_yaml
from nuclei.raw import RawImage, image_size, read_mask, read_test_ids
from nuclei.scores import check_ground_truth, check_predictions, score
from nuclei.stage import InputError, read_json, written_by
from nuclei.tables import read_models, read_published

CASES = int(os.environ.get("NUCLEI_FUZZ_CASES", "1000"))
SECONDS = 10  # that a case may take; they take milliseconds

ODD = [
    None, True, False, 0, 1, -1, 0.5, -0.0, 2**31, 2**63, 10**40, 1e308, float("nan"), float("inf"), "", "x", "0", "1",
    "null", "é\u0301\n\ud800", "x" * 3000, "[", "../x", "1e999", "2020-13-40", [], {}, [[]], {"": {}}, [None] * 3,
]  # fmt: skip


class Hang(BaseException):
    """A case took too long."""


def places(value, found):
    """All (container, key) of a JSON value."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found.append((value, key))
        places(item, found)
    return found


def changed(value, chance):
    """A copy of a JSON value with a few keys dropped, doubled, renamed, moved, or given an odd value."""
    value = copy.deepcopy(value)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        found = places(value, [])
        if not found:
            return chance.choice(ODD)
        node, key = chance.choice(found)
        match chance.randrange(8):
            case 0:
                del node[key]
            case 1 if isinstance(node, list):
                node.insert(key, copy.deepcopy(node[key]))
            case 1:
                node[str(chance.choice(ODD))[:20]] = node.pop(key)
            case 2:
                node[key] = copy.deepcopy(chance.choice(found)[0])
            case 3:
                node[key] = [node[key]]
            case 4 if isinstance(node[key], str) and node[key]:
                at = chance.randrange(len(node[key]))
                node[key] = node[key][:at] + chance.choice("\0\n ~oO10Pé{}") + node[key][at + chance.randrange(2) :]
            case 5 if type(node[key]) in (int, float):
                node[key] = node[key] * chance.choice((-1, 0, 10**9, 1e300, 0.3)) + chance.choice((0, 1, -1))
            case _:
                node[key] = copy.deepcopy(chance.choice(ODD))
    return value


def broken(content, chance):
    """Bytes with a few of them flipped, cut off, put in, taken out or doubled; now and then only noise."""
    content = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at, size = chance.randrange(len(content) + 1), chance.choice((1, 1, 4, 30))
        match chance.randrange(7):
            case 0:
                del content[at:]
            case 1:
                content[at:at] = chance.randbytes(size)
            case 2:
                del content[at : at + size]
            case 3:
                content[at:at] = content[at : at + size]
            case 4 if chance.random() < 0.1:
                content[:] = chance.randbytes(chance.choice((0, 1, 100)))
            case 5:
                token = chance.choice((b"[", b'{"a":', b"- ", b"&a [*a]", b"\t", b"\r"))
                content[at:at] = token * chance.choice((1, 3, 400, 3000))
            case _ if content:
                content[at % len(content)] ^= 1 << chance.randrange(8)
    return bytes(content)


def json_bytes(value, chance):
    """A JSON value as damaged text: most often its structure, else its bytes."""
    if chance.random() < 0.7:
        return json.dumps(changed(value, chance)).encode()
    return broken(json.dumps(value).encode(), chance)


def fuzz(name, case):
    """Call case(chance) with a seeded random.Random for each number; see the module."""

    def late(*_):
        raise Hang

    before, refused = signal.signal(signal.SIGALRM, late), 0
    try:
        for number in range(CASES):
            signal.alarm(SECONDS)
            try:
                case(random.Random(f"{name} {number}"))
            except InputError as error:
                assert error.problems and all(len(line.splitlines()) == 1 for line in error.problems), error.problems
                refused += 1
            except (Exception, Hang) as error:
                raise AssertionError(f"case {name} {number}: {error!r:.300}") from error
            finally:
                signal.alarm(0)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert refused  # the damage reaches the reader


def png(array):
    return cv2.imencode(".png", array)[1].tobytes()


def recounted(content):
    """A PNG whose chunks' check sums are right again, so that damage gets past them."""
    at, result = 8, content[:8]
    while at + 12 <= len(content):
        size = struct.unpack(">I", content[at : at + 4])[0]
        body = content[at + 4 : at + 8 + size]
        result += content[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + size
    return result + content[at:]


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
        with written_by("mask2coco.py", "train.json"):
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
    monkeypatch.setattr("nuclei.configuration.read_yaml", lambda path: schema if "schema" in path else read_yaml(path))

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


def packed(kind):
    """An archive of the wanted files, with a link or two where it can hold them."""
    content = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in GOOD.items():
                file.writestr(name, data * 50)
        return content.getvalue()
    with tarfile.open(fileobj=content, mode=f"w:{kind}") as file:
        for name, data in GOOD.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
        for name, target, type_ in (("a", "top", tarfile.SYMTYPE), ("b", "top/test/b.png", tarfile.LNKTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = type_, target
            file.addfile(member)
    return content.getvalue()


def tar_of_right_sums(content):
    """A plain tar whose headers' check sums are right again, so that damage gets past them."""
    content = bytearray(content)
    for at in range(0, len(content) - 511, 512):
        if content[at + 257 : at + 262] == b"ustar":
            content[at + 148 : at + 156] = b" " * 8
            content[at + 148 : at + 156] = b"%06o\0 " % sum(content[at : at + 512])
    return bytes(content)


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
