"""Images in rows of windows: equal to one look at the whole, whatever was stopped where, and glass is not looked at."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from support.slides import tissue_image, write_slide

from nuclei.data.image_files import open_image_file
from nuclei.data.tissue import Tissue
from nuclei.export.window_rows import WindowRows
from nuclei.prediction.instances import Nucleus
from nuclei.prediction.many_looks import ManyLooks


class Dark(ManyLooks):
    """Finds the connected dark parts of an image, each surer the larger it is; stops at a given look."""

    looks, stops_at = 0, None

    def detect(self, image, scale=1.0):
        self.looks += 1
        if self.looks == self.stops_at:
            raise KeyboardInterrupt
        labels, _ = ndimage.label(image[:, :, 1] < 100)
        found = []
        for number, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
            mask = labels[rows, columns] == number
            box = np.array([columns.start, rows.start, columns.stop, rows.stop], float)
            found.append(Nucleus(mask.sum() / 10_000, box, mask, columns.start, rows.start))
        self.between()
        return sorted(found, key=lambda nucleus: -nucleus.score)


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    return open_image_file(write_slide(tmp_path_factory.mktemp("slide") / "a.tif", tissue_image(500, 640), 0.5))


def cut(slide, folder, border=1.0, **options):
    return WindowRows(slide, Dark(None, [], window=200, overlap=60, border=border), folder, **options)


def shown(rows):
    """All nuclei of all batches, as values that can be compared."""
    return [(n.score, n.x, n.y, n.mask.tobytes(), n.box.tolist(), n.row) for batch in rows.batches() for n in batch]


def test_rows_give_the_nuclei_of_the_whole(slide, tmp_path):
    rows = cut(slide, tmp_path)
    assert rows.predict() > len(shown(rows)) > 20
    whole = Dark(None, [], window=200, overlap=60).nuclei(slide.read(0, 0, slide.width, slide.height))
    wanted = {(n.score, n.x, n.y, n.mask.tobytes()) for n in whole}
    found = shown(rows)
    assert len(found) == len(wanted)
    assert {values[:4] for values in found} == wanted
    # not cut by any window: what one look at the whole finds
    once = Dark(None, []).nuclei(slide.read(0, 0, slide.width, slide.height))
    assert {(n.x, n.y, n.mask.tobytes()) for n in once} == {values[1:4] for values in found}


def test_nuclei_at_the_border_of_the_image_lose_as_in_a_look_at_the_whole(slide, tmp_path):
    rows = cut(slide, tmp_path, border=0.5)
    rows.predict()
    whole = Dark(None, [], window=200, overlap=60, border=0.5).nuclei(slide.read(0, 0, slide.width, slide.height))
    found = shown(rows)
    assert {values[:2] for values in found} == {(n.score, n.x) for n in whole}
    assert all(values[5][-1] == values[0] for values in found)  # the score of the table
    once = {(n.x, n.y): n.score for n in Dark(None, []).nuclei(slide.read(0, 0, slide.width, slide.height))}
    changed = {(x, y) for score, x, y, *_ in found if score == once[x, y] / 2}
    edge = {(x, y) for _, x, y, _, box, _ in found if min(x, y) == 0 or box[2] == slide.width or box[3] == slide.height}
    assert changed == edge and edge


def test_a_stopped_slide_goes_on_and_ends_with_the_same(slide, tmp_path):
    wanted = cut(slide, tmp_path / "undisturbed")
    wanted.predict()
    total = wanted.viewer.looks
    in_a_row = len(wanted.columns)
    assert total == len(wanted.rows) * in_a_row
    for stop in (1, 7, total // 2, total):
        folder, looks = tmp_path / str(stop), 0
        rows = cut(slide, folder)
        rows.viewer.stops_at = stop
        with pytest.raises(KeyboardInterrupt):
            rows.predict()
        done = rows.finished()
        assert done == (stop - 1) // in_a_row
        assert rows.remaining() == total - done * in_a_row
        again = cut(slide, folder)
        again.predict()
        looks = again.viewer.looks
        assert looks == total - done * in_a_row
        assert shown(again) == shown(wanted)


def test_glass_is_skipped_and_no_nucleus_is_lost(slide, tmp_path):
    wanted = cut(slide, tmp_path / "all")
    wanted.predict()
    rows = cut(slide, tmp_path / "tissue", tissue=Tissue(slide, 15))
    remaining = rows.remaining()
    rows.predict()
    assert shown(rows) == shown(wanted)
    assert rows.viewer.looks < 0.6 * wanted.viewer.looks
    assert (rows.viewer.looks, rows.remaining()) == (remaining, 0)


def test_nuclei_below_the_score_threshold_are_left_out(slide, tmp_path):
    rows = cut(slide, tmp_path)
    rows.predict()
    scores = sorted(n.score for batch in rows.batches() for n in batch)
    middle = scores[len(scores) // 2]
    assert scores[0] < middle
    assert sorted(n.score for batch in rows.batches(middle) for n in batch) == [s for s in scores if s >= middle]


def test_of_several_classes_the_surest_stays_and_keeps_its_number_in_the_work_folder(tmp_path):
    slide = open_image_file(write_slide(tmp_path / "a.tif", tissue_image(150, 180)))

    class Doubtful(Dark):
        """Finds everything as the classes 2 and 3, of which 3 is surer."""

        def detect(self, image, scale=1.0):
            found = super().detect(image)
            return [replace(n, score=n.score * more, category=c) for n in found for c, more in ((2, 1), (3, 1.01))]

    rows = WindowRows(slide, Doubtful(None, []), tmp_path / "work", classes=3)
    count = rows.predict()
    again = [n for batch in WindowRows(slide, Dark(None, []), tmp_path / "work", classes=3).batches() for n in batch]
    assert len(again) * 2 == count > 4
    assert {nucleus.category for nucleus in again} == {3}
    plain = [n for batch in WindowRows(slide, Dark(None, []), tmp_path / "work").batches() for n in batch]
    assert len(plain) == count


def test_an_image_of_one_window_keeps_what_the_model_gives(tmp_path):
    slide = open_image_file(write_slide(tmp_path / "a.tif", tissue_image(150, 180)))

    class Twice(Dark):
        """Finds everything twice."""

        def detect(self, image, scale=1.0):
            return super().detect(image) + super().detect(image)

    rows = WindowRows(slide, Twice(None, []), tmp_path / "work")
    assert rows.predict() == len(shown(rows)) == 2 * len({values[1:3] for values in shown(rows)})


def test_a_slide_without_any_tissue_is_told(slide, tmp_path):
    assert cut(slide, tmp_path).problem() is None
    assert cut(slide, tmp_path, tissue=Tissue(slide, 15)).problem() is None
    rows = cut(slide, tmp_path, tissue=Tissue(slide, 255))
    assert rows.problem().startswith(f"{slide.path}: none of its {len(rows.rows) * len(rows.columns)} windows holds")
    assert (rows.predict(), rows.viewer.looks) == (0, 0)
