"""How tests of readers damage bytes, JSON and folders: seeded, each case under limits of CPU time and memory."""

import contextlib
import copy
import io
import json
import os
import random
import resource
import shutil
import signal
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
from support.archives import GOOD

from nuclei.common.archives import DAMAGE
from nuclei.common.stage import InputError

CASES = int(os.environ.get("NUCLEI_FUZZ_CASES", "200"))
SECONDS = 10  # of CPU time that a case may take; they take milliseconds
MEMORY = 4 * 2**30  # bytes that a case may ask for beyond what the process has; OpenCV decodes images of 2**30 px

ODD = [
    None, True, False, 0, 1, -1, 0.5, -0.0, 2**31, 2**63, 10**40, 10**400, 1e308, float("nan"), float("inf"), "", "x",
    "0", "1", "null", "é\u0301\n\ud800", "x" * 3000, "[", "../x", "1e999", "2020-13-40", [], {}, [[]],
    {"": {}}, [None] * 3,
]  # fmt: skip


class Hang(BaseException):
    """A case took too long."""


def places(value, found):
    """All (container, key) of a JSON value."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found.append((value, key))
        places(item, found)
    return found


def changed(value, chance):
    """A copy of a JSON value with a few keys dropped, doubled, renamed, moved, or given an odd value."""
    value = copy.deepcopy(value)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        found = places(value, [])
        if not found:
            return chance.choice(ODD)
        node, key = chance.choice(found)
        match chance.randrange(8):
            case 0:
                del node[key]
            case 1 if isinstance(node, list):
                node.insert(key, copy.deepcopy(node[key]))
            case 1:
                node[str(chance.choice(ODD))[:20]] = node.pop(key)
            case 2:
                node[key] = copy.deepcopy(chance.choice(found)[0])
            case 3:
                node[key] = [node[key]]
            case 4 if isinstance(node[key], str) and node[key]:
                at = chance.randrange(len(node[key]))
                node[key] = node[key][:at] + chance.choice("\0\n ~oO10Pé{}") + node[key][at + chance.randrange(2) :]
            case 5 if type(node[key]) in (int, float) and not abs(node[key]) > 1e300:
                node[key] = node[key] * chance.choice((-1, 0, 10**9, 1e300, 0.3)) + chance.choice((0, 1, -1))
            case _:
                node[key] = copy.deepcopy(chance.choice(ODD))
    return value


def broken(content, chance):
    """Bytes with a few of them flipped, cut off, put in, taken out or doubled; now and then only noise."""
    content = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at, size = chance.randrange(len(content) + 1), chance.choice((1, 1, 4, 30))
        match chance.randrange(7):
            case 0:
                del content[at:]
            case 1:
                content[at:at] = chance.randbytes(size)
            case 2:
                del content[at : at + size]
            case 3:
                content[at:at] = content[at : at + size]
            case 4 if chance.random() < 0.1:
                content[:] = chance.randbytes(chance.choice((0, 1, 100)))
            case 5:
                token = chance.choice((b"[", b'{"a":', b"- ", b"&a [*a]", b"\t", b"\r"))
                content[at:at] = token * chance.choice((1, 3, 400, 3000))
            case _ if content:
                content[at % len(content)] ^= 1 << chance.randrange(8)
    return bytes(content)


def json_bytes(value, chance):
    """A JSON value as damaged text: most often its structure, else its bytes."""
    if chance.random() < 0.7:
        return json.dumps(changed(value, chance)).encode()
    return broken(json.dumps(value).encode(), chance)


@contextlib.contextmanager
def limited():
    """Limit the memory that the process may ask for, and let a timer of CPU time raise Hang."""

    def late(*_):
        raise Hang

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before, memory = signal.signal(signal.SIGPROF, late), resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, memory[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, memory)
        signal.signal(signal.SIGPROF, before)


def fuzz(name, case, refuses=True):
    """Call case(chance) with a seeded random.Random for each number; see the module.

    refuses: whether the reader refuses damage, which is then to happen once at least; others do without the file.
    """
    refused = 0
    with limited():
        for number in range(CASES):
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                case(random.Random(f"{name} {number}"))
            except InputError as error:
                assert error.problems and all(len(line.splitlines()) == 1 for line in error.problems), error.problems
                refused += 1
            except (Exception, Hang) as error:
                if isinstance(error, OSError) and error.filename:  # run_stage makes a line of it
                    continue
                raise AssertionError(f"case {name} {number}: {error!r:.300}") from error
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
    assert bool(refused) == refuses  # the damage reaches the reader


def png(array):
    """The bytes of a PNG."""
    return cv2.imencode(".png", array)[1].tobytes()


def recounted(content):
    """A PNG whose chunks' check sums are right again, so that damage gets past them."""
    at, result = 8, content[:8]
    while at + 12 <= len(content):
        size = struct.unpack(">I", content[at : at + 4])[0]
        body = content[at + 4 : at + 8 + size]
        result += content[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + size
    return result + content[at:]


class Serial:
    """In the place of ProcessPoolExecutor: starting processes takes longer than a case."""

    def __init__(self, _threads):
        self.map = map

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def small_data_set(folder):
    """dataset/ (two training images, a test image, two masks each) and test_masks/, 8 px a side."""
    for place in ("dataset/train/a", "dataset/train/b", "test_masks/c"):
        (folder / place / "masks").mkdir(parents=True)
        for at in (1, 4):
            mask = np.zeros((8, 8), np.uint8)
            mask[at : at + 2, 2:5] = 255
            (folder / place / f"masks/mask_{at}.png").write_bytes(png(mask))
    for name in ("train/a/images/a", "train/b/images/b", "test/c"):
        (folder / f"dataset/{name}.png").parent.mkdir(exist_ok=True)
        (folder / f"dataset/{name}.png").write_bytes(png(np.full((8, 8, 3), 200, np.uint8)))
    ids = [{"file_name": "c.png", "height": 8, "width": 8, "id": 1}]
    (folder / "dataset/test_img_ids.json").write_text(json.dumps(ids))


def disturb(folder, chance):
    """Rename, remove, copy, empty or replace a file or folder of a data set."""
    paths = sorted(folder.rglob("*")) or [folder]
    path, other = chance.choice(paths), chance.choice(paths)
    names = ("a", "B", "c", ".x", "mask_1.PNG", "x\n.png", "é 1.png", "images", "\udcff", "a.png")
    new = path.with_name(chance.choice(names))
    match chance.randrange(6):
        case 0 if not new.exists():
            path.rename(new)
        case 1:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        case 2 if path.is_file() and not new.exists():
            shutil.copyfile(path, new)
        case 3 if path.is_file():
            path.unlink()
            path.symlink_to(chance.choice((other, "nowhere", path, folder)))
        case 4 if path.is_file() and other.is_file():
            path.write_bytes(chance.choice((b"", other.read_bytes(), broken(path.read_bytes(), chance))))
        case 5 if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
            path.write_text("") if chance.random() < 0.5 else path.mkdir()


def packed(kind):
    """An archive of the wanted files, with a link or two where it can hold them."""
    content = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in GOOD.items():
                file.writestr(name, data * 50)
        return content.getvalue()
    with tarfile.open(fileobj=content, mode=f"w:{kind}") as file:
        for name, data in GOOD.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
        for name, target, type_ in (("a", "top", tarfile.SYMTYPE), ("b", "top/test/b.png", tarfile.LNKTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = type_, target
            file.addfile(member)
    return content.getvalue()


def tar_of_right_sums(content):
    """A plain tar whose headers' check sums are right again, so that damage gets past them."""
    content = bytearray(content)
    for at in range(0, len(content) - 511, 512):
        if content[at + 257 : at + 262] == b"ustar":
            content[at + 148 : at + 156] = b" " * 8
            content[at + 148 : at + 156] = b"%06o\0 " % sum(content[at : at + 512])
    return bytes(content)


def recounted_zip(content):
    """A ZIP archive whose members' check sums are right again, so that damage of them gets past the sums.

    Bytes that are no ZIP archive stay as they are.
    """
    out = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
            for member in old.infolist():
                with old.open(member) as file:
                    file._expected_crc = None
                    new.writestr(zipfile.ZipInfo(member.filename), file.read())
    except DAMAGE:
        return content
    return out.getvalue()
