"""The mark of made data."""

import shutil

from nuclei.data.made_folder import mark_made


def test_the_mark_of_made_data_is_their_content(tmp_path):
    folder, mark = tmp_path / "dataset", tmp_path / "dataset.made"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/a").write_text("1")
    mark_made(folder)
    first = mark.read_text()
    assert len(first.strip()) == 64
    shutil.copytree(folder, tmp_path / "other")
    mark_made(tmp_path / "other")
    assert (tmp_path / "other.made").read_text() == first
    (folder / "sub/a").write_text("2")
    mark_made(folder)
    second = mark.read_text()
    (folder / "sub/a").rename(folder / "sub/b")
    mark_made(folder)
    assert len({first, second, mark.read_text()}) == 3
