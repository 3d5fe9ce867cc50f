"""Text and tables in Markdown, in which what comes from data stays text."""

import re
from collections.abc import Iterable, Sequence


class Markdown(str):
    """Text that is Markdown, and not text from data that Markdown would have to escape."""


def escape(value: object) -> Markdown:
    r"""A value as Markdown that shows its text: no HTML, link, emphasis or code, no end of a table's cell or of a line.

    Underscores within words stay as they are, since Markdown takes none of them for emphasis.

    >>> print(escape("<img src=x>|a"), escape("mask_r50 & [x](y)"), escape(Markdown("**bold**")))
    &lt;img src=x>\|a mask_r50 & \[x\](y) **bold**
    """
    if isinstance(value, Markdown):
        return value
    text = re.sub(r"([\\`*\[\]|])", r"\\\1", " ".join(str(value).splitlines()))
    text = re.sub(r"&(?=#?\w+;)", "&amp;", text)  # text that looks like an HTML entity
    text = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)
    return Markdown(text.replace("<", "&lt;"))


def code(value: object) -> Markdown:
    """A value as code in a line of Markdown. Not for the cell of a table, in which code cannot hold a `|`.

    >>> code("a"), code("a`b")
    ('`a`', '``a`b``')
    """
    text = " ".join(str(value).splitlines())
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    edge = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return Markdown(f"{fence}{edge}{text}{edge}{fence}")


def table_lines(header: Sequence[object], rows: Iterable[Iterable[object]], marked: bool = False) -> list[str]:
    r"""Lines of a Markdown table, without line ends: the header, the line of dashes below it, one line for each row.

    Every cell is shown as str() shows it, by escape(). marked: the cells hold Markdown, in which only `|` is escaped.

    >>> table_lines(["cell", "AP50"], [("mask_r50", 0.5)])
    ['| cell | AP50 |', '| --- | --- |', '| mask_r50 | 0.5 |']
    """

    def shown(cell: object) -> str:
        return re.sub(r"(?<!\\)\|", r"\\|", str(cell)) if marked else escape(cell)

    lines: list[Iterable[object]] = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(map(shown, line)) + " |" for line in lines]
