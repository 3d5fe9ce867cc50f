"""Model bundles: whole, the same each time, checked against their hashes, and without code."""

import functools
import http.server
import io
import json
import shutil
import threading
import time
import zipfile

import pytest
import torch
from support.model_run import THRESHOLD, make_cell

from nuclei.common.files import sha256
from nuclei.common.stage import InputError
from nuclei.models.plain_config import read_plain_config
from nuclei.prediction import bundle_files
from nuclei.prediction.bundles import make_bundle, open_model
from nuclei.prediction.trained_model import validation_file

LICENCES = {"code": "MIT", "training images": "CC BY-NC-SA 4.0"}


@pytest.fixture(scope="module")
def model_cell(undisturbed, tmp_path_factory):
    cell = make_cell(tmp_path_factory.mktemp("model") / "run", *undisturbed)
    content = torch.load(cell / "checkpoint.pth", weights_only=True)
    torch.save({**content, "optimizer": {"state": {0: torch.ones(3)}}}, cell / "checkpoint.pth")
    return cell


@pytest.fixture(scope="module")
def bundle(model_cell, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "bundle.zip"
    assert make_bundle(model_cell, path, 0.25, LICENCES) == sha256(path)
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/nuclei/bundles"


def changed(bundle, path, **files):
    """A copy of a bundle with other contents of some members; None takes a member away."""
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(path, "w") as new:
        contents = {name: old.read(name) for name in old.namelist()}
        contents |= {name.replace("__", "."): value for name, value in files.items()}
        for name, value in contents.items():
            if value is not None:
                new.writestr(name, value)
    return path


def test_a_bundle_says_all_and_names_no_place(bundle, model_cell):
    with zipfile.ZipFile(bundle) as archive:
        assert archive.testzip() is None
        content = json.loads(archive.read("bundle.json"))
        card, config = archive.read("README.md").decode(), archive.read("config.py").decode()
        state = torch.load(io.BytesIO(archive.read("weights.pth")), weights_only=True)
        assert set(content["files"]) | {"bundle.json"} == set(archive.namelist())
        own = ("training.json", "scores.json", "instance_scores.json")  # this cell has no checkpoint.json
        assert set(content["files"]) == {"config.py", "weights.pth", "README.md", *own}
        assert all(archive.read(name) == (model_cell / name).read_bytes() for name in own)
    assert content["training"] == json.loads((model_cell / "training.json").read_text()) != {}
    assert (content["classes"], content["pixel_size_um"], content["side_px"], content["zoom"]) == (
        ["nucleus"],
        0.25,
        128,
        1,
    )
    assert [row["file_name"].split("/")[0] for row in content["training_images"]] == ["DEMO-01", "DEMO-02", "DEMO-03"]
    assert all(len(row["sha256"]) == 64 for row in content["training_images"])
    assert content["scores"] == {"map_report": 0.25, "ap_1000": 0.5, "images": 2, "nuclei": 40, "scored": True}
    assert content["score_threshold"] == THRESHOLD
    assert content["intervals"] == {
        "images": 2,
        "seeds": 1,
        "scores": {"aji": {"value": 0.5, "low": 0.4, "high": 0.6}},
    }
    assert content["licences"] == LICENCES
    assert set(state) == {"state_dict", "meta"}
    own = torch.load(model_cell / "checkpoint.pth", weights_only=True)["state_dict"]
    assert all(torch.equal(value, own[name]) for name, value in state["state_dict"].items())
    assert set(state["state_dict"]) == set(own)
    for text in (
        "0.25 µm",
        "| map_report | 0.25 |",
        "DEMO-01",
        "CC BY-NC-SA 4.0",
        "| aji | 0.5 | 0.4 | 0.6 |",
        "threshold: 0.1",
    ):
        assert text in card
    assert str(model_cell.parents[4]) not in config + json.dumps(content)
    assert "/drawn" not in config


def content_of(bundle):
    with zipfile.ZipFile(bundle) as archive:
        return json.loads(archive.read("bundle.json"))


def test_a_cell_that_the_run_did_not_compare_has_no_intervals(model_cell, tmp_path):
    run = shutil.copytree(model_cell.parents[3], tmp_path / "run")
    for part in ("cells", "data/annotations"):
        (run / part / "setting1").rename(run / part / "fold1")
    make_bundle(run / "cells/fold1/mask_r50/seed0", tmp_path / "b.zip", 0.25, LICENCES)
    assert content_of(tmp_path / "b.zip")["intervals"] == {}


def test_the_same_cell_gives_the_same_bytes(bundle, model_cell, tmp_path):
    assert make_bundle(model_cell, tmp_path / "b.zip", 0.25, LICENCES) == sha256(bundle)


def test_a_bundle_is_the_model_of_its_cell(bundle, model_cell, cache):
    from_bundle, from_cell = open_model(str(bundle)), open_model(str(model_cell))
    assert (from_bundle.zoom, from_bundle.side) == (from_cell.zoom, from_cell.side) == (1, 128)
    assert from_bundle.threshold == from_cell.threshold == THRESHOLD
    assert from_bundle.trained_on == from_cell.trained_on
    assert sorted(from_bundle.trained_on.values()) == [
        row["file_name"] for row in content_of(bundle)["training_images"]
    ]
    assert (from_bundle.pixel_size, from_cell.pixel_size) == (0.25, None)
    own, wanted = read_plain_config(from_bundle.config), read_plain_config(from_cell.config)
    assert own["model"] == wanted["model"]
    assert own["data"]["test"]["pipeline"] == wanted["data"]["test"]["pipeline"]
    assert open_model(str(bundle)) == from_bundle  # from the cache
    from_bundle.weights.write_bytes(b"changed")
    assert sha256(open_model(str(bundle)).weights) == from_bundle.weights_sha256  # unpacked anew


def test_jobs_that_start_together_do_not_take_each_others_files(bundle, cache, monkeypatch):
    whole = bundle_files.unpack

    def slowly(path, folder):
        monkeypatch.setattr(bundle_files, "unpack", whole)
        open_model(str(bundle))  # another job, from start to end
        whole(path, folder)

    monkeypatch.setattr(bundle_files, "unpack", slowly)
    assert sha256(open_model(str(bundle)).weights) == content_of(bundle)["files"]["weights.pth"]
    assert [path.name for path in cache.iterdir()] == [sha256(bundle)]


def test_the_pixel_size_is_that_of_the_training_images(model_cell, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(model_cell.parents[3], run, symlinks=True)
    cell = run / model_cell.relative_to(model_cell.parents[3])
    file = validation_file(cell).with_name("train.json")
    content = json.loads(file.read_text())
    for image, size in zip(content["images"], (0.5, 0.52), strict=False):
        image["pixel_size_um"] = size
    file.write_text(json.dumps(content))
    wanted = 0.51 if len(content["images"]) > 1 else 0.5
    assert open_model(str(cell)).pixel_size == wanted
    for given, size in ((None, wanted), (0.25, 0.25)):
        path = tmp_path / f"{given}.zip"
        make_bundle(cell, path, given, LICENCES)
        assert content_of(path)["pixel_size_um"] == open_model(str(path)).pixel_size == size
        with zipfile.ZipFile(path) as archive:
            assert f"- Pixel size of its training images: {size} µm." in archive.read("README.md").decode()


def test_an_imported_image_is_known_by_its_file_and_by_its_colours(model_cell, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(model_cell.parents[3], run, symlinks=True)
    cell = run / model_cell.relative_to(model_cell.parents[3])
    rows = [
        {"set": "train", "id": "DEMO-01", "pixels_sha256": "a" * 64},
        {"set": "train", "id": "DEMO-02"},  # as it was written before
        {"set": "test", "id": "DEMO-03", "pixels_sha256": "b" * 64},
    ]
    (run / "data/imported.json").write_text(json.dumps({"images": rows}))
    make_bundle(cell, tmp_path / "b.zip", None, LICENCES)
    for model in (open_model(str(cell)), open_model(str(tmp_path / "b.zip"))):
        assert len(model.trained_on) == 4
        assert model.trained_on["a" * 64] == "DEMO-01/images/DEMO-01.png"


def test_the_windows_of_the_run_are_those_of_cell_bundle_and_card(model_cell, bundle, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(model_cell.parents[3], run, symlinks=True)
    cell = run / model_cell.relative_to(model_cell.parents[3])
    looks = {"window": 64, "overlap": 24, "views": 1}
    (run / "manifest.json").write_text(json.dumps({"config": {"inference": looks}}))
    make_bundle(cell, tmp_path / "b.zip", None, LICENCES)
    for model in (open_model(str(cell)), open_model(str(tmp_path / "b.zip"))):
        assert (model.zoom, model.side, model.overlap) == (2, 64, 24)  # 128 px for a window of 64
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        card = archive.read("README.md").decode()
    assert "- It saw windows of 64 px that overlap by 24 px, enlarged 2 times." in card
    (run / "manifest.json").write_text(json.dumps({"config": {"inference": {**looks, "window": None}}}))
    assert (open_model(str(cell)).side, open_model(str(cell)).overlap) == (128, None)
    content = content_of(bundle)
    del content["overlap_px"]  # as bundles were made before
    old = changed(bundle, tmp_path / "old.zip", bundle__json=json.dumps(content).encode())
    assert (open_model(str(old)).side, open_model(str(old)).overlap) == (128, None)
    (run / "manifest.json").write_text(json.dumps({"config": {"inference": "x"}}))
    with pytest.raises(InputError, match="manifest.json: other content found"):
        open_model(str(cell))


def test_a_bundle_comes_by_url_with_its_hash(bundle, cache):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=bundle.parent)
    handler.log_message = lambda *arguments: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/bundle.zip"
        assert open_model(f"{url}#sha256={sha256(bundle)}").side == 128
        with pytest.raises(InputError, match=f"SHA-256 is {sha256(bundle)}, wanted 0{{64}}"):
            open_model(f"{url}#sha256={'0' * 64}")
        server.shutdown()
    assert open_model(f"{url}#sha256={sha256(bundle)}").side == 128  # without the server, from the cache
    assert not list(cache.glob("*.part"))
    with pytest.raises(InputError, match="a URL without #sha256="):
        open_model(url)


def test_what_is_no_whole_bundle_is_refused(bundle, tmp_path, cache):
    with zipfile.ZipFile(bundle) as archive:
        content = json.loads(archive.read("bundle.json"))
    cases = [
        (changed(bundle, tmp_path / "a.zip", config__py=b"model = dict()"), "config.py has another SHA-256"),
        (changed(bundle, tmp_path / "b.zip", weights__pth=None), "weights.pth is missing"),
        (changed(bundle, tmp_path / "c.zip", extra__py=b"x"), "extra.py is not named by bundle.json"),
        (changed(bundle, tmp_path / "d.zip", bundle__json=b"{}"), "no bundle.json of format 1"),
        (changed(bundle, tmp_path / "e.zip", bundle__json=json.dumps(content | {"format": 2})), "no bundle.json of"),
        (tmp_path / "gone.zip", "cannot be read"),
        (changed(bundle, tmp_path / "f.zip", bundle__json=None), "no bundle.json of format 1"),
    ]
    (tmp_path / "g.zip").write_bytes(bundle.read_bytes()[:5000])
    cases.append((tmp_path / "g.zip", "no zip file"))
    with zipfile.ZipFile(tmp_path / "h.zip", "w") as archive:
        archive.writestr("../out", b"")
    cases.append((tmp_path / "h.zip", "leaves the target folder"))
    for path, said in cases:
        with pytest.raises(InputError, match=said):
            open_model(str(path))
    assert not cache.exists() or list(cache.iterdir()) == []


def rehashed(bundle, path, name, value):
    """A bundle with another member whose hash is right."""
    import hashlib

    with zipfile.ZipFile(bundle) as archive:
        content = json.loads(archive.read("bundle.json"))
    content["files"][name] = hashlib.sha256(value).hexdigest()
    return changed(bundle, path, **{name.replace(".", "__"): value, "bundle__json": json.dumps(content).encode()})


def test_a_bundle_with_code_runs_none(bundle, tmp_path):
    spy = tmp_path / "ran"
    code = f"model = dict()\ndata = dict()\nopen({str(spy)!r}, 'w')\n".encode()
    with pytest.raises(InputError, match="wanted values alone"):
        open_model(str(rehashed(bundle, tmp_path / "a.zip", "config.py", code)))
    assert not spy.exists()


def test_weights_with_objects_are_refused(bundle, tmp_path):
    from nuclei.prediction.trained_weights import load_weights

    buffer = io.BytesIO()
    torch.save({"state_dict": {}, "meta": time.struct_time(range(9))}, buffer)
    model = open_model(str(rehashed(bundle, tmp_path / "a.zip", "weights.pth", buffer.getvalue())))
    with pytest.raises(InputError, match="holds Python objects"):
        load_weights(torch.nn.Linear(1, 1), model.weights)


def test_a_cell_without_its_files_is_named(tmp_path):
    cell = tmp_path / "run/cells/setting1/mask_r50/seed0"
    cell.mkdir(parents=True)
    with pytest.raises(InputError) as caught:
        open_model(str(cell))
    names = [problem.split(":")[0].removeprefix(f"{tmp_path}/run/") for problem in caught.value.problems]
    assert names == [
        "cells/setting1/mask_r50/seed0/config.py",
        "cells/setting1/mask_r50/seed0/checkpoint.pth",
        "data/annotations/setting1/train.json",
        "data/annotations/setting1/validation.json",
    ]
