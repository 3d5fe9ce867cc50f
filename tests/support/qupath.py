"""GeoJSON as QuPath 0.6 writes it (File, Export objects as GeoJSON): pretty-printed, in the order that it has."""

import json
import uuid

COLOURS = {"nucleus": [200, 0, 0], "Region*": [0, 0, 180], "Ignore*": [180, 180, 180]}


def square(left, top, right, bottom):
    """A closed ring."""
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]


def row(kind, name, *rings, geometry="Polygon"):
    """A feature. kind: annotation or detection. name: of its class, or None. rings: coordinates of the geometry."""
    about = {"objectType": kind}
    if name:
        about["classification"] = {"name": name, "color": COLOURS.get(name, [10, 20, 30])}
    return {
        "type": "Feature",
        "id": str(uuid.UUID(int=abs(hash((kind, name, str(rings)))))),
        "geometry": {"type": geometry, "coordinates": list(rings)},
        "properties": about,
    }


def write(path, *rows):
    """A feature collection in a file; returns its path."""
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(rows)}, indent=2), encoding="utf-8")
    return path
