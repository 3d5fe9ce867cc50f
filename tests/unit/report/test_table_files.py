"""Tables as files: special characters, signs."""

import pytest

from nuclei.report.table_files import latex_text, signed, write_table


def test_special_characters_reach_every_format(tmp_path):
    write_table([{"a": "x_y & 50%", "b": 0.5, "c": None, "d": 1}], tmp_path / "t", "A & B", ["n < 1"])
    assert r"x\_y \& 50\%" in (tmp_path / "t.tex").read_text()
    assert "n &lt; 1" in (tmp_path / "t.html").read_text()


def test_a_table_in_markdown_holds_text_alone(tmp_path):
    write_table([{"a|b": "<img src=x>|a", "c": 0.5}], tmp_path / "t", "A <b>", ["n <i>"])
    assert (tmp_path / "t.md").read_text().splitlines() == [
        "**A &lt;b>**",
        "",
        r"| a\|b              | c      |",
        "|:------------------|:-------|",
        r"| &lt;img src=x>\|a | 0.5000 |",
        "",
        "- n &lt;i>",
    ]


@pytest.mark.parametrize(
    ("value", "wanted"), [(0.01234, "+0.0123"), (-0.01236, "-0.0124"), (0.00004, "0.0000"), (-0.00004, "0.0000")]
)
def test_differences_carry_a_sign_only_where_they_show_one(value, wanted):
    assert signed(value) == wanted


def test_latex_escapes():
    assert latex_text(r"a_b {c} \d ~ ^ 5 ± 1 # $") == (
        r"a\_b \{c\} \textbackslash{}d \textasciitilde{} \textasciicircum{} 5 $\pm$ 1 \# \$"
    )
