"""Readers of other people's formats meet damaged files: an InputError or nuclei inside of the image, and no hang."""

import pytest
from support.foreign import HEIGHT, NAMES, SETS, WIDTH, write_set
from support.fuzzing import broken, fuzz

from nuclei.common.stage import refuse
from nuclei.data.pictures import PICTURES, read_picture
from nuclei.data.pixel_sizes import read_pixel_sizes
from nuclei.data.stored_nuclei import read_nuclei
from nuclei.formats.importing import Choice, Source, found_images, listed_ids, split_sets

CASES = (
    "masks",
    "monuseg",
    "labels png",
    "labels npy",
    "labels float",
    "coco polygons",
    "coco runs",
    "qupath",
    "imagej",
)


def is_annotation(path):
    return path.suffix not in PICTURES or path.parent.name in ("labels", "masks")


@pytest.mark.parametrize("name", CASES)
def test_annotations(tmp_path, name):
    folder, wanted = write_set(name, tmp_path / "given")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and is_annotation(path)]
    whole = {path: path.read_bytes() for path in files}

    def case(chance):
        path = chance.choice(files)
        path.write_bytes(broken(whole[path], chance))
        try:
            found, images = found_images(Source(folder, wanted if chance.random() < 0.5 else "auto"))
            assert found == wanted and {image.id for image in images} <= set(NAMES)
            for image in images:
                nuclei, notes = image.nuclei(WIDTH, HEIGHT)
                assert all(note.nucleus and note.kind for note in notes)
                for nucleus in nuclei:
                    down, across = nucleus.part.shape
                    assert nucleus.part.dtype == bool and nucleus.part.any()
                    assert nucleus.left >= 0 and nucleus.left + across <= WIDTH
                    assert nucleus.top >= 0 and nucleus.top + down <= HEIGHT
        finally:
            path.write_bytes(whole[path])

    fuzz(f"annotations {name}", case, share=2)


@pytest.mark.parametrize("name", ["labels png", "imagej"])  # PNG, TIFF
def test_pictures(tmp_path, name):
    folder, _ = write_set(name, tmp_path / "given")
    path = next(path for path in sorted(folder.rglob("*")) if path.stem == "001" and path.suffix in PICTURES)
    whole = path.read_bytes()

    def case(chance):
        path.write_bytes(broken(whole, chance))
        found = read_picture(path)
        assert found.array.dtype.name == "uint8" and found.array.ndim in (2, 3) and found.array.size
        assert found.array.ndim == 2 or found.array.shape[2] == 3
        assert found.pixel_size is None or 0.01 <= found.pixel_size <= 10

    fuzz(f"pictures {name}", case)


def test_lists_of_test_images(tmp_path):
    whole = b'[{"file_name": "001.png", "height": 30, "width": 40, "id": 5}, "z"]'

    def case(chance):
        (tmp_path / "ids").write_bytes(broken(chance.choice((whole, b"- z\n- '001'\n")), chance))
        found = listed_ids(tmp_path / "ids", NAMES)
        assert found and set(found) <= set(NAMES) and all(type(number) is int for number in found.values())

    fuzz("lists of test images", case)


def test_nuclei_files(tmp_path):
    whole = b'{"nuclei": [{"category": "nucleus", "name": "a", "segmentation": {"counts": "22", "size": [2, 2]}}]}'

    def case(chance):
        (tmp_path / "masks.json").write_bytes(broken(whole, chance))
        assert all(nucleus.name and nucleus.category for nucleus in read_nuclei(tmp_path / "masks.json"))

    fuzz("nuclei files", case)


def test_pixel_sizes(tmp_path):
    def case(chance):
        (tmp_path / "pixel_sizes.json").write_bytes(broken(b'{"a": 0.25, "b": 1, "c": 0.5}', chance))
        problems = []
        found = read_pixel_sizes(tmp_path, {"a", "b", "c"}, problems)
        assert set(found) <= {"a", "b", "c"} and all(0.01 <= size <= 100 for size in found.values())
        refuse(problems, "pixel_sizes.json")

    fuzz("pixel sizes", case)


def test_folders_of_files_that_are_renamed(tmp_path):
    """Whatever lies in a folder, its format is found, or what is missing is said in lines."""

    def case(chance):
        folder = tmp_path / str(chance.random())
        write_set(chance.choice(list(SETS)), folder)
        for path in chance.sample([path for path in sorted(folder.rglob("*")) if path.is_file()], 2):
            path.rename(path.with_name(chance.choice(("001.png", "a.JPG", "q.json", "z.xml", "_mask.png", "é b.zip"))))
        images, numbers, _, _ = split_sets(Source(folder), Choice())
        assert numbers and len(images) > len(numbers)
        assert len({image.id.casefold() for image in images}) == len(images)

    fuzz("renamed files", case, share=4)
