"""The report's published numbers."""

import pytest
from conftest import ROOT
from support.cell_files import MODELS

from nuclei.common.stage import InputError
from nuclei.scoring.published import read_published


def test_published_numbers_are_the_reports():
    published = read_published(ROOT / "config/published.tsv")
    assert len(published) == 12
    assert published[2, "mask_x101"] == {"epoch": 72, "map": "0.2316", "submission": None}
    assert [published[2, model]["map"] for model in MODELS] == [
        "0.2323",
        "0.2316",
        "0.2428",
        "0.2444",
        "0.2439",
        "0.2420",
    ]


def test_bad_files_of_published_numbers_are_named(tmp_path):
    head = "table\tmodel\tepoch\tmap\tsubmission\n"
    for text in ("", "a\tb\n1\t2\n", head + "1\tm\tx\t0.2\t\n", head + "1\tm\t3\tno\t\n"):
        (tmp_path / "published.tsv").write_text(text)
        with pytest.raises(InputError, match="published.tsv: .* found, wanted columns table, model"):
            read_published(tmp_path / "published.tsv")
    with pytest.raises(InputError, match="none: cannot be read"):
        read_published(tmp_path / "none")
