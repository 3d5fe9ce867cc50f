"""What stands under tables where a training may have seen test images."""

import argparse

from nuclei.common.files import read_json
from nuclei.common.stage import written_by


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names leaks.json."""
    parser.add_argument("--leaks", help="leaks.json: test images that a training may have seen")


def leak_lines(path: str | None) -> list[str]:
    """Lines under a table: one for each test image that was seen, none without leaks. path: of leaks.json."""
    if not path:
        return []
    found = read_json(path, "what check_leaks.py writes")
    with written_by("check_leaks.py", path):
        return [
            f"LEAK: test image {leak['test']}: {leak['how']} as {leak['seen']}, a training image of {leak['seen_by']}; "
            "its scores say nothing of new images"
            for leak in found["leaks"]
        ]
