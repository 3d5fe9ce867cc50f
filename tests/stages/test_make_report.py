"""make_report.py: the page as a file, made of the very files that the command line names."""

import re
from dataclasses import replace

from support.report_parts import make_parts, options

from nuclei.report.page import render


def test_the_page_is_made_of_the_given_files(stage, tmp_path):
    parts = make_parts(tmp_path)
    named = ["--run-dir", "results/demo", "--title", "A", "--data-note", "B"]
    done = stage("make_report", *named, *options(parts), "--out", tmp_path / "report.html")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").read_text() == render("results/demo", "A", "B", parts)


def test_a_missing_file_is_named(stage, tmp_path):
    parts = replace(make_parts(tmp_path), conversion=str(tmp_path / "none.md"))
    named = ["--run-dir", "results/demo", "--title", "A"]
    done = stage("make_report", *named, *options(parts), "--out", tmp_path / "report.html")
    assert done.returncode == 2
    wanted = "not found, wanted for the report; run the stages before it"
    assert done.stderr == f"error: {tmp_path / 'none.md'}: {wanted}\n"
    assert not (tmp_path / "report.html").exists()


def test_names_of_the_data_stay_text(raw, stage, tmp_path):
    """Names as far as file systems allow them: HTML, the end of a table's cell, code, a link."""
    name, file = "<img src=x onerror=alert(1)>|a", "`<b onclick=alert(1)>|[x](javascript:alert(1))`.txt"
    train = raw / "dataset/train"
    (train / "DEMO-01/images/DEMO-01.png").rename(train / f"DEMO-01/images/{name}.png")
    (train / "DEMO-01").rename(train / name)
    (train / name / "masks" / file).touch()
    for script, *arguments in (
        ("check_part", "--dataset", raw / "dataset", "--part", "train", "--out", "train.json"),
        ("check_part", "--dataset", raw / "dataset", "--part", "test", "--out", "test.json"),
        ("check_raw", "--train", "train.json", "--test", "test.json", "--out", "o.json", "--summary", "o.md"),
        ("convert_train", "--dataset", raw / "dataset", "--method", "imantics", "--out", "imantics.json"),
        ("measure_conversion_loss", "--dataset", raw / "dataset", "--coco", "imantics.json", "--out", "loss.json",
         "--summary", "loss.md"),
    ):  # fmt: skip
        done = stage(script, *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    parts = replace(make_parts(tmp_path / "run"), data=tmp_path / "o.md", conversion=tmp_path / "loss.md")
    page = render("r", "t", "", parts)
    data = page.partition('<h2 id="data">')[2].partition("</section>")[0]
    tags = set(re.findall(r"<([a-z]\w*)([^>]*)>", data))
    assert {tag for tag, _ in tags} <= {
        "h2",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "p",
        "strong",
        "ul",
        "li",
        "code",
    }
    assert {attributes for _, attributes in tags} == {"", ' id="conversion"'}
    assert "<td>&lt;img src=x onerror=alert(1)&gt;|a</td>" in data
    assert "`&lt;b onclick=alert(1)&gt;|[x](javascript:alert(1))`.txt</code>" in data
