"""Values for the page's scripts: JSON, deflated, as base64, which the page opens one by one when it needs them."""

import base64
import json
import zlib
from typing import Any

RAW = -15  # deflate without a head, which the browser's DecompressionStream calls "deflate-raw"


def pack(value: object) -> str:
    """A value as the text that unpack() of web/packed.js takes; equal values give equal texts."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    deflate = zlib.compressobj(9, zlib.DEFLATED, RAW)
    return base64.b64encode(deflate.compress(text.encode("utf-8", "backslashreplace")) + deflate.flush()).decode()


def unpack(text: str) -> Any:
    """The value of a text that pack() made.

    >>> unpack(pack({"a": [1, None]}))
    {'a': [1, None]}
    """
    return json.loads(zlib.decompress(base64.b64decode(text), RAW))
