"""make_report.py: the page as a file, made of the very files that the command line names."""

from support.report_parts import make_parts

from nuclei.report.page import render


def test_the_page_is_made_of_the_given_files(stage, tmp_path):
    parts = make_parts(tmp_path)
    done = stage(
        *("make_report", "--run-dir", "results/demo", "--title", "A", "--data-note", "B"),
        *("--tables", *parts.tables, "--full-tables", *parts.full_tables),
        *("--curves", *parts.curves, "--overlays", *parts.overlays),
        *("--data", parts.data, "--conversion", parts.conversion, "--cells", parts.cells),
        *("--out", tmp_path / "report.html"),
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").read_text() == render("results/demo", "A", "B", parts)


def test_a_missing_file_is_named(stage, tmp_path):
    parts = make_parts(tmp_path)
    done = stage(
        *("make_report", "--run-dir", "results/demo", "--title", "A", "--data", parts.data, "--cells", parts.cells),
        *("--conversion", tmp_path / "none.md", "--out", tmp_path / "report.html"),
    )
    assert done.returncode == 2
    wanted = "not found, wanted for the report; run the stages before it"
    assert done.stderr == f"error: {tmp_path / 'none.md'}: {wanted}\n"
    assert not (tmp_path / "report.html").exists()
