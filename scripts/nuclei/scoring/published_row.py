"""Shape of a row of published.tsv.

It stands apart from nuclei.scoring.published, so that an edit there does not make tables without these numbers run
again.
"""

from typing import TypedDict


class PublishedRow(TypedDict):
    """What the report printed for one model in one table.

    map: the text as printed, so that its digits are kept. submission: name of the published answer_<submission>.zip.
    """

    epoch: int
    map: str
    submission: str | None
