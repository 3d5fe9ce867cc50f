"""The size of a pixel, in µm, where a file has it.

From ImageJ's and OME's descriptions and Aperio's MPP it is taken as it stands. The resolution that every TIFF, PNG and
JPEG may have is most often that of a screen or printer (72 to 600 dots per inch, 42 to 353 µm); it is taken only
between 0.01 and 10 µm, which is what microscopes have.
"""

import html
import re
import struct
from typing import Any

RANGE = (0.01, 10.0)  # µm
UNITS = {
    "nm": 1e-3,
    "µm": 1.0,
    "μm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "\\u00b5m": 1.0,  # so, with B or b, ImageJ writes what is not ASCII
    "mm": 1e3,
    "cm": 1e4,
}


def plausible(size: float | None) -> float | None:
    """The size, rounded to 6 digits, where a microscope can have it, else None."""
    return round(size, 6) if size and RANGE[0] <= size <= RANGE[1] else None


def micrometres(unit: object) -> float:
    """How many µm a unit of a file is, 0 where it is none of length. XML may have µm as &#181;m."""
    return UNITS.get(html.unescape(unit).strip().lower(), 0) if isinstance(unit, str) else 0


def of_resolution(data: bytes) -> float | None:
    """Of a PNG from its bytes: its chunk pHYs, which has pixels per metre (PNG 1.2, section 4.2.4.2)."""
    at = data.find(b"pHYs", 0, data.find(b"IDAT")) if data.startswith(b"\x89PNG") else -1
    if at < 0 or len(data) < at + 13:
        return None
    across, _, unit = struct.unpack(">IIB", data[at + 4 : at + 13])
    return plausible(1e6 / across) if unit == 1 and across else None


def of_tiff(file: Any) -> float | None:
    """Of an open tifffile.TiffFile."""
    page = file.pages[0]
    text = str(getattr(page, "description", "") or "")
    if found := re.search(r"\bMPP\s*=\s*([0-9.]+)", text):  # Aperio
        return plausible(as_number(found[1]))
    if found := re.search(r'PhysicalSizeX="([0-9.eE+-]+)"', text):  # OME, whose unit is µm where none is given
        unit = re.search(r'PhysicalSizeXUnit="([^"]*)"', text)
        return plausible(as_number(found[1]) * micrometres(unit[1] if unit else "µm"))
    tag, unit = page.tags.get("XResolution"), page.tags.get("ResolutionUnit")
    value = tag.value if tag else None
    if not isinstance(value, tuple) or len(value) != 2 or not all(value):
        return None
    pixels = value[0] / value[1]  # in the unit
    if imagej := micrometres((getattr(file, "imagej_metadata", None) or {}).get("unit")):
        return plausible(imagej / pixels)
    length = {2: 25400.0, 3: 10000.0}.get(int(unit.value) if unit else 2)  # inch, centimetre; 1: no unit
    return plausible(length / pixels) if length else None


def as_number(text: Any) -> float:
    """A number or text of a file as a number, 0 where it is none."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return 0.0
