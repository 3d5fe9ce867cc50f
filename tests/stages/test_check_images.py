"""check_images.py: every image that cannot be read is named, before any other job."""

import re

import cv2
import tifffile
from support.slides import tissue_image, write_slide


def test_all_images_that_cannot_be_read_are_named(stage, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), tissue_image(40, 50))
    write_slide(folder / "b ü.svs", tissue_image(300, 400))
    out = tmp_path / "checked.txt"
    done = stage("check_images", "--images", folder, "--out", out)
    assert done.returncode == 0, done.stderr
    assert out.read_text(encoding="utf-8") == f"{folder}/a.png\n{folder}/b ü.svs\n"
    out.unlink()
    (folder / "c.svs").write_text("no slide")
    (folder / "d.png").write_bytes((folder / "a.png").read_bytes()[:60])
    content = bytearray((folder / "b ü.svs").read_bytes())
    with tifffile.TiffFile(folder / "b ü.svs") as file:
        start, length = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    content[start : start + length] = bytes(length)  # the first tile
    (folder / "b ü.svs").write_bytes(content)
    whole = write_slide(folder / "e.tif", tissue_image(300, 400), levels=3).read_bytes()
    (folder / "e.tif").write_bytes(whole[:-500])
    done = stage("check_images", "--images", folder, "--out", out)
    assert done.returncode == 2
    assert [re.split(r" \(|, wanted", line)[0] for line in done.stderr.splitlines() if line.startswith("error: ")] == [
        f"error: {folder}/b ü.svs: damaged at x 0 to 64, y 0 to 64",
        f"error: {folder}/c.svs: not a readable SVS",
        f"error: {folder}/d.png: not a readable PNG",
        f"error: {folder}/e.tif: {len(whole) - 500} bytes found",
    ]
    assert not out.exists()
