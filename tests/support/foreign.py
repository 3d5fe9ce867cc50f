"""Small data sets as other programs write them, all of the same images with the same nuclei.

Each nucleus is drawn twice by hand: as its outline along pixel edges and as the rectangles that it consists of.
"""

import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import roifile
import tifffile
from pycocotools import mask as coco_mask

WIDTH, HEIGHT = 40, 30
NAMES = ("001", "é b", "x (2)", "z")  # leading zeros, another script, spaces
# outline (x, y) along pixel edges; rectangles (left, top, right, bottom), right and bottom exclusive
SQUARE = ([(2, 3), (9, 3), (9, 8), (2, 8)], [(2, 3, 9, 8)])
ELL = ([(12, 4), (16, 4), (16, 10), (24, 10), (24, 14), (12, 14)], [(12, 4, 16, 14), (16, 10, 24, 14)])
CORNER = ([(33, 20), (40, 20), (40, 30), (33, 30)], [(33, 20, 40, 30)])  # at the border of the image
NUCLEI = {"001": [SQUARE, ELL], "é b": [ELL, CORNER, SQUARE], "x (2)": [], "z": [CORNER]}
IDS = (7, 300, 12)  # of labels: gaps, no order


def mask(nucleus):
    """The mask of a nucleus: bool, height x width."""
    found = np.zeros((HEIGHT, WIDTH), bool)
    for left, top, right, bottom in nucleus[1]:
        found[top:bottom, left:right] = True
    return found


def masks():
    """{image: its masks}, what every reader has to find."""
    return {name: [mask(nucleus) for nucleus in nuclei] for name, nuclei in NUCLEI.items()}


