"""A mask file for each nucleus: what lies beside the masks is named or left out, and no nucleus is lost."""

import pytest
from support.foreign import NAMES, picture, write_png, write_set

from nuclei.common.stage import InputError
from nuclei.formats.dsb2018 import read


def test_masks_that_are_no_png_are_refused(tmp_path):
    folder, _ = write_set("masks", tmp_path / "given")
    masks = folder / "stage1_train/z/masks"
    (masks / "0.png").rename(masks / "0.tif")
    with pytest.raises(InputError) as caught:
        read(folder)
    assert caught.value.problems == [
        f"{masks}: 1 files that are no PNG but look like masks found (0.tif), wanted PNG alone; convert or remove them"
    ]


def test_what_systems_leave_does_not_count(tmp_path):
    folder, _ = write_set("masks", tmp_path / "given")
    write_png(folder / "__MACOSX/stage1_train/z/images/._z.png", picture(0))
    write_png(folder / "stage1_train/z/masks/._0.png", picture(0))
    write_png(folder / "stage1_train/.ipynb_checkpoints/images/a.png", picture(0))
    assert sorted(image.id for image in read(folder)) == sorted(NAMES)
