"""The dicts of COCO's JSON files, as types (cocodataset.org/#format-data and #format-results).

They describe the data to readers and to mypy alone: at run time each is a plain dict, and nothing is checked. Content
that comes from outside is checked by nuclei.coco.checks. Coordinates: x right, y down, px, pixel edges at integers, so
that the first pixel of an image covers [0, 1] x [0, 1]. (The report's converter, imantics, puts its polygons through
pixel centres and is half a pixel off; see nuclei.data.conversion.)
"""

from typing import Literal, NotRequired, TypedDict


class RLE(TypedDict):
    """A mask as compressed run-length code, in the form that JSON can hold."""

    size: list[int]  # [height, width] of the image, px
    counts: str  # lengths of the runs, column by column; see nuclei.coco.rle.run_lengths


class BinaryRLE(TypedDict):
    """A mask as pycocotools returns it: an RLE whose counts are bytes, which JSON cannot hold."""

    size: list[int]
    counts: bytes


# One list [x1, y1, x2, y2, …] for each polygon, at least 3 points each. Polygons of one instance are united.
Polygons = list[list[float]]
Segmentation = RLE | Polygons

PIXEL_SIZE = "pixel_size_um"  # key of an image

Form = Literal["polygon", "rle"]  # in which a segmentation is written


class Image(TypedDict):
    """An image of a COCO ground truth."""

    id: int
    file_name: str  # relative to the folder of the images
    height: int
    width: int
    sha256: NotRequired[str]  # of the image file, so that files made of it differ when it does
    pixel_size_um: NotRequired[float]  # this project's own key: µm, where it is known


class AnnotationPart(TypedDict):
    """What an annotation says of its mask: all but the category and the ids, which a converter adds last."""

    iscrowd: int  # 0
    area: float  # px
    bbox: list[float]  # [left, top, width, height]
    segmentation: Segmentation
    mask: NotRequired[str]  # this project's own key: name of the mask file that the annotation was made from


class Annotation(AnnotationPart):
    """One true instance. The ids of categories count from 1, by default there is one; there are no crowds."""

    id: int  # 1 or more: faster-coco-eval takes 0 for "not matched"
    image_id: int
    category_id: int


class Category(TypedDict):
    """A class of instances; by default the only one is the nucleus."""

    id: int
    name: str
    supercategory: NotRequired[str]


class Dropped(TypedDict):
    """One row of info.dropped: a mask of which the imantics converter lost a polygon, or all of them."""

    image: str  # id of the image in the raw data: the name of its folder
    mask: str  # name of the mask file
    nucleus_dropped: bool  # whether no polygon is left, so that the nucleus has no annotation
    reason: str


class Info(TypedDict):
    """How this project made a COCO file; COCO leaves the keys of `info` open."""

    converter: str  # exact or imantics
    dropped: list[Dropped]


class Content(TypedDict):
    """A whole COCO ground truth. `annotations` is empty where the nuclei are not known."""

    images: list[Image]
    annotations: list[Annotation]
    categories: list[Category]
    info: NotRequired[Info]


class Result(TypedDict):
    """One predicted instance: a row of COCO results."""

    image_id: int
    category_id: int
    score: float
    segmentation: RLE
    bbox: NotRequired[list[float]]  # [left, top, width, height]; the scores of masks do without it