def picture(number):
    """An image: uint8, height x width x 3 (RGB)."""
    return np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def write_png(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", array[..., ::-1] if array.ndim == 3 else array)[1].tobytes())


def pictures(folder, ending="png"):
    """Write the images; returns {name: path}."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{name}.{ending}" for name in NAMES}
    for number, path in enumerate(paths.values()):
        if ending == "png":
            write_png(path, picture(number))
        else:
            tifffile.imwrite(path, picture(number), photometric="rgb", compression="packbits")
    return paths


def labels(name, dtype=np.uint16):
    found = np.zeros((HEIGHT, WIDTH), dtype)
    for id_, nucleus in zip(IDS, NUCLEI[name], strict=False):
        found[mask(nucleus)] = id_
    return found


def write_labels(folder, form):
    pictures(folder / "images")
    (folder / "labels").mkdir()
    for name in NAMES:
        path = folder / "labels" / name
        match form:
            case "png":
                write_png(path.with_name(f"{name}.png"), labels(name))
            case "npy":
                np.save(path.with_name(f"{name}.npy"), labels(name, np.int32))
            case "big-endian":
                tifffile.imwrite(path.with_name(f"{name}.tif"), labels(name, np.uint32), byteorder=">")
            case "float":
                tifffile.imwrite(path.with_name(f"{name}.tif"), labels(name, np.float64), compression="lzw")


def write_suffixes(folder):
    for name in pictures(folder, "tif"):
        tifffile.imwrite(folder / f"{name}_cp_masks.tif", labels(name))


def write_masks(folder):
    for number, name in enumerate(NAMES):
        write_png(folder / "stage1_train" / name / "images" / f"{name}.png", picture(number))
        (folder / "stage1_train" / name / "masks").mkdir()
        for count, nucleus in enumerate(NUCLEI[name]):
            write_png(folder / "stage1_train" / name / f"masks/{count}.png", mask(nucleus).astype(np.uint8) * 255)


def write_xml(folder):
    pictures(folder / "Tissue Images", "tif")
    (folder / "Annotations").mkdir()
    for name in NAMES:
        regions = ["".join(f'<Vertex X="{x + 0.5}" Y="{y + 0.5}"/>' for x, y in outline) for outline, _ in NUCLEI[name]]
        text = "".join(f'<Region Id="{n}"><Vertices>{region}</Vertices></Region>' for n, region in enumerate(regions))
        text = f'<Annotations MicronsPerPixel="0.25"><Annotation><Regions>{text}</Regions></Annotation></Annotations>'
        (folder / "Annotations" / f"{name}.xml").write_text(text, encoding="utf-8")


def runs(found):
    """Uncompressed run lengths, column by column, the first of 0."""
    flat = found.T.ravel()
    ends = [*(np.flatnonzero(np.diff(flat.astype(np.int8))) + 1).tolist(), flat.size]
    lengths = np.diff([0, *ends]).tolist()
    return [0, *lengths] if flat[0] else lengths


def segmentation(nucleus, form):
    if form == "polygon":
        return [[value for point in nucleus[0] for value in point]]
    if form == "runs":
        return {"size": [HEIGHT, WIDTH], "counts": runs(mask(nucleus))}
    code = coco_mask.encode(np.asfortranarray(mask(nucleus).astype(np.uint8)))
    return {"size": [HEIGHT, WIDTH], "counts": code["counts"].decode()}


def coco(form):
    """COCO JSON with ids in no order, an unused parent category 0, and three categories in use."""
    numbers = {name: 900 - 7 * number for number, name in enumerate(NAMES)}
    rows = [
        {
            "id": 5000 - 11 * number - 100 * numbers[name],
            "image_id": numbers[name],
            "category_id": 4 + number,
            "iscrowd": 0,
            "segmentation": segmentation(nucleus, form),
        }
        for name in NAMES
        for number, nucleus in enumerate(NUCLEI[name])
    ]
    images = [
        {"id": number, "file_name": f"{name}.png", "width": WIDTH, "height": HEIGHT} for name, number in numbers.items()
    ]
    kinds = [{"id": 0, "name": "cells"}, *({"id": 4 + n, "name": name} for n, name in enumerate("abc"))]
    return {"images": images[::-1], "annotations": rows, "categories": kinds}


def write_coco(folder, form):
    pictures(folder / "train")
    (folder / "train" / "_annotations.coco.json").write_text(json.dumps(coco(form)), encoding="utf-8")


def feature(nucleus, kind="detection", **more):
    ring = [list(point) for point in [*nucleus[0], nucleus[0][0]]]
    return {
        "type": "Feature",
        "id": "9ef0487b-29a5-4e53-8eca-5c9dbf7bfc81",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"objectType": kind, **more},
    }


def write_geojson(folder):
    pictures(folder)
    for name in NAMES:
        rows = [feature(nucleus, classification={"name": "tumour"}) for nucleus in NUCLEI[name]]
        text = json.dumps({"type": "FeatureCollection", "features": rows})
        (folder / f"{name}.geojson").write_text(text, encoding="utf-8")


def write_rois(folder):
    pictures(folder, "tif")
    for name in NAMES:
        with zipfile.ZipFile(folder / f"{name}_RoiSet.zip", "w") as file:
            for number, (outline, _) in enumerate(NUCLEI[name]):
                roi = roifile.ImagejRoi.frompoints(np.array(outline))
                roi.roitype = roifile.ROI_TYPE.POLYGON
                file.writestr(f"{number}.roi", roi.tobytes())


# {case: (format, function that writes it into an empty folder)}
SETS = {
    "masks": ("dsb2018", write_masks),
    "monuseg": ("monuseg", write_xml),
    "labels png": ("labels", lambda folder: write_labels(folder, "png")),
    "labels npy": ("labels", lambda folder: write_labels(folder, "npy")),
    "labels big-endian": ("labels", lambda folder: write_labels(folder, "big-endian")),
    "labels float": ("labels", lambda folder: write_labels(folder, "float")),
    "labels beside": ("labels", write_suffixes),
    "coco polygons": ("coco_json", lambda folder: write_coco(folder, "polygon")),
    "coco runs": ("coco_json", lambda folder: write_coco(folder, "runs")),
    "coco compressed": ("coco_json", lambda folder: write_coco(folder, "compressed")),
    "qupath": ("geojson", write_geojson),
    "imagej": ("imagej", write_rois),
}


def write_set(case, folder):
    """Write a data set into a new folder; returns (folder, its format)."""
    folder = Path(folder)
    folder.mkdir(parents=True)
    SETS[case][1](folder)
    return folder, SETS[case][0]
