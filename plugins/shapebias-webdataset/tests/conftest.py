"""Shards made with Python's tarfile, and a server for them that can be told to misbehave."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image


def encoded(seed, kind="PNG", size=(12, 10)):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def packed(members, form=tarfile.PAX_FORMAT):
    """Make a tar file of (name, content) pairs."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture(scope="session")
def image():
    return encoded


@pytest.fixture(scope="session")
def pack():
    return packed


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Keep the tests out of the user's cache."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SHAPEBIAS_WEBDATASET_CACHE", str(folder))
    return folder


@pytest.fixture
def shards(tmp_path):
    """Five shards of four samples each."""
    folder = tmp_path / "shards"
    folder.mkdir()
    for shard in range(5):
        members = []
        for sample in range(4 * shard, 4 * shard + 4):
            members += [
                (f"{sample:04d}.cls", str(sample % 3).encode()),
                (f"{sample:04d}.json", json.dumps({"label": f"class {sample % 3}"}).encode()),
                (f"{sample:04d}.png", encoded(sample)),
            ]
        (folder / f"val-{shard:03d}.tar").write_bytes(packed(members))
    return folder


class Server(ThreadingHTTPServer):
    """A server of one folder.

    ``asked`` are the names and first bytes that were asked for, without the questions for the size; ``sent`` counts
    bytes of answers; ``cuts`` are the numbers of bytes after which the next answers break off; ``status`` is
    answered in place of everything; ``ranges`` says whether it knows of parts; ``hold`` keeps a cut answer open.
    """

    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.url = folder, f"http://127.0.0.1:{self.server_port}"
        self.asked, self.sent, self.cuts, self.status, self.ranges, self.sized = [], 0, [], None, True, True
        self.hold = threading.Event()
        self.hold.set()

    def handle_error(self, request, client_address):
        """Say nothing of clients that go away."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, path = self.server, self.server.folder / self.path.lstrip("/")
        if server.status or not path.is_file():
            self.send_error(server.status or 404)
            return
        content = path.read_bytes()
        first, last = 0, len(content) - 1
        if server.ranges and (wanted := self.headers.get("Range")):
            start, end = wanted.removeprefix("bytes=").split("-")
            first, last = int(start), int(end or last)
            if first > last:
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        else:
            self.send_response(200)
        if server.sized:
            self.send_header("Content-Length", str(last + 1 - first))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()[:8]}"')
        self.end_headers()
        if self.headers.get("Range") == "bytes=0-0":
            self.wfile.write(content[:1])
            return
        server.asked.append((path.name, first))
        answer = content[first : last + 1]
        if server.cuts:
            answer = answer[: server.cuts.pop(0)]
        server.sent += len(answer)  # before the client can have all of it, and ask how much it was
        self.wfile.write(answer)
        self.wfile.flush()
        server.hold.wait(60)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server(shards, monkeypatch):
    monkeypatch.setattr("shapebias_webdataset.remote._PAUSE", 0)
    with Server(shards) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.hold.set()
        running.shutdown()
        thread.join()
