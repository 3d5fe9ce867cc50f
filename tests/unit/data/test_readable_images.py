"""Whether many images can be read: every bad one is named, and the others are not read again."""

import re

import cv2
import pytest
import tifffile
from support.slides import tissue_image, write_slide

from nuclei.common.stage import InputError
from nuclei.data import readable_images
from nuclei.data.readable_images import check_readable


def test_all_images_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    names = ["a.png", "b ü.svs", "c.svs", "d.png", "e.tif"]
    paths = [tmp_path / name for name in names]
    cv2.imwrite(str(paths[0]), tissue_image(40, 50))
    write_slide(paths[1], tissue_image(300, 400))
    memory = tmp_path / "work/readable.json"
    check_readable(paths[:2], memory)
    paths[2].write_text("no slide")
    paths[3].write_bytes(paths[0].read_bytes()[:60])
    content = bytearray(paths[1].read_bytes())
    with tifffile.TiffFile(paths[1]) as file:
        start, length = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    content[start : start + length] = bytes(length)  # the first tile
    paths[1].write_bytes(content)
    whole = write_slide(paths[4], tissue_image(300, 400), levels=3).read_bytes()
    paths[4].write_bytes(whole[:-500])
    opened = []
    real = readable_images.open_image_file
    monkeypatch.setattr(readable_images, "open_image_file", lambda path: opened.append(path.name) or real(path))
    with pytest.raises(InputError) as caught:
        check_readable(paths, memory)
    assert [re.split(r" \(|, wanted", line)[0] for line in caught.value.problems] == [
        f"{paths[1]}: damaged at x 0 to 64, y 0 to 64",
        f"{paths[2]}: not a readable SVS",
        f"{paths[3]}: not a readable PNG",
        f"{paths[4]}: {len(whole) - 500} bytes found",
    ]
    assert opened == names[1:]
