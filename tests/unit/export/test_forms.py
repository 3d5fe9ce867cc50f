"""Each form of output, read again by a reader that this project does not write it with."""

import csv
import json
import uuid
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import shapely
import tifffile
import zarr
from numcodecs import Blosc
from pycocotools.coco import COCO
from skimage.measure import regionprops

from nuclei.data.image_files import OrdinaryImage
from nuclei.export import labels, overlay
from nuclei.export.forms import FORMS, files_of, write_forms
from nuclei.export.measurements import measure
from nuclei.prediction.instances import Nucleus

HEIGHT, WIDTH, SIZE = 150, 210, 0.5


@pytest.fixture(scope="module")
def scene():
    """(image, nuclei, label image): nuclei of random places and scores, which overlap; the surest are on top."""
    random = np.random.default_rng(0)
    image = OrdinaryImage(Path("a \"b' ü.png"), random.integers(1, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), SIZE)
    nuclei, wanted = [], np.zeros((HEIGHT, WIDTH), int)
    for score in random.permutation(40) / 40 + 0.01:
        high, wide = random.integers(3, 25, 2)
        mask = random.random((high, wide)) < 0.97
        mask[0, 0] = mask[-1, -1] = True
        x, y = int(random.integers(WIDTH - wide)), int(random.integers(HEIGHT - high))
        nuclei.append(measure(Nucleus(float(score), None, mask, x, y), image.pixels))
    for nucleus in sorted(nuclei, key=lambda nucleus: nucleus.score):
        left, top, right, bottom = nucleus.extent
        wanted[top:bottom, left:right][nucleus.mask] = nuclei.index(nucleus) + 1
    return image, nuclei, wanted


@pytest.fixture(scope="module")
def written(scene, tmp_path_factory):
    """{form: path} of every form, in small chunks and several batches, so that nuclei lie in several of both."""
    image, nuclei, _ = scene
    folder = tmp_path_factory.mktemp("written")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labels, "CHUNK", 64)
        count = write_forms(folder, image, [nuclei[:25], [], nuclei[25:]], 60, list(FORMS))
    assert count == 40
    paths = dict(zip(FORMS, files_of(folder, image.path, FORMS), strict=True))
    assert sorted(folder.iterdir()) == sorted(paths.values())
    return paths


def test_geojson_holds_a_valid_detection_for_each_nucleus(scene, written):
    _, nuclei, _ = scene
    content = json.loads(written["geojson"].read_text(encoding="utf-8"))
    assert content["type"] == "FeatureCollection"
    assert len({uuid.UUID(feature["id"]) for feature in content["features"]}) == 40
    for number, (nucleus, feature) in enumerate(zip(nuclei, content["features"], strict=True), 1):
        area = shapely.geometry.shape(feature["geometry"])
        assert shapely.is_valid(area)
        assert area.area == nucleus.mask.sum()
        assert area.bounds == tuple(nucleus.extent)
        properties = feature["properties"]
        assert (properties["objectType"], properties["classification"]["name"]) == ("detection", "nucleus")
        measured = properties["measurements"]
        assert measured["Number"] == number
        assert measured["Area µm^2"] == pytest.approx(nucleus.mask.sum() * SIZE**2)
        assert all(isinstance(value, int | float) for value in measured.values())


def test_each_form_names_the_class_of_each_nucleus(scene, tmp_path):
    image, nuclei, _ = scene
    names = ["rund é", "long one", 'the "other", third']
    classed = [replace(nucleus, category=1 + number % 3) for number, nucleus in enumerate(nuclei)]
    wanted = [names[number % 3] for number in range(len(nuclei))]
    forms = ["geojson", "coco", "table", "labels"]
    assert write_forms(tmp_path, image, [classed[:7], classed[7:]], 60, forms, names) == len(nuclei)
    paths = dict(zip(forms, files_of(tmp_path, image.path, forms), strict=True))
    features = json.loads(paths["geojson"].read_text(encoding="utf-8"))["features"]
    assert [row["properties"]["classification"]["name"] for row in features] == wanted
    colours = {(row["properties"]["classification"]["name"], *row["properties"]["classification"]["color"]) for row in
               features}  # fmt: skip
    assert len(colours) == len({colour[1:] for colour in colours}) == 3
    coco = json.loads(paths["coco"].read_text(encoding="utf-8"))
    kinds = {row["id"]: row["name"] for row in coco["categories"]}
    assert kinds == dict(enumerate(names, 1))
    assert [kinds[row["category_id"]] for row in coco["annotations"]] == wanted
    assert coco["images"][0]["pixel_size_um"] == SIZE
    with paths["table"].open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["class"] for row in table] == wanted
    assert set(np.unique(tifffile.imread(paths["labels"]))) - {0} <= {int(row["number"]) for row in table}


