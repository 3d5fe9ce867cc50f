"""Bad raw data and splits: how each is made, the command that meets it, and the exact lines it answers with."""
# ruff: noqa: F403, F405 (the table is easiest to read in the plain names of damage.py)

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from support.bad_input import catalogue
from support.damage import *

PAIRS = [(a, b) for b in range(8) for a in range(b)]

# fmt: off
TABLE = [
    # images and masks
    ("corrupt mask", lambda: flip(MASK, 60), CHECK, f"{MASK}: {NO_MASK}"),
    ("truncated mask", lambda: cut(MASK, 0.6), CHECK, f"{MASK}: {NO_MASK}"),
    ("mask file of no bytes", lambda: text(MASK, ""), CHECK, f"{MASK}: {NO_MASK}"),
    ("16-bit mask", lambda: put(MASK, full(255, np.uint16)), CHECK, f"{MASK}: 1 channels of uint16 found, {GREY}"),
    ("RGB mask", lambda: put(MASK, full(255, shape=(SIDE, SIDE, 3))), CHECK,
     f"{MASK}: 3 channels of uint8 found, {GREY}"),
    ("palette mask", lambda: Image.fromarray(full(1)).convert("P").save(MASK), CHECK,
     f"{MASK}: 3 channels of uint8 found, {GREY}"),
    ("mask of another size", lambda: put(MASK, full(255, shape=(64, SIDE))), CHECK,
     f"{MASK}: 128x64 px found, wanted 128x128 as its image; export it again"),
    ("mask of other values", lambda: put(MASK, full(7)), CHECK,
     f"{MASK}: values [7] found, wanted 0 and 255 (or 0 and 1); threshold the mask"),
    ("grey levels at a mask's rim", lambda: put(MASK, cv2.blur(cv2.imread(str(MASK), 0), (3, 3))), CHECK,
     f"{MASK}: values [0, 28, 57, 85, 113, 142] found, wanted 0 and 255 (or 0 and 1); threshold the mask"),
    ("empty mask", lambda: put(MASK, full(0)), CHECK, f"{MASK}: empty mask (all 0), wanted a nucleus; remove the file"),
    ("three bad masks at once",
     lambda: [put(MASK, full(7)), put(OTHER, full(0)), cut(MASKS / "mask_0003.png", 0.5)], CHECK,
     f"{MASK}: values [7] found, wanted 0 and 255 (or 0 and 1); threshold the mask",
     f"{MASKS}/mask_0003.png: {NO_MASK}",
     f"{OTHER}: empty mask (all 0), wanted a nucleus; remove the file"),
    ("overlapping nuclei", lambda: copy_mask("mask_9999.png"), CHECK,
     "DEMO-01: mask_0001.png and mask_9999.png overlap in 138 px, wanted none; correct the masks or set "
       "raw.allow_overlap: true"),
    ("corrupt image", lambda: flip(IMAGE, 5000), CHECK, f"{IMAGE}: {NO_IMAGE}"),
    ("truncated image", lambda: cut(IMAGE, 0.5), CHECK, f"{IMAGE}: {NO_IMAGE}"),
    ("image that is no picture", lambda: text(TEST / "DEMO-04.png", "<html>"), CHECK,
     f"dataset/test/DEMO-04.png: {NO_IMAGE}"),
    ("bad mask met by the converter",
     lambda: put(MASK, full(7)), "convert_train --dataset dataset --method exact --out o.json",
     f"{MASK}: values [7] found, wanted 0 and 255 (or 0 and 1); threshold the mask"),
    ("bad test mask met by the converter",
     lambda: put("test_masks/DEMO-05/masks/mask_0002.png", full(0)),
     "convert_test --dataset dataset --test-masks test_masks --out o.json",
     "test_masks/DEMO-05/masks/mask_0002.png: empty mask (all 0), wanted a nucleus; remove the file"),
    ("bad layout met by the converter", lambda: IMAGE.unlink(), "convert_test --dataset dataset --out o.json",
     f"{IMAGE}: not found (images/ holds nothing), wanted the image of these masks; add or rename it"),
    # files and folders
    ("masks without their image", lambda: IMAGE.unlink(), CHECK,
     f"{IMAGE}: not found (images/ holds nothing), wanted the image of these masks; add or rename it"),
    ("image of another name than its folder", lambda: IMAGE.rename(IMAGE.with_name("x.png")), CHECK,
     f"{IMAGE}: not found (images/ holds x.png), wanted the image of these masks; add or rename it"),
    ("image without masks", lambda: shutil.rmtree(MASKS), CHECK,
     f"{TRAIN}/DEMO-01: no folder masks found, wanted one with a PNG a nucleus; add it or remove DEMO-01"),
    ("folder masks without a mask", lambda: [empty(MASKS), text(MASKS / "notes.txt", "lost")], CHECK,
     f"{MASKS}: holds files but no PNG, wanted one a nucleus, or nothing for an image without any; add them, empty the "
       "folder or remove DEMO-01"),
    ("masks of another format", lambda: [MASK.rename(MASK.with_suffix(".TIF")),
      (TEST / "a.jpg").touch()], CHECK,
     f"{MASKS}: 1 files that are no PNG but look like masks found (mask_0001.TIF), wanted PNG alone; convert or remove "
       "them",
     "dataset/test: 1 files that are no PNG but look like test images found (a.jpg), wanted PNG alone; convert or "
       "remove them"),
    ("label image among the masks", lambda: put(MASK, labels(np.uint8, 40)), CHECK,
     f"{MASK}: values up to 40 found, which looks like a label image of 40 nuclei, wanted a file per nucleus with 0 "
       "and 255; write each value into a file of its own"),
    ("label image of 16 bits", lambda: put(MASK, labels(np.uint16, 300)), CHECK,
     f"{MASK}: values up to 300 found, which looks like a label image of 300 nuclei, wanted a file per nucleus with 0 "
       "and 255; write each value into a file of its own"),
    ("inverted masks", lambda: [put(path, 255 - cv2.imread(str(path), 0)) for path in MASKS.glob("*.png")], CHECK,
     lambda: f"{IMAGE}: {(n := len(list(MASKS.glob('*.png'))))} of {n} masks cover more than half of the image, wanted "
       "nuclei 255 on 0; invert the masks"),
    ("very many overlaps", lambda: [copy_mask(f"copy_{n}.png") for n in range(8)], CHECK,
     *(f"DEMO-01: copy_{a}.png and copy_{b}.png overlap in 138 px, wanted none; correct the masks or set "
       "raw.allow_overlap: true" for a, b in PAIRS[:20]), "dataset: 16 more problems like these"),
    ("turned image", lambda: oriented(IMAGE, 6), CHECK,
     f"{IMAGE}: EXIF orientation 6 found, wanted none (or 1); export it upright"),
    ("turned mask", lambda: oriented(MASK, 3), CHECK,
     f"{MASK}: EXIF orientation 3 found, wanted none (or 1); export it upright"),
    ("12 bits in 16", lambda: put(IMAGE, full(4095, np.uint16)), CHECK,
     f"{IMAGE}: 16-bit image with values up to 4095 found (12 bits in use), wanted all 16 bits, or 8; convert it to 8 "
       "bits, value * 255 / 4095"),
    ("pointers of Git LFS", lambda: [text(path, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
      for path in (MASK, IMAGE.parents[2] / "DEMO-02/images/DEMO-02.png")], CHECK,
     f"{MASK}: a pointer of Git LFS found, wanted a mask; run git lfs pull",
     f"{TRAIN}/DEMO-02/images/DEMO-02.png: a pointer of Git LFS found, wanted an image; run git lfs pull"),
    ("mask that nobody may read", lambda: MASK.symlink_to("/proc/self/mem") if not MASK.unlink() else None, CHECK,
     f"{MASK}: cannot be read (Input/output error), wanted a mask; check the file"),
    ("names of the same letters in NFC and NFD", lambda: [copy_mask(f"{e}.png") for e in ("\u00e9", "e\u0301")],
     CHECK_OVERLAP,
     f"{MASKS}/\u00e9.png: same name as e\u0301.png but for the form of its letters in Unicode (NFC, NFD), wanted one; "
       "rename it"),
    ("file in the place of folder masks", lambda: replace(MASKS, "x"), CHECK,
     f"{TRAIN}/DEMO-01: no folder masks found, wanted one with a PNG a nucleus; add it or remove DEMO-01"),
    ("mask that is a link to nothing", lambda: replace(MASK, Path("nowhere.png")), CHECK,
     f"{MASK}: link to nothing found, wanted a file or folder; correct or remove the link"),
    ("training folder that is a link to nothing", lambda: replace(TRAIN / "DEMO-02", Path("nowhere")), CHECK,
     f"{TRAIN}/DEMO-02: link to nothing found, wanted a file or folder; correct or remove the link"),
    ("mask that is a link to itself", lambda: replace(MASK, Path("mask_0001.png")), CHECK,
     f"{MASK}: link to nothing found, wanted a file or folder; correct or remove the link"),
    ("mask names that differ in case", lambda: copy_mask("MASK_0001.PNG"), CHECK_OVERLAP,
     f"{MASK}: same name as MASK_0001.PNG but for case, wanted one; rename it"),
    ("image names that differ in case", lambda: [shutil.copytree(TRAIN / "DEMO-03", TRAIN / "demo-03"),
      (TRAIN / "demo-03/images/DEMO-03.png").rename(TRAIN / "demo-03/images/demo-03.png")], CHECK,
     f"{TRAIN}/demo-03: same name as DEMO-03 but for case, wanted one; rename it"),
    ("test images that differ in case", lambda: [shutil.copy(TEST / "DEMO-04.png", TEST / "DEMO-04.PNG"),
      edit(IDS, lambda rows: rows.append({**rows[0], "id": 9, "file_name": "DEMO-04.PNG"}))], CHECK_TRAIN,
     "dataset/test/DEMO-04.png: same name as DEMO-04.PNG but for case, wanted one; rename it"),
    ("image in train and in test", lambda: [(TRAIN / "DEMO-01").rename(TRAIN / "demo-04"),
      (TRAIN / "demo-04/images/DEMO-01.png").rename(TRAIN / "demo-04/images/demo-04.png")], CHECK,
     "dataset: DEMO-04 found in train/ and in test/, wanted in one; remove the other"),
    ("name with a line break", lambda: copy_mask("a\nb.png"), CHECK_OVERLAP,
     f"{MASKS}: name 'a\\nb.png' found, wanted letters that can be printed (UTF-8); rename it"),
    ("name that is no UTF-8", lambda: copy_mask(os.fsdecode(b"m\xff.png")), CHECK_OVERLAP,
     f"{MASKS}: name 'm\\udcff.png' found, wanted letters that can be printed (UTF-8); rename it"),
    ("no training images", lambda: empty(TRAIN), CHECK,
     f"{TRAIN}: no training images found, wanted <id>/images/<id>.png; check raw.dataset.path"),
    ("no data set", lambda: shutil.rmtree("dataset"), CHECK,
     "dataset: not found, wanted a folder with train/, test/ and test_img_ids.json; check the path"),
    ("file in the place of the data set", lambda: replace("dataset", "x"), CHECK,
     "dataset: not found, wanted a folder with train/, test/ and test_img_ids.json; check the path"),
    ("no folder of test masks", lambda: shutil.rmtree("test_masks"), CHECK,
     "test_masks: cannot be listed (No such file or directory), wanted a readable folder; check it"),
    ("test image without masks", lambda: shutil.rmtree("test_masks/DEMO-05"), CHECK,
     "test_masks/DEMO-05: not found, wanted the masks of a test image; add them"),
    ("masks of no test image", lambda: Path("test_masks/DEMO-05").rename("test_masks/X"), CHECK,
     "test_masks/DEMO-05: not found, wanted the masks of a test image; add them",
     "test_masks/X: masks of no test image, wanted an id of test_img_ids.json; remove it"),
    ("file in the place of the test masks", lambda: replace("test_masks", "x"), CHECK,
     "test_masks: cannot be listed (Not a directory), wanted a readable folder; check it"),
    ("pipe in the place of a mask", lambda: [MASK.unlink(), os.mkfifo(MASK)], CHECK,
     f"{MASK}: neither a file nor a folder found, wanted one of them; remove it"),
    ("pipe in the place of an image", lambda: [IMAGE.unlink(), os.mkfifo(IMAGE)], CHECK,
     f"{IMAGE}: neither a file nor a folder found, wanted one of them; remove it",
     f"{IMAGE}: not found (images/ holds nothing), wanted the image of these masks; add or rename it"),
    ("mask that cannot be read", lambda: replace(MASK, UNREADABLE), CHECK,
     f"{MASK}: cannot be read (Input/output error), wanted a mask; check the file"),
    ("image that cannot be read", lambda: replace(TEST / "DEMO-04.png", UNREADABLE), CHECK,
     "dataset/test/DEMO-04.png: cannot be read (Input/output error), wanted an image; check the file"),
    # test ids
    ("test ids that are a pipe", lambda: [IDS.unlink(), os.mkfifo(IDS)], CHECK,
     f"{IDS}: neither a file nor a folder found, wanted a JSON file; correct it"),
    ("test ids that cannot be read", lambda: replace(IDS, UNREADABLE), CHECK,
     f"{IDS}: cannot be read (Input/output error), {ROWS}; check the path"),
    ("test ids missing", lambda: IDS.unlink(), CHECK,
     f"{IDS}: cannot be read (No such file or directory), {ROWS}; check the path"),
    ("test ids missing and a bad mask", lambda: [IDS.unlink(), put(MASK, full(0))], CHECK,
     f"{IDS}: cannot be read (No such file or directory), {ROWS}; check the path",
     f"{MASK}: empty mask (all 0), wanted a nucleus; remove the file"),
    ("test ids that are no JSON", lambda: text(IDS, "[{"), CHECK,
     f"{IDS}: not JSON (Expecting property name enclosed in double quotes: line 1 column 3 (char 2)), "
       f"{ROWS}; make the file again"),
    ("test ids that are no text", lambda: IDS.write_bytes(b"\xff\xfe"), CHECK,
     f"{IDS}: not JSON ('utf-8' codec can't decode byte 0xff in position 0: invalid start byte), "
       f"{ROWS}; make the file again"),
    ("test ids that are a folder", lambda: [IDS.unlink(), IDS.mkdir()], CHECK,
     f"{IDS}: cannot be read (Is a directory), {ROWS}; check the path"),
    ("test ids that are no list", lambda: text(IDS, "{}"), CHECK, f"{IDS}: dict found, {ROWS}; correct it"),
    ("no test ids", lambda: text(IDS, "[]"), CHECK, f"{IDS}: an empty list found, {ROWS}; correct it"),
    ("test ids of wrong types", lambda: edit(IDS, lambda rows: [rows[0].update(id="1"), rows[1].pop("width")]), CHECK,
     f"{IDS}: row {{'file_name': 'DEMO-04.png', 'height': 128, 'id': '1', 'width': 128}} found, wanted file_name, "
       "height, width, id; correct it",
     f"{IDS}: row {{'file_name': 'DEMO-05.png', 'height': 128, 'id': 2}} found, wanted file_name, height, width, id; "
       "correct it"),
    ("duplicate test id", lambda: edit(IDS, lambda rows: rows[1].update(id=1)), CHECK,
     f"{IDS}: DEMO-05.png with id 1 found twice, wanted each once; correct it",
     "dataset/test/DEMO-05.png: found in test/ but not in test_img_ids.json, wanted in both; correct one",
     "test_masks/DEMO-05: masks of no test image, wanted an id of test_img_ids.json; remove it"),
    ("duplicate test image", lambda: edit(IDS, lambda rows: rows.append({**rows[0], "id": 7})), CHECK,
     f"{IDS}: DEMO-04.png with id 7 found twice, wanted each once; correct it"),
    ("test id of no image", lambda: edit(IDS, lambda rows: rows[0].update(file_name="X.png")), CHECK,
     "dataset/test/DEMO-04.png: found in test/ but not in test_img_ids.json, wanted in both; correct one",
     "dataset/test/X.png: found in test_img_ids.json but not in test/, wanted in both; correct one",
     "test_masks/DEMO-04: masks of no test image, wanted an id of test_img_ids.json; remove it"),
    ("test image of no id", lambda: edit(IDS, lambda rows: rows.pop()), CHECK_TRAIN,
     "dataset/test/DEMO-05.png: found in test/ but not in test_img_ids.json, wanted in both; correct one"),
    ("test ids of another size", lambda: edit(IDS, lambda rows: rows[0].update(width=100)), CHECK,
     "dataset/test/DEMO-04.png: 128x128 px found, wanted 100x128 as in test_img_ids.json; correct one"),
    # split
    ("split of unknown images", lambda: split_file(train=["DEMO-01", "DEMO-02", "X", "Y"]), CHECK_SPLIT,
     "s.yaml: X is no training image; remove it",
     "s.yaml: Y is no training image; remove it"),
    ("image in both halves", lambda: split_file(train=["DEMO-01", "DEMO-02", "DEMO-03"]), CHECK_SPLIT,
     "s.yaml: DEMO-03 is in both halves, wanted one; remove it from the other"),
    ("image in neither half", lambda: split_file(train=["DEMO-01"]), CHECK_SPLIT,
     "s.yaml: DEMO-02 is in neither half; add it"),
    ("image twice in a half", lambda: split_file(validation=["DEMO-03", "DEMO-03"]), CHECK_SPLIT,
     "s.yaml: DEMO-03 is named twice in validation, wanted once; remove one"),
    ("empty half", lambda: split_file(train=["DEMO-01", "DEMO-02", "DEMO-03"], validation=[]), CHECK_SPLIT,
     "s.yaml: validation is empty, wanted an image at least; add one"),
    ("half that is no list", lambda: split_file(validation="DEMO-03"), CHECK_SPLIT,
     f"s.yaml: {{'train': ['DEMO-01', 'DEMO-02'], 'validation': 'DEMO-03'}} found, {HALVES}; correct it"),
    ("split of numbers", lambda: split_file(validation=[3]), CHECK_SPLIT,
     f"s.yaml: {{'train': ['DEMO-01', 'DEMO-02'], 'validation': [3]}} found, {HALVES}; correct it"),
    ("third part of a split", lambda: split_file(test=["DEMO-02"]), CHECK_SPLIT,
     f"s.yaml: {{'test': ['DEMO-02'], 'train': ['DEMO-01', 'DEMO-02'], 'validation': ['DEMO-03']}} found, "
       f"{HALVES}; correct it"),
    ("split file that is no YAML", lambda: text("s.yaml", "train: ["), CHECK_SPLIT,
     "s.yaml: not YAML (while parsing a flow node expected the node content, but found '<stream end>' in \"<byte "
       'string>", line 1, column 9: train: [ ^), wanted a YAML file; correct it'),
    ("split file with a date of no calendar", lambda: text("s.yaml", "train: [2020-13-40]"), CHECK_SPLIT,
     "s.yaml: not YAML (month must be in 1..12), wanted a YAML file; correct it"),
    ("split file missing", None, CHECK_SPLIT,
     "s.yaml: cannot be read (No such file or directory), wanted a YAML file; check the path"),
    ("split from a check of another form", lambda: text("checked.json", "[1]"), SPLIT,
     "checked.json: other content found (TypeError list indices must be integers or slices, not str), wanted what "
       "check_part.py writes; run it again"),
    ("counts from checks of another form", lambda: [text("c.json", "[1]"), text("t.json", "{}")],
     "check_raw --train c.json --test t.json --out o.json --summary o.md",
     "c.json, t.json: other content found (TypeError list indices must be integers or slices, not str), wanted what "
       "check_part.py writes; run it again"),
    ("annotations of another form", lambda: [text("train.json", '{"images": [7]}'), text("split.json", "{}")], SETTINGS,
     "train.json: other content found (TypeError 'int' object is not subscriptable), wanted what convert_train.py "
       "writes; run it again"),
    ("expected count of no number", None, COUNT + " --expected train=many",
     "--expected train=many: wanted name=count, as in train=14598; correct it"),
    ("expected count of no known name", None, COUNT + " --expected trian=2",
     "--expected: trian found, wanted one of train, test, setting1_train, setting1_validation; correct it"),
]
# fmt: on

test_bad_input = catalogue(TABLE)
