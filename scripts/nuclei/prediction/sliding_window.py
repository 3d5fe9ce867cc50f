"""The sliding window: which windows cover an image, and which of them reports a nucleus.

Neighbouring windows overlap, so that a nucleus at the border of one window lies whole in the next. Each window has a
core, which ends in the middle of the overlap with the next window: the cores cover the image without overlap.

Coordinates are px, x right, y down, with pixel edges at integers: the end of a window is exclusive.
"""

from nuclei.prediction.instances import Nucleus

Span = tuple[int, int, int, int]  # of a window along one side: start, end, start of the core, end of the core


def windows(length: int, size: int | None, overlap: int) -> list[Span]:
    """The windows that cover a side of an image, evenly spread.

    length: of the side. size: of a window; None: one window for the whole side. overlap: the smallest overlap of
    neighbouring windows, less than size. Returns (start, end, start of the core, end of the core) of each window.

    >>> windows(1800, 1000, 200)
    [(0, 1000, 0, 900), (800, 1800, 900, 1800)]
    """
    if not size or length <= size:
        return [(0, length, 0, length)]
    count = -(-(length - overlap) // (size - overlap))
    edges = [round(k * (length - size) / (count - 1)) for k in range(count)]
    middles = [0, *((a + size + b) // 2 for a, b in zip(edges, edges[1:], strict=False)), length]
    return [(edge, edge + size, middles[k], middles[k + 1]) for k, edge in enumerate(edges)]


def belongs(nucleus: Nucleus, row: Span, column: Span, height: int, width: int) -> bool:
    """Whether a window reports a nucleus: if it lies whole in the window, or has its centre in the window's core.

    The first rule keeps each nucleus that some window sees whole; one that touches a border of the window, where the
    image goes on, may be cut and does not count as whole. The second rule keeps nuclei larger than the overlap, which
    no window may see whole. Two windows can report the same nucleus; fusion.distinct then removes one of them.

    nucleus: in the coordinates of the image. row, column: of the window, as `windows` gives them for the image's height
    and width.
    """
    left, top, right, bottom = nucleus.extent
    whole = (
        (left > column[0] or left == 0)
        and (right < column[1] or right == width)
        and (top > row[0] or top == 0)
        and (bottom < row[1] or bottom == height)
    )
    middle = column[2] <= (left + right) / 2 < column[3] and row[2] <= (top + bottom) / 2 < row[3]
    return whole or middle
