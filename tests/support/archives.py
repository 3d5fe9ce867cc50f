"""Archives of raw data, and a server whose downloads break off."""

import contextlib
import functools
import http.server
import io
import tarfile
import threading
from pathlib import Path


def tar_of(path, members, mode="w:gz"):
    """members: {name: bytes, or a TarInfo}."""
    with tarfile.open(path, mode) as file:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                file.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
    return path


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


GOOD = {"top/train/a/images/a.png": b"1", "top/test/b.png": b"2", "top/test_img_ids.json": b"[]"}


class Breaking(http.server.SimpleHTTPRequestHandler):
    """Serves a folder with Range, and breaks off the first `breaks` answers after 1000 bytes."""

    ranges, breaks = [], 0

    def do_GET(self):
        content = Path(self.translate_path(self.path)).read_bytes()
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        type(self).ranges.append(start)
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        rest = content[start:]
        if type(self).breaks:
            type(self).breaks -= 1
            rest = rest[:1000]
        self.wfile.write(rest)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def server(folder, breaks=0, handler=None):
    Breaking.ranges, Breaking.breaks = [], breaks
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler or Breaking, directory=folder)
    ) as http_server:
        thread = threading.Thread(target=http_server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http_server.server_port}"
        finally:
            http_server.shutdown()
            thread.join()
