"""The sliding window: which windows cover an image, and which of them reports a nucleus."""


def windows(length, size, overlap):
    """(start, end, core start, core end) of windows along a side; the cores part it, the borders lie in mid-overlap.

    >>> windows(1800, 1000, 200)
    [(0, 1000, 0, 900), (800, 1800, 900, 1800)]
    """
    if not size or length <= size:
        return [(0, length, 0, length)]
    count = -(-(length - overlap) // (size - overlap))
    edges = [round(k * (length - size) / (count - 1)) for k in range(count)]
    middles = [0, *((a + size + b) // 2 for a, b in zip(edges, edges[1:], strict=False)), length]
    return [(edge, edge + size, middles[k], middles[k + 1]) for k, edge in enumerate(edges)]


def belongs(nucleus, row, column, height, width):
    """Whether a window (row, column of `windows`) reports a nucleus: it lies whole in it, or its centre in its core."""
    left, top, right, bottom = nucleus.extent
    whole = (
        (left > column[0] or left == 0)
        and (right < column[1] or right == width)
        and (top > row[0] or top == 0)
        and (bottom < row[1] or bottom == height)
    )
    middle = column[2] <= (left + right) / 2 < column[3] and row[2] <= (top + bottom) / 2 < row[3]
    return whole or middle
