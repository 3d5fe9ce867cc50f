"""Downloads: what is not there is asked for once, what never ends well is an error."""

import http.server
import zipfile

import pytest
from support.archives import server

from nuclei.common.archives import download, unpack
from nuclei.common.stage import InputError


def test_missing_file_is_asked_for_once(tmp_path):
    asked = []

    class Counting(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    with server(tmp_path, handler=Counting) as address, pytest.raises(InputError, match="404"):
        download(f"{address}/none.tar", tmp_path / "part")
    assert set(asked) == {"/none.tar"} and len(asked) == 2  # the error's line and the request's


def test_download_that_never_ends_well_is_an_error(tmp_path):
    (tmp_path / "x").write_bytes(bytes(100_000))
    with server(tmp_path, breaks=99) as address, pytest.raises(InputError, match="of 100000 bytes came"):
        download(f"{address}/x", tmp_path / "part", pause=0)


def foreign(path, system, names):
    """A zip file whose names are these bytes, without the flag that says UTF-8."""
    with zipfile.ZipFile(path, "w") as file:
        for number, name in enumerate(names):
            info = zipfile.ZipInfo("ABCD"[number] * len(name))
            info.create_system = system
            file.writestr(info, b"" if name.endswith((b"/", b"\\")) else b"1")
    content = path.read_bytes()
    for number, name in enumerate(names):
        content = content.replace(b"ABCD"[number : number + 1] * len(name), name)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("system", "names", "wanted"),
    [
        (0, [b"top\\", b"top\\train\\a.png", b"top\\b.json"], {"top/train/a.png", "top/b.json"}),
        (11, [b"top\\train\\a.png"], {"top/train/a.png"}),  # .NET before 4.6.1
        (3, ["top/gewebe-ü/a.png".encode(), b"__MACOSX/top/._a.png"], {"top/gewebe-ü/a.png"}),
        (0, ["top/gewebe-ü/a.png".encode("cp437")], {"top/gewebe-ü/a.png"}),
        (3, [b"top/a.png", b"top/b\\c.png"], {"top/a.png", "top/b\\c.png"}),  # a name that Linux takes
    ],
)
def test_zips_of_other_systems_keep_their_names(tmp_path, system, names, wanted):
    foreign(tmp_path / "raw.zip", system, names)
    (tmp_path / "out").mkdir()
    unpack(tmp_path / "raw.zip", tmp_path / "out")
    files = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert files == wanted


def test_backslashes_leave_no_folder(tmp_path):
    foreign(tmp_path / "raw.zip", 0, [b"..\\..\\evil"])
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="leaves the target folder"):
        unpack(tmp_path / "raw.zip", tmp_path / "out")
