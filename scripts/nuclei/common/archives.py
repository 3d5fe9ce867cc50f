"""Download an archive with resume, and unpack it so that nothing can leave the target folder."""

import contextlib
import errno
import http.client
import lzma
import os
import shutil
import stat
import struct
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from nuclei.common.progress import Progress
from nuclei.common.stage import InputError

# Python's tarfile and zipfile (3.11) raise all of these on damaged, encrypted, inconsistent or unknown content.
DAMAGE = (
    ArithmeticError,
    LookupError,
    TypeError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)

# Errors of the disk or of its permissions, which a new download would not mend.
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM)


def download(
    url: str,
    part: Path | str,
    wanted: str = "the archive; check the address and the network",
    attempts: int = 4,
    pause: float = 1.0,
) -> None:
    """Download `url` to the file `part`, going on where an earlier try broke off (HTTP Range, RFC 9110, section 14).

    wanted: end of the error line: what was wanted and what to do. attempts: number of tries. pause: seconds before the
    second try, doubled before each further one. The content is not checked; that is the caller's part.
    Raises InputError where no try succeeds, OSError where the disk is full.
    """
    part = Path(part)
    problem = ""
    for attempt in range(attempts):
        time.sleep(pause * 2 ** (attempt - 1) if attempt else 0)
        have = part.stat().st_size if part.exists() else 0
        request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                if have and answer.status != 206:
                    have = 0  # the server sends everything again
                length = answer.headers.get("Content-Length")
                total = have + int(length) if length else None
                progress = Progress(f"download {part.name}", total or 0, "bytes", done=have)
                with part.open("ab" if have else "wb") as file:
                    while block := answer.read(1 << 16):
                        file.write(block)
                        progress.step(len(block))
                progress.close()
            if total is None or part.stat().st_size == total:
                return
            problem = f"{part.stat().st_size} of {total} bytes came"
        except urllib.error.HTTPError as error:
            if error.code == 416:  # nothing is left to send
                return
            problem = str(error)
            if 400 <= error.code < 500:  # asking again does not help
                break
        except (OSError, http.client.HTTPException, ValueError) as error:
            if getattr(error, "errno", None) == errno.ENOSPC:
                raise
            problem = str(error) or type(error).__name__
    raise InputError(f"{url}: cannot be downloaded ({problem}), wanted {wanted}")


def leaves_folder(name: str, link: str | None = None) -> bool:
    """Whether an archive member would be unpacked outside of the target folder.

    name: the member's path in the archive. link: target of a symbolic link of that name, relative to its folder.
    """
    parts = name.replace("\\", "/")
    if parts.startswith("/") or (len(parts) > 1 and parts[1] == ":") or ".." in parts.split("/"):
        return True
    if link is None:
        return False
    target = os.path.normpath(os.path.join(os.path.dirname(parts), link))
    return link.startswith("/") or target == ".." or target.startswith("../")


def tar_problems(archive: Path, members: Iterable[tarfile.TarInfo]) -> Iterator[str]:
    """Yield one line for each member of a tar file that must not be unpacked."""
    for member in members:
        link = member.linkname if member.issym() else None
        if leaves_folder(member.name, link) or (member.islnk() and leaves_folder(member.linkname)):
            arrow = f" -> {member.linkname}" if member.issym() or member.islnk() else ""
            yield f"{archive}: member {member.name}{arrow} leaves the target folder, wanted none; do not use it"
        elif not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
            yield f"{archive}: member {member.name} is a device or pipe, wanted files and folders; do not use it"


def right_names(members: Iterable[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """The members of a zip file under the names that they had, without the copies that macOS adds (__MACOSX).

    Some programs on Windows write `\\` between folders, where APPNOTE.TXT (4.4.17.1) wants `/`. macOS writes names in
    UTF-8 without the flag that says so (4.4.4, bit 11), and Python takes them for code page 437. The names in the
    members are changed in place.
    """
    members = list(members)
    windows = not any("/" in member.filename for member in members)
    for member in members:
        name = member.filename
        if not member.flag_bits & 0x800:
            with contextlib.suppress(UnicodeError):
                name = name.encode("cp437").decode("utf-8")
        if windows or member.create_system == 0:  # 0: made on MS-DOS or Windows
            name = name.replace("\\", "/")
        member.filename = name
    return [member for member in members if "__MACOSX" not in member.filename.split("/")]


def zip_problems(archive: Path, members: Iterable[zipfile.ZipInfo]) -> Iterator[str]:
    """Yield one line for each member of a zip file that must not be unpacked."""
    for member in members:
        if leaves_folder(member.filename):
            yield f"{archive}: member {member.filename} leaves the target folder, wanted none that does; do not use it"
        elif stat.S_ISLNK(member.external_attr >> 16):
            yield f"{archive}: member {member.filename} is a link, wanted files and folders; do not use it"
        elif member.flag_bits & 1:
            yield f"{archive}: member {member.filename} is encrypted, wanted none; pack it again without a password"


def check_space(archive: Path, size: int, target: Path) -> None:
    """Raise InputError unless the disk that holds `target` has `size` bytes free."""
    free = shutil.disk_usage(target).free
    if size > free:
        raise InputError(
            f"{archive}: unpacks to {size / 1e6:.0f} MB, {free / 1e6:.0f} MB are free at {target}; free some"
        )


def unpack(archive: Path | str, target: Path | str) -> None:
    """Unpack a tar (plain, gz, bz2, xz) or zip file into the existing, empty folder `target`.

    Raises InputError before anything is written where a member would leave `target`, is a device or is encrypted, and
    where space is lacking. Damage may be found only while unpacking: InputError too, with part of the files written.
    """
    archive, target = Path(archive), Path(target)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                entries = right_names(file.infolist())
                problems = list(zip_problems(archive, entries))
                if problems:
                    raise InputError(*problems)
                check_space(archive, sum(entry.file_size for entry in entries), target)
                for entry in entries:
                    file.extract(entry, target)
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as file:
                members = file.getmembers()
                problems = list(tar_problems(archive, members))
                if problems:
                    raise InputError(*problems)
                check_space(archive, sum(member.size for member in members), target)
                # a second guard against members that leave the folder; Python 3.11.0 to 3.11.3 do not have it yet
                file.extraction_filter = getattr(tarfile, "data_filter", None)
                file.extractall(target)
        else:
            raise InputError(f"{archive}: neither tar nor zip, wanted an archive or a folder; check the file")
    except DAMAGE as error:
        raise InputError(f"{archive}: damaged ({error!s:.120}), wanted a whole archive; download it again") from None
    except OSError as error:
        # every other OSError means damage: gzip and bzip2 raise it, and so do file names that no system takes
        if error.errno in DISK_ERRORS:
            raise
        found = error.strerror or str(error)
        raise InputError(f"{archive}: damaged ({found}), wanted a whole archive; download it again") from None
