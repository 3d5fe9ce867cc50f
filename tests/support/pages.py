"""Reading the project's pages: headings, tables, code blocks, links."""

import re

from conftest import ROOT


def text_of(page):
    """Text of a page, by its path in the project."""
    return (ROOT / page).read_text(encoding="utf-8")


def section(text, heading):
    """What stands below a heading of any level, up to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found, f"no heading {heading}"
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text):
    """Cells of every table row in a text, heads and their lines left out."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return [row for at, row in enumerate(found) if row[0].strip("- ") and not lines_follow(found, at)]


def lines_follow(found, at):
    """Whether a row is the head of a table: a row of dashes comes next."""
    return at + 1 < len(found) and not "".join(found[at + 1]).strip("-| ")


def codes(text):
    """Everything that stands in `code` marks."""
    return re.findall(r"`([^`]+)`", text)


def blocks(text, language):
    """Contents of the fenced code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def anchors(text):
    """Link targets that a code host makes of a page's headings."""
    heads = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def links(text):
    """Targets of the links inside the project: [(path, anchor)]."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    return [tuple(target.partition("#")[::2]) for target in found if "://" not in target]


def key_paths(value, prefix=""):
    """Paths of all keys in JSON, as docs/files.md writes them: `a.b` in objects, `a[].b` in lists."""
    if isinstance(value, list):
        for item in value:
            yield from key_paths(item, f"{prefix}[]" if prefix else "")
    elif isinstance(value, dict):
        for key, item in value.items():
            path = f"{prefix}.{key}" if prefix else key
            yield path
            yield from key_paths(item, path)


def unknown_key_paths(found, heading):
    """Paths that a section of docs/files.md does not name; `<word>` in the page stands for any key."""
    table = [name for first, *_ in rows(section(text_of("docs/files.md"), heading)) for name in codes(first)]
    assert table, heading
    table += [name.rsplit(".", at)[0] for name in table for at in range(1, name.count(".") + 1)]  # what holds them
    shapes = [re.sub(r"<\w+>", "[^.]+", re.escape(name)) for name in table]
    return sorted({path for path in found if not any(re.fullmatch(shape, path) for shape in shapes)})
