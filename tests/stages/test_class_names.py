"""Several classes in the data of others: what is written, and what is refused by one clear line."""

import json
import re

import pytest
from support.foreign import write_set

from nuclei.common.stage import InputError
from nuclei.data.conversion import convert
from nuclei.data.import_summary import class_warnings, summary_lines
from nuclei.data.raw_check import check_part
from nuclei.data.raw_layout import read_layout
from nuclei.formats.importing import Choice, Source, import_data

FILE = "train/_annotations.coco.json"


def changed(folder, change):
    """Write a data set of COCO JSON with the classes a, b, c, changed."""
    write_set("coco polygons", folder)
    content = json.loads((folder / FILE).read_text(encoding="utf-8"))
    change(content)
    (folder / FILE).write_text(json.dumps(content), encoding="utf-8")
    return Source(folder)


def categories(out, classes):
    """[category id of each training and test nucleus] of an imported data set, by the names of its file."""
    images, _, problems = read_layout(out / "dataset", out / "test_masks")
    assert not problems
    content = convert(images, "exact", classes=classes)
    assert [(row["id"], row["name"]) for row in content["categories"]] == list(enumerate(classes, 1))
    return sorted(row["category_id"] for row in content["annotations"])


def test_classes_become_categories_by_any_converter(tmp_path):
    import_data(changed(tmp_path / "in", lambda c: None), Choice(fraction=0.3, seed=1), tmp_path / "out", list("cba"))
    assert categories(tmp_path / "out", ["c", "b", "a"]) == [1, 2, 2, 3, 3, 3]  # of a 3, of b 2, of c 1
    images = [image for image in read_layout(tmp_path / "out/dataset")[0] if image.set == "train"]
    first, second = (convert(images, method, classes=["c", "b", "a"]) for method in ("exact", "imantics"))
    assert [row["category_id"] for row in first["annotations"]] == [row["category_id"] for row in second["annotations"]]
    alone = convert(images, "exact", classes=["tumour"])
    assert {row["category_id"] for row in alone["annotations"]} == {1}
    assert [row["name"] for row in alone["categories"]] == ["tumour"]


def test_an_unknown_class_is_one_line_with_file_class_and_what_to_do(tmp_path):
    with pytest.raises(InputError) as caught:
        import_data(changed(tmp_path / "in", lambda c: None), Choice(), tmp_path / "out", ["a", "B"])
    (line,) = caught.value.problems
    assert line == (
        "train/é b.png: nuclei of the class 'c' found, 1 in 1 images, wanted one of a, B; add it to raw.classes, or "
        "correct the data"
    )


def test_names_that_differ_in_case_and_spaces_are_one_class(tmp_path):
    def change(content):
        content["categories"][1]["name"] = "Tumour  Cell"
        content["categories"][2]["name"] = "tumour cell "

    source = changed(tmp_path / "in", change)
    import_data(source, Choice(fraction=0.3, seed=1), tmp_path / "out", ["c", "tumour cell"])
    assert categories(tmp_path / "out", ["c", "tumour cell"]) == [1, 2, 2, 2, 2, 2]


def test_a_tab_or_line_in_a_name_is_a_space(tmp_path):
    def change(content):
        content["categories"][1]["name"] = "tumour\tcell"
        content["categories"][2]["name"] = "tumour\ncell"

    source = changed(tmp_path / "in", change)
    import_data(source, Choice(fraction=0.3, seed=1), tmp_path / "out", ["c", "tumour cell"])
    assert categories(tmp_path / "out", ["c", "tumour cell"]) == [1, 2, 2, 2, 2, 2]


