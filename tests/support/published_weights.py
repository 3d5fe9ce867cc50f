"""A checkpoint in the form of mmdet's published ones, and a server for it."""

import contextlib
import functools
import hashlib
import http.server
import threading
from pathlib import Path

import numpy
import torch


class Runs:
    """An object that makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def make_published(folder, **meta):
    """A checkpoint in mmdet's published form (numpy numbers in its meta data), named after its hash.

    meta: further meta data.
    """
    path = folder / "published.pth"
    torch.save({"state_dict": {"a": torch.arange(3.0)}, "meta": {"mAP": numpy.float64(0.4), **meta}}, path)
    name = f"net-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth"
    (folder / "server").mkdir()
    return path.rename(folder / "server" / name)


@contextlib.contextmanager
def serve(folder):
    """Serve a folder on loopback: (its address, list that grows with each request)."""
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            requests.append(arguments)

    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", requests
        finally:
            server.shutdown()
            thread.join()
