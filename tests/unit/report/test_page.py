"""The report page: whole, self-contained, escaped."""

import base64
import html
import re
from dataclasses import replace
from pathlib import Path

import pytest
from support.report_parts import PIXEL, make_parts

from nuclei.common.markdown import code, table_lines
from nuclei.common.stage import InputError
from nuclei.report.page import render, rendered
from nuclei.report.table_files import write_table


@pytest.fixture
def parts(tmp_path):
    """See support/report_parts.py."""
    return make_parts(tmp_path)


def test_everything_stands_on_one_page_without_outside_files(parts):
    page = render("results/<demo>", "Run a & b", "Drawn <data>", parts)
    for text in (
        "Run a &amp; b",
        "Drawn &lt;data&gt;",
        "results/&lt;demo&gt;",
        "mask &amp; co",
        "note &lt;one&gt;",
        "x&lt;y",
        "0.2310",
        "Full 2",
    ):
        assert text in page
    assert "<td>14598</td>" in page
    assert "<strong>0.846</strong>" in page
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    images = [source for source in sources if not source.startswith("#")]
    assert [base64.b64decode(source.partition("base64,")[2]) for source in images] == [PIXEL] * 3
    assert all(source.startswith("data:image/") for source in images)
    assert not re.search(r"<script|<link|@import|url\(", page)
    for anchor in [source[1:] for source in sources if source.startswith("#")]:
        assert f'id="{anchor}"' in page
    assert page.index("Table 1") < page.index("Table 2") < page.index("Full 1")


def test_only_what_is_given_is_shown_in_the_given_order(parts, tmp_path):
    write_table([{"model": "gone"}], tmp_path / "tables/explored", "Explored", [])
    explored = str(tmp_path / "tables/explored.html")
    page = render("r", "t", "", replace(parts, tables=[*parts.tables, explored]))
    assert page.index("Table 1") < page.index("Table 2") < page.index("Explored") < page.index("Full 1")
    assert "Explored" not in render("r", "t", "", parts)
    fewer = replace(parts, tables=parts.tables[:1], full_tables=[], curves=parts.curves[:1], overlays=[])
    page = render("r", "t", "", fewer)
    shown = [name for name in ("Table 1", "Table 2", "Full 1", "Explored") if name in page]
    assert (shown, page.count("data:image")) == (["Table 1"], 1)


def test_provenance_is_cut_to_what_a_page_shows(parts):
    page = render("r", "t", "", parts)
    assert "<td>0.2310</td>" in page
    assert "<td>abababababab</td>" in page
    assert 'class="note"' not in page


def test_all_missing_parts_are_named(parts):
    missing = [parts.cells, parts.data, parts.full_tables[1], parts.overlays[0]]
    for path in missing:
        Path(path).unlink()
    with pytest.raises(InputError) as caught:
        render("r", "t", "", parts)
    assert caught.value.problems == [
        f"{path}: not found, wanted for the report; run the stages before it" for path in missing
    ]


LIVE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "a\n\n<div onclick=alert(1)>\n\nb\n\n</div>",
    "[a](javascript:alert(1))",
    "![a](http://example.org/a.png)",
    "[a][b]\n\n[b]: javascript:alert(1)",
    "[b]\n\n[b]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "<http://example.org>",
]


@pytest.mark.parametrize("text", LIVE)
def test_markdown_of_a_summary_brings_nothing_live(text):
    assert set(re.findall(r"<([^\s>/]+)", rendered(text))) <= {"p", "strong", "em", "code"}


@pytest.mark.parametrize(
    "text", [*LIVE, "a|b", "`|`", "\\|", "\\", "&lt;b&gt;", "*a*", "_a_", "a_b_c", "``", "~a~", "]["]
)
def test_text_of_a_cell_is_shown_as_it_is(text):
    page = rendered("\n".join(table_lines(["one", "two"], [[text, "end"]])))
    assert [html.unescape(cell) for cell in re.findall(r"<td>(.*?)</td>", page)] == [" ".join(text.splitlines()), "end"]
    shown = rendered(f"- {code(text)}")
    assert html.unescape(shown) == f"<ul>\n<li><code>{' '.join(text.splitlines())}</code></li>\n</ul>"