def test_images_without_any_annotation_are_kept_and_learned_from(tmp_path):
    source = changed(tmp_path / "in", lambda c: c.update(annotations=[]))
    report = import_data(source, Choice(fraction=0.3, seed=1), tmp_path / "out", ["a", "b", "c"])
    assert [row["categories"] for row in report["images"]] == [{}] * 4
    said = f"{tmp_path / 'out/dataset/train'}: 3 images without a nucleus found, wanted a mask in one at least"
    with pytest.raises(InputError, match=re.escape(said)):
        check_part("train", tmp_path / "out/dataset")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["categories"].append({"id": 4, "name": "b"}), "category id 4 found twice, wanted each once"),
        (lambda c: c["annotations"][0].update(category_id=77), "nuclei of the class 'category_id 77' found, 1 in 1"),
        (lambda c: c["annotations"][0].pop("category_id"), "nuclei of the class 'category_id None' found, 1 in 1"),
        (lambda c: c["categories"][1].update(name=" "), "nuclei of the class 'nucleus' found, 3 in 3"),
        (lambda c: c["annotations"][0].update(image_id=-5), "annotations of image_id [-5] found, wanted ids of images"),
    ],
)
def test_damage_of_categories_is_refused(tmp_path, change, said):
    with pytest.raises(InputError) as caught:
        import_data(changed(tmp_path / "in", change), Choice(), tmp_path / "out", ["a", "b", "c"])
    assert len(caught.value.problems) == 1
    assert said in str(caught.value)


def test_ids_of_categories_may_be_0_or_huge(tmp_path):
    numbers = {4: 0, 5: 2**60, 6: -3}

    def change(content):
        content["categories"] = [
            row | {"id": numbers[row["id"]]} for row in content["categories"] if row["id"] in numbers
        ]
        for row in content["annotations"]:
            row["category_id"] = numbers[row["category_id"]]

    import_data(changed(tmp_path / "in", change), Choice(fraction=0.3, seed=1), tmp_path / "out", ["a", "b", "c"])
    assert categories(tmp_path / "out", ["a", "b", "c"]) == [1, 1, 1, 2, 2, 3]


def test_a_class_without_nuclei_is_a_warning_and_classes_found_are_advice(tmp_path):
    def change(content):
        content["annotations"] = [row for row in content["annotations"] if row["category_id"] != 6]

    (tmp_path / "ids.yaml").write_text("[z]")  # of class a alone
    source, choice = changed(tmp_path / "in", change), Choice(file=tmp_path / "ids.yaml")
    report = import_data(source, choice, tmp_path / "out", ["a", "b", "c"])
    said = "\n".join(summary_lines(report))
    assert "WARNING: class c: no nucleus in the training images**" in said
    assert [f"WARNING: class {name}: no nucleus in the test images**" in said for name in "abc"] == [False, True, True]
    assert "class a: no nucleus in the training" not in said
    missing = ["c: no nucleus in the training", "b: no nucleus in the test", "c: no nucleus in the test"]
    assert sorted(class_warnings(report)) == sorted(f"class {line} images" for line in missing)
    plain = summary_lines(import_data(source, choice, tmp_path / "plain"))
    assert '- All are one class; to tell them apart set `raw.classes: ["a", "b"]`.' in plain


def test_masks_that_name_no_class_are_refused(drawn):
    images, _, _ = read_layout(drawn / "dataset")
    with pytest.raises(InputError, match="a mask file found, which has no class, wanted one class in raw.classes"):
        convert(images, "exact", classes=["a", "b"])


def test_each_unknown_class_of_stored_nuclei_is_one_line(tmp_path):
    import_data(changed(tmp_path / "in", lambda c: None), Choice(fraction=0.3, seed=1), tmp_path / "out", list("abc"))
    images, _, _ = read_layout(tmp_path / "out/dataset", tmp_path / "out/test_masks")
    with pytest.raises(InputError) as caught:
        convert(images, "exact", classes=["c", "other"])
    wanted = "wanted one of the classes c, other; add it to raw.classes, or correct the data"
    assert [line.split("masks.json: ")[1].split(": ", 1)[1] for line in caught.value.problems] == [
        f"class {name!r} found, {wanted}" for name in "ab"
    ]


def test_label_images_are_of_no_class(tmp_path):
    folder, _ = write_set("labels png", tmp_path / "in")
    with pytest.raises(InputError, match="nuclei of the class 'nucleus' found"):
        import_data(Source(folder), Choice(), tmp_path / "out", ["a", "b"])
