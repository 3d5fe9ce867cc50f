"""Bad answers, predictions and tables: how each is made, the command that meets it, and the exact lines."""
# ruff: noqa: F403, F405 (the table is easiest to read in the plain names of damage.py)

import shutil
from pathlib import Path

from conftest import ROOT
from support.bad_input import catalogue
from support.damage import *

# fmt: off
TABLE = [
    # answers
    ("predictions without boxes", lambda: truth([row(bbox=None)]),
     f"write_answer --predictions p.json --test-images truth.json --test-img-ids {IDS} --out o.json --zip o.zip",
     "p.json: row 0: bbox is None, wanted [x, y, width, height] in px; correct the row"),
    ("zip of nothing", lambda: zipped("answer.zip"), ANSWER_ZIP,
     "answer.zip: holds nothing, wanted answer.json alone; zip it again"),
    ("answer missing", None, ANSWER,
     "answer.json: cannot be read (No such file or directory), wanted an answer; check the path"),
    ("answer that is no JSON", lambda: text("answer.json", "["), ANSWER,
     "answer.json: not JSON (Expecting value: line 1 column 2 (char 1)), wanted an answer; make the file again"),
    ("answer that is no list", lambda: text("answer.json", "{}"), ANSWER,
     "answer.json: dict found, wanted a list of detections; write COCO results"),
    ("row that is no object", lambda: answer(1, row()), ANSWER, "answer.json: row 0: is no object; correct the row"),
    ("row without keys", lambda: answer({}, {"image_id": 1}, {"image_id": 1, "category_id": 1}), ANSWER,
     "answer.json: row 0: image_id is None, wanted one of [1, 2]; correct the row",
     "answer.json: row 1: category_id is None, wanted 1; correct the row",
     "answer.json: row 2: score is None, wanted a finite number; correct the row"),
    ("wrong image id", lambda: answer(row(image_id=3), row(image_id="1"), row(image_id=True)), ANSWER,
     "answer.json: row 0: image_id is 3, wanted one of [1, 2]; correct the row",
     "answer.json: row 1: image_id is '1', wanted one of [1, 2]; correct the row",
     "answer.json: row 2: image_id is True, wanted one of [1, 2]; correct the row"),
    ("wrong category", lambda: answer(row(category_id=0), row(category_id="nucleus")), ANSWER,
     "answer.json: row 0: category_id is 0, wanted 1; correct the row",
     "answer.json: row 1: category_id is 'nucleus', wanted 1; correct the row"),
    ("score that is no number", lambda: answer(row(score="high"), row(score=None), row(score=True)), ANSWER,
     "answer.json: row 0: score is 'high', wanted a finite number; correct the row",
     "answer.json: row 1: score is None, wanted a finite number; correct the row",
     "answer.json: row 2: score is True, wanted a finite number; correct the row"),
    ("score that is not finite", lambda: answer(row(score=float("nan")), row(score=float("-inf"))), ANSWER,
     "answer.json: row 0: score is nan, wanted a finite number; correct the row",
     "answer.json: row 1: score is -inf, wanted a finite number; correct the row"),
    ("box of no four numbers", lambda: answer(row(bbox=[1, 2, 3]), row(bbox=[0, 0, -1, 1])), ANSWER,
     "answer.json: row 0: bbox is [1, 2, 3], wanted [x, y, width, height] in px; correct the row",
     "answer.json: row 1: bbox is [0, 0, -1, 1], wanted [x, y, width, height] in px; correct the row"),
    ("RLE of another size", lambda: answer(rle(size=[64, 64]), rle(size=None)), ANSWER,
     "answer.json: row 0: segmentation size [64, 64] is not the image's [128, 128]; correct the row",
     "answer.json: row 1: segmentation size None is not the image's [128, 128]; correct the row"),
    ("RLE that is too long", lambda: answer(rle(counts=row()["segmentation"]["counts"] + "11")), ANSWER,
     "answer.json: row 0: segmentation counts cover 16515 px, not 16384 px; correct the row"),
    ("RLE out of range", lambda: answer(rle(counts="é"), rle(counts="oooooooooooooooo0")), ANSWER,
     "answer.json: row 0: segmentation counts are not RLE; correct the row",
     "answer.json: row 1: segmentation counts are not RLE; correct the row"),
    ("counts that are no text", lambda: answer(rle(counts=[1, 2]), row(segmentation=[[0, 0, 1, 1, 2, 0]])), ANSWER,
     "answer.json: row 0: segmentation counts are list, not a string; correct the row",
     "answer.json: row 1: segmentation is no RLE {size, counts}; correct the row"),
    ("more than 100 detections", lambda: answer(*[row()] * 101), ANSWER,
     "answer.json: 101 detections of image 1, wanted 100 at most; keep the surest"),
    ("zip of other files", lambda: zipped("answer.zip", other_json="[]", answer_json="[]"), ANSWER_ZIP,
     "answer.zip: holds other.json, answer.json, wanted answer.json alone; zip it again"),
    ("zip that is none", lambda: text("answer.zip", "[]"), ANSWER_ZIP,
     "answer.zip: damaged (File is not a zip file), wanted a zip of JSON; zip it again"),
    ("zip that is encrypted", lambda: [zipped("answer.zip", answer_json="[]"), lock("answer.zip")], ANSWER_ZIP,
     "answer.zip: damaged (File 'answer.json' is encrypted, password required for extraction), wanted a zip of "
       "JSON; zip it again"),
    ("zip of damaged content",
     lambda: [zipped("answer.zip", answer_json="[1, 2, 3]"), flip("answer.zip", 45)], ANSWER_ZIP,
     "answer.zip: damaged (Bad CRC-32 for file 'answer.json'), wanted a zip of JSON; zip it again"),
    # scores
    ("ground truth that is no COCO", lambda: [truth(), text("truth.json", "[]")], SCORE,
     "truth.json: wanted COCO JSON with the lists images, annotations, categories; make it by "
       "convert_train.py or convert_test.py"),
    ("predictions that are no JSON", lambda: [truth(), text("p.json", "")], SCORE,
     "p.json: not JSON (Expecting value: line 1 column 1 (char 0)), wanted COCO results; make the file again"),
    ("predictions that are no list", lambda: [truth(), text("p.json", "{}")], SCORE,
     "p.json: dict found, wanted a list of COCO results; predict again"),
    ("polygon outside its image", lambda: truth(segmentation=[[0, 0, 1e9, 0, 1e9, 1e9]]), SCORE,
     "truth.json: annotation 0: segmentation is a polygon outside the image of 128x128 px; make it by "
       "convert_train.py or convert_test.py"),
    ("nucleus of no image", lambda: truth(image_id=5), SCORE,
     "truth.json: annotation 0: image_id is 5, wanted one of [1]; make it by convert_train.py or convert_test.py"),
    ("image too large for any reader",
     lambda: [truth(), edit("truth.json", lambda content: content["images"][0].update(width=10**400))], SCORE,
     f"truth.json: image 0: 1{'0' * 17}...{'0' * 19}x128 px found, wanted {2**30} px at most; make it by "
       "convert_train.py or convert_test.py"),
    ("predictions of no image", lambda: truth([row(image_id=2)]), SCORE,
     "p.json: row 0: image_id is 2, wanted one of [1]; correct the row"),
    ("no submissions", lambda: [truth(), Path("s").mkdir(), text("p.tsv", "table\tmodel\tepoch\tmap\tsubmission\n"),
      shutil.copy(ROOT / "config/models.yaml", "m.yaml")], PUBLISHED,
     "s: no answer_*.zip found, wanted the author's; set published.submissions"),
    ("published numbers of another form",
     lambda: [truth(), text("p.tsv", "model\n"), shutil.copy(ROOT / "config/models.yaml", "m.yaml")], PUBLISHED,
     "p.tsv: columns model found, wanted columns table, model, epoch, map, submission with numbers; correct it"),
    ("models file of another form", lambda: [truth(), text("p.tsv", ""), text("m.yaml", "models: 3")], PUBLISHED,
     "m.yaml: no models file ('int' object has no attribute 'values'), wanted models with method, backbone, "
       "multiscale, lr_schd; correct it"),
    # output
    ("file in the place of the outcome's folder", lambda: text("out", "x"), CHECK_ONE.replace("o.json", "out/o.json"),
     "out: File exists; check the path and run again"),
    ("folder in the place of the outcome", lambda: Path("o.json").mkdir(), CHECK_ONE,
     "o.json: Is a directory; check the path and run again"),
]
# fmt: on

test_bad_input = catalogue(TABLE)
