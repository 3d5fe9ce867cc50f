"""tools/cut_regions.py: the regions of all images, or nothing but what is wrong."""

import cv2
from support.qupath import row, square, write
from support.slides import tissue_image

from nuclei.formats.geojson import nuclei


def test_regions_of_all_images_or_all_that_is_wrong(stage, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a", "b", "c"):
        cv2.imwrite(str(folder / f"{name}.png"), tissue_image(80, 90))
    region, nucleus = (
        row("annotation", "Region*", square(10, 10, 60, 50)),
        row("annotation", "nucleus", square(20, 20, 30, 30)),
    )
    write(folder / "a.geojson", region, nucleus)
    write(folder / "b.geojson", nucleus)
    write(folder / "c.geojson", row("annotation", "Region*", square(10, 10, 60, 50)[:3] + [[10, 10]]))
    done = stage("cut_regions", "--images", folder, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == [f"{folder}/b.geojson", f"{folder}/c.geojson"]
    assert not (tmp_path / "out").exists()
    write(folder / "b.geojson", region)
    (folder / "c.geojson").unlink()
    done = stage("cut_regions", "--images", folder, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{tmp_path}/out/a_x10_y10.tif: 1 nuclei",
        f"{tmp_path}/out/b_x10_y10.tif: 0 nuclei",
        "2 of 3 images have a GeoJSON: 2 regions",
    ]
    ((nucleus,), notes) = nuclei(tmp_path / "out/a_x10_y10.geojson", 50, 40)
    assert (nucleus.left, nucleus.top, nucleus.part.shape, notes) == (10, 10, (10, 10), [])
    again = stage("cut_regions", "--images", folder, "--out", tmp_path / "out")
    assert again.returncode == 2
    assert f"error: {tmp_path}/out: not empty, wanted a new folder" in again.stderr
    (folder / "a.geojson").rename(folder / "gone.json")
    (folder / "b.geojson").unlink()
    none = stage("cut_regions", "--images", folder, "--out", tmp_path / "other")
    assert (none.returncode, "no image with a GeoJSON beside it" in none.stderr) == (2, True)
