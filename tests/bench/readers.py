"""Each format that others write, read into masks, against plain code of the library that people would take for it."""

import contextlib
import io
import json
import statistics
import zipfile
from xml.etree import ElementTree

import cv2
import numpy as np
import roifile
import tifffile
from pycocotools.coco import COCO
from skimage.draw import polygon
from skimage.measure import regionprops

from bench.rows import faster, require, timed
from nuclei.data.polygons import exact_polygons
from nuclei.formats.registry import readers

FIELD = 32  # px; each nucleus lies in a field of its own
SIDE = 512  # of the images, px
IMAGES = 2
RUNS = 3  # of each side in turn, of which the median counts


def drawn(side):
    """[{number: (mask inside its box, left, top)}] of images full of ellipses, drawn by a seed."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(IMAGES):
        nuclei = {}
        for field in range((side // FIELD) ** 2):
            part = np.zeros((FIELD, FIELD), np.uint8)
            axes = tuple(int(value) for value in random.integers(5, 13, 2))
            cv2.ellipse(part, (FIELD // 2, FIELD // 2), axes, int(random.integers(180)), 0, 360, 1, -1)
            left, top, wide, high = cv2.boundingRect(part)
            at = divmod(field, side // FIELD)
            box = part[top : top + high, left : left + wide] > 0
            nuclei[field + 1] = (box, left + at[1] * FIELD, top + at[0] * FIELD)
        found.append(nuclei)
    return found


def labels(nuclei, side):
    found = np.zeros((side, side), np.uint16)
    for number, (part, left, top) in nuclei.items():
        found[top : top + part.shape[0], left : left + part.shape[1]][part] = number
    return found


def ring(nucleus):
    """The outline of a nucleus along the pixel edges: points x 2, px."""
    (points,) = exact_polygons(*nucleus)
    return np.array(points).reshape(-1, 2)


def image(path, side):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.zeros((side, side, 3), np.uint8))


def filled(points, side):
    """The pixels (rows, columns) inside of an outline: with their centres at whole numbers, none lies on it."""
    return polygon(points[:, 1] - 0.5, points[:, 0] - 0.5, (side, side))


def write_labels(folder, nuclei, side):
    for number, own in enumerate(nuclei):
        image(folder / f"{number}.png", side)
        tifffile.imwrite(folder / f"{number}_label.tif", labels(own, side))


def by_regionprops(folder, side):
    files = sorted(folder.glob("*_label.tif"))
    return [(row.image, *row.bbox[1::-1]) for file in files for row in regionprops(tifffile.imread(file))]


def write_masks(folder, nuclei, side):
    for image_number, own in enumerate(nuclei):
        image(folder / f"{image_number}/images/{image_number}.png", side)
        (folder / f"{image_number}/masks").mkdir()
        for number, nucleus in own.items():
            mask = labels({255: nucleus}, side).astype(np.uint8)
            assert cv2.imwrite(str(folder / f"{image_number}/masks/{number:05}.png"), mask)


def by_imread(folder, side):
    return [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) > 0 for file in sorted(folder.rglob("masks/*.png"))]


def write_coco(folder, nuclei, side):
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "nucleus"}]}
    for number, own in enumerate(nuclei):
        image(folder / f"{number}.png", side)
        content["images"].append({"id": number, "file_name": f"{number}.png", "width": side, "height": side})
        for nucleus in own.values():
            row = {"id": len(content["annotations"]) + 1, "image_id": number, "category_id": 1, "iscrowd": 0}
            content["annotations"].append({**row, "segmentation": [ring(nucleus).ravel().tolist()]})
    (folder / "a.json").write_text(json.dumps(content))


def by_pycocotools(folder, side):
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(folder / "a.json")
    return [coco.annToMask(row) > 0 for row in coco.anns.values()]


def write_xml(folder, nuclei, side):
    for number, own in enumerate(nuclei):
        image(folder / f"Tissue Images/{number}.png", side)
        root = ElementTree.Element("Annotations")
        regions = ElementTree.SubElement(ElementTree.SubElement(root, "Annotation"), "Regions")
        for nucleus in own.values():
            region = ElementTree.SubElement(ElementTree.SubElement(regions, "Region"), "Vertices")
            for x, y in ring(nucleus) + 0.5:
                ElementTree.SubElement(region, "Vertex", X=str(x), Y=str(y))
        (folder / "Annotations").mkdir(exist_ok=True)
        ElementTree.ElementTree(root).write(folder / f"Annotations/{number}.xml")


def by_element_tree(folder, side):
    found = []
    for file in sorted(folder.rglob("*.xml")):
        for region in ElementTree.parse(file).iter("Region"):
            points = [(float(vertex.get("X")), float(vertex.get("Y"))) for vertex in region.iter("Vertex")]
            found.append(filled(np.array(points) - 0.5, side))
    return found


def write_geojson(folder, nuclei, side):
    for number, own in enumerate(nuclei):
        image(folder / f"{number}.png", side)
        rings = [ring(nucleus).tolist() for nucleus in own.values()]
        rows = [
            {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[*points, points[0]]]}}
            for points in rings
        ]
        (folder / f"{number}.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": rows}))


def by_json(folder, side):
    return [
        filled(np.array(row["geometry"]["coordinates"][0]), side)
        for file in sorted(folder.glob("*.geojson"))
        for row in json.loads(file.read_text())["features"]
    ]


def write_rois(folder, nuclei, side):
    for number, own in enumerate(nuclei):
        image(folder / f"{number}.png", side)
        with zipfile.ZipFile(folder / f"{number}.zip", "w") as file:
            for at, nucleus in own.items():
                roi = roifile.ImagejRoi.frompoints(ring(nucleus).astype(np.int32))
                roi.roitype = roifile.ROI_TYPE.POLYGON
                file.writestr(f"{at:05}.roi", roi.tobytes())


def by_roifile(folder, side):
    return [filled(roi.coordinates(), side) for file in sorted(folder.glob("*.zip")) for roi in roifile.roiread(file)]


# {format: (name of the row, function that writes a data set, the alternative)}
FORMATS = {
    "labels": ("label images (TIFF); tifffile and scikit-image's regionprops", write_labels, by_regionprops),
    "dsb2018": ("masks of the Data Science Bowl; OpenCV's imread", write_masks, by_imread),
    "coco_json": ("COCO JSON of polygons; pycocotools' annToMask", write_coco, by_pycocotools),
    "monuseg": ("MoNuSeg's XML; ElementTree and scikit-image's polygon", write_xml, by_element_tree),
    "geojson": ("GeoJSON; json and scikit-image's polygon", write_geojson, by_json),
    "imagej": ("RoiSet.zip; roifile and scikit-image's polygon", write_rois, by_roifile),
}


def by_reader(name, folder, side):
    """[(mask inside its box, left, top)] of all nuclei, as import_raw reads them."""
    images = readers()[name].read(folder)
    return [(one.part, one.left, one.top) for found in images for one in found.nuclei(side, side)[0]]


def boxed(found):
    """(bytes of the mask inside its box, its shape, left, top) of what an alternative returns of a nucleus."""
    if isinstance(found, np.ndarray):
        found = np.nonzero(found)
    if len(found) == 2:
        rows, columns = found
        part = np.zeros((np.ptp(rows) + 1, np.ptp(columns) + 1), bool)
        part[rows - rows.min(), columns - columns.min()] = True
        found = (part, columns.min(), rows.min())
    part, left, top = found
    return part.tobytes(), part.shape, int(left), int(top)


def rows(material, full):
    nuclei, side = drawn(SIDE), SIDE
    wanted = sorted(boxed(nucleus) for own in nuclei for nucleus in own.values())
    for name, (title, write, alternative) in FORMATS.items():
        folder = material.scratch / f"readers/{name}"
        folder.mkdir(parents=True, exist_ok=True)
        write(folder, nuclei, side)
        times = ([], [])
        for _ in range(RUNS):
            for taken, read in zip(times, (lambda *a, name=name: by_reader(name, *a), alternative), strict=True):
                seconds, found = timed(read, folder, side)
                taken.append(seconds)
                require(sorted(map(boxed, found)) == wanted, f"{title}: other masks than were drawn")
        note = f"{len(wanted)} nuclei in {IMAGES} images of {side} px a side; each mask as drawn"
        yield faster(f"read {title}", *map(statistics.median, times), None, note)
