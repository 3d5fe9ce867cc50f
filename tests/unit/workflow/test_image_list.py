"""Which images are predicted on."""

import pytest

from nuclei.common.stage import InputError
from nuclei.export.forms import FORMS
from nuclei.workflow.image_list import LARGE, left_out, list_image_files, wants_a_job


@pytest.fixture
def folder(tmp_path):
    for name in ("b.png", "a.TIF", "c.svs", ".hidden.png", "notes.docx", "sub/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def test_folders_files_and_lists_each_image_once(folder):
    (folder / "list.txt").write_text("# slides\n\nsub/d.png\nb.png\n", encoding="utf-8-sig")
    found = list_image_files([folder, folder / "b.png", folder / "list.txt"])
    assert [path.relative_to(folder).as_posix() for path in found] == ["a.TIF", "b.png", "c.svs", "sub/d.png"]


def test_a_list_may_name_an_image_twice(folder):
    (folder / "list.txt").write_text("b.png\nsub/d.png\nb.png\n")
    assert list_image_files([folder / "list.txt"]) == [folder / "b.png", folder / "sub/d.png"]


def test_results_beside_the_images_are_no_images(folder):
    for form in FORMS.values():
        (folder / f"b{form.suffix}").write_bytes(b"x")
    assert [path.name for path in list_image_files([folder])] == ["a.TIF", "b.png", "c.svs"]


def test_images_of_other_formats_are_known(folder):
    for name in ("b.CZI", "a.nd2", "sub/c.lif"):
        (folder / name).write_bytes(b"x")
    assert left_out([folder, folder / "b.png"]) == [folder / "a.nd2", folder / "b.CZI"]


def test_all_problems_at_once(folder, tmp_path):
    (folder / "empty").mkdir()
    (folder / "list.txt").write_text("gone.png\n")
    (folder / "sub/B.tif").write_bytes(b"x")
    (folder / "latin.txt").write_text("Größe.png", encoding="latin-1")
    (folder / f"sub/{'ü' * 101}.png").write_bytes(b"x")
    sources = [folder, folder / "empty", folder / "list.txt", folder / "latin.txt", folder / "sub/B.tif"]
    with pytest.raises(InputError) as caught:
        list_image_files([*sources, folder / f"sub/{'ü' * 101}.png"])
    assert caught.value.problems == [
        f"{folder / 'empty'}: no image found, wanted PNG, JPEG, TIFF or slides; add some",
        f"{folder / 'gone.png'}: not found, wanted an image; correct the path",
        f"{folder / 'latin.txt'}: no UTF-8 text found, wanted a path per line; save it as UTF-8",
        f"{folder / 'sub'}/{'ü' * 101}.png: a name of 202 bytes found, wanted 200 at most, since results are named by "
        "it; rename it",
        f"{folder / 'sub/B.tif'}: its results would have the names of those of {folder / 'b.png'}; rename one",
    ]


def test_slides_and_large_files_get_a_job_of_their_own(folder):
    assert [wants_a_job(folder / name) for name in ("b.png", "c.svs")] == [False, True]
    with (folder / "b.png").open("wb") as file:
        file.truncate(LARGE + 1)
    assert wants_a_job(folder / "b.png")