def test_the_label_tiff_holds_the_surest_nucleus_at_each_pixel(scene, written):
    with tifffile.TiffFile(written["labels"]) as file:
        assert file.is_ome
        (series,) = file.series
        assert (series.axes, series.dtype, len(series.levels)) == ("YX", np.uint16, 3)
        assert np.array_equal(series.asarray(), scene[2])
        assert np.array_equal(series.levels[1].asarray(), scene[2][::2, ::2])
        assert f'PhysicalSizeX="{SIZE}" PhysicalSizeXUnit="µm"' in file.ome_metadata
    assert np.array_equal(cv2.imread(str(written["labels"]), cv2.IMREAD_UNCHANGED), scene[2])
    for nucleus in regionprops(scene[2]):  # every number is that of the table
        assert nucleus.label in range(1, 41)


def by_hand(array):
    """The pixels of a Zarr 2 array, read from its files: the specification, without the library zarr."""
    about = json.loads((array / ".zarray").read_text())
    assert about["zarr_format"] == 2
    chunks, found = about["chunks"], np.zeros(about["shape"], about["dtype"])
    for place in np.ndindex(*(-(-side // chunk) for side, chunk in zip(about["shape"], chunks, strict=True))):
        file = array / about["dimension_separator"].join(map(str, place))
        if file.is_file():
            block = np.frombuffer(Blosc().decode(file.read_bytes()), about["dtype"]).reshape(chunks)
            part = tuple(slice(k * c, (k + 1) * c) for k, c in zip(place, chunks, strict=True))
            found[part] = block[tuple(slice(0, side) for side in found[part].shape)]
    return found


def test_ome_zarr_holds_the_image_and_its_labels(scene, written):
    image, _, wanted = scene
    root = written["zarr"]
    about = json.loads((root / ".zattrs").read_text())["multiscales"][0]
    assert about["version"] == "0.4"
    assert [axis["name"] for axis in about["axes"]] == ["c", "y", "x"]
    assert [level["path"] for level in about["datasets"]] == ["0", "1", "2"]
    assert about["datasets"][1]["coordinateTransformations"] == [{"type": "scale", "scale": [1, 2 * SIZE, 2 * SIZE]}]
    assert np.array_equal(by_hand(root / "0"), np.moveaxis(image.pixels[..., ::-1], 2, 0))
    assert json.loads((root / "labels/.zattrs").read_text()) == {"labels": ["nuclei"]}
    own = json.loads((root / "labels/nuclei/.zattrs").read_text())
    assert own["image-label"]["source"] == {"image": "../../"}
    assert len(own["multiscales"][0]["datasets"]) == 3
    assert np.array_equal(by_hand(root / "labels/nuclei/0"), wanted)
    assert np.array_equal(by_hand(root / "labels/nuclei/1"), wanted[::2, ::2])
    assert np.array_equal(zarr.open_group(root, mode="r")["labels/nuclei/0"][:], wanted)


def test_coco_json_is_read_by_pycocotools_and_loses_nothing(scene, written, capsys):
    image, nuclei, _ = scene
    coco = COCO(written["coco"])
    (row,) = coco.loadImgs(coco.getImgIds())
    assert (row["file_name"], row["height"], row["width"]) == (image.path.name, HEIGHT, WIDTH)
    rows = coco.loadAnns(coco.getAnnIds())
    for nucleus, row in zip(nuclei, rows, strict=True):
        whole = np.zeros((HEIGHT, WIDTH), bool)
        left, top, right, bottom = nucleus.extent
        whole[top:bottom, left:right] = nucleus.mask
        assert np.array_equal(coco.annToMask(row), whole)
        assert row["area"] == whole.sum()
        assert row["bbox"] == [left, top, right - left, bottom - top]
        assert row["score"] == pytest.approx(nucleus.score)


def test_the_table_has_a_row_for_each_nucleus(scene, written):
    with written["table"].open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["number"]) for row in rows] == list(range(1, 41))
    for nucleus, row in zip(scene[1], rows, strict=True):
        assert float(row["area_px"]) == nucleus.mask.sum()
        assert float(row["area_um2"]) == pytest.approx(nucleus.mask.sum() * SIZE**2)
        assert float(row["score"]) == pytest.approx(nucleus.score, abs=1e-4)
        y, x = np.nonzero(nucleus.mask)
        assert float(row["x_um"]) == pytest.approx((nucleus.x + x.mean() + 0.5) * SIZE, abs=1e-3)


@pytest.mark.parametrize("longest", [4096, 100])
def test_the_overlay_shows_outlines_where_the_nuclei_end(tmp_path, monkeypatch, longest):
    monkeypatch.setattr(overlay, "LONGEST", longest)
    image = OrdinaryImage(Path("grey.png"), np.full((200, 300, 3), 128, np.uint8))
    mask = np.ones((60, 90), bool)
    mask[20:40, 30:60] = False
    nucleus = measure(Nucleus(0.5, None, mask, 30, 90), image.pixels)
    write_forms(tmp_path, image, [[nucleus]], 1, ["overlay"])
    picture = cv2.imread(str(tmp_path / "grey.overlay.jpg"))
    scale = min(1, longest / 300)
    assert picture.shape == (round(200 * scale), round(300 * scale), 3)
    y, x = (np.mgrid[: picture.shape[0], : picture.shape[1]] + 0.5) / scale  # in px of the image
    edges = shapely.box(30, 90, 120, 150).boundary.union(shapely.box(60, 110, 90, 130).boundary)
    away = shapely.distance(edges, shapely.points(x, y)) * scale
    marked = np.abs(picture.astype(int) - 128).max(2) > 60
    assert marked[away <= 0.5].mean() > 0.45  # a line of 1 px lies on one side of the edge
    assert not marked[away > 2].any()


def test_ids_are_the_same_again_and_others_for_another_image(scene, tmp_path):
    image, nuclei, _ = scene
    other = OrdinaryImage(Path("other.png"), image.pixels)
    ids = []
    for at, picture in enumerate((image, image, other)):
        write_forms(tmp_path / str(at), picture, [nuclei], 40, ["geojson"])
        (file,) = (tmp_path / str(at)).iterdir()
        ids.append([feature["id"] for feature in json.loads(file.read_text(encoding="utf-8"))["features"]])
    assert ids[0] == ids[1]
    assert not set(ids[0]) & set(ids[2])


def test_the_same_nuclei_give_the_same_bytes(scene, tmp_path):
    image, nuclei, _ = scene
    found = []
    for at in range(2):
        write_forms(tmp_path / str(at), image, [nuclei], 40, list(FORMS))
        files = sorted(path for path in (tmp_path / str(at)).rglob("*") if path.is_file())
        found.append({path.relative_to(tmp_path / str(at)): path.read_bytes() for path in files})
    assert len(found[0]) > len(FORMS)
    assert found[0] == found[1]


def test_an_error_leaves_no_file(scene, tmp_path):
    image, nuclei, _ = scene

    def batches():
        yield nuclei[:5]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_forms(tmp_path, image, batches(), 40, list(FORMS))
    assert list(tmp_path.iterdir()) == []


def test_an_image_without_nuclei_gives_empty_files(scene, tmp_path):
    write_forms(tmp_path, scene[0], [], 0, list(FORMS))
    found = dict(zip(FORMS, files_of(tmp_path, scene[0].path, FORMS), strict=True))
    assert json.loads(found["geojson"].read_text()) == {"type": "FeatureCollection", "features": []}
    assert json.loads(found["coco"].read_text())["annotations"] == []
    assert not tifffile.imread(found["labels"]).any()
    assert len(found["table"].read_text().splitlines()) == 1


def test_grey_images_have_no_stains_and_dark_ones_are_shown_brighter(scene, tmp_path):
    image, nuclei, _ = scene
    dark = image.pixels // 16 + 3  # 3 to 18
    grey = np.repeat(image.pixels[..., :1], 3, axis=2)
    for name, pixels, stained in (("colours", image.pixels, True), ("dark", dark, False), ("grey", grey, False)):
        found = OrdinaryImage(Path(f"{name}.png"), pixels)
        write_forms(tmp_path, found, [[]] if name == "dark" else [nuclei], 60, ["table", "geojson", "overlay"])
        with (tmp_path / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            columns = next(csv.reader(file))
        assert ("hematoxylin_od" in columns, "dab_od" in columns, "score" in columns) == (stained, stained, True)
        text = (tmp_path / f"{name}.geojson").read_text(encoding="utf-8")
        assert ("Hematoxylin: OD mean" in text) is stained
    low, high = np.percentile(dark, (0.1, 99.9))
    wanted = np.clip((dark - low) / (high - low) * 255, 0, 255)
    assert np.abs(cv2.imread(str(tmp_path / "dark.overlay.jpg")) - wanted).mean() < 10
    bright = np.abs(cv2.imread(str(tmp_path / "grey.overlay.jpg"))[..., 2].astype(int) - grey[..., 2])
    assert np.median(bright) < 10  # as it is, but for the outlines
