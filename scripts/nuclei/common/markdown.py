"""Tables in Markdown."""

from collections.abc import Iterable, Sequence


def table_lines(header: Sequence[object], rows: Iterable[Iterable[object]]) -> list[str]:
    """Lines of a Markdown table, without line ends: the header, the line of dashes below it, one line for each row.

    Every cell is shown as str() shows it. A `|` in a cell is not escaped.

    >>> table_lines(["cell", "AP50"], [("mask_r50", 0.5)])
    ['| cell | AP50 |', '| --- | --- |', '| mask_r50 | 0.5 |']
    """
    lines: list[Iterable[object]] = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(map(str, line)) + " |" for line in lines]
