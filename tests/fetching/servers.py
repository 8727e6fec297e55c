"""A web server on loopback that plays every host: it keeps files, and misbehaves where it is told to."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Host", "serving"]


class Host:
    """What the server has and how it behaves.

    Args:
        address: ``http://127.0.0.1:PORT``.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.files: dict[str, bytes] = {}
        self.behaviour: dict[str, list[str]] = {}  # by path; each request takes the next, and then all goes well
        self.requests: list[tuple[str, str | None]] = []  # path and Range
        self.tags = True

    def put(self, path: str, content: bytes, *behaviour: str) -> str:
        """Serve content; return its address."""
        self.files[path] = content
        self.behaviour[path] = list(behaviour)
        return f"{self.address}{path}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    host: Host

    def do_GET(self):
        host, asked = self.server.host, self.headers.get("Range")
        host.requests.append((self.path, asked))
        if self.path not in host.files:
            self._answer(404, b"")
            return
        content, behaviour = host.files[self.path], host.behaviour[self.path]
        how = behaviour.pop(0) if behaviour else "well"
        if how == "403":
            self._answer(403, b"")
        elif how == "503":
            self._answer(503, b"")
        elif how == "html":
            self._answer(200, b"<!DOCTYPE html><p>Please log in", {"Content-Type": "text/html"})
        elif how == "redirect":
            self._answer(302, b"", {"Location": self.path})
        elif how == "break":
            self._answer(200, content, cut=len(content) // 2)
        elif how == "short":
            self._answer(200, content[: len(content) // 2])
        elif how == "ignore-range":
            self._answer(200, content)
        else:
            self._well(content, asked)

    def _well(self, content, asked):
        same = self.headers.get("If-Range") == self._tag(content)
        if asked and same:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            self._answer(206, content[start:], {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"})
        else:
            self._answer(200, content)

    def _tag(self, content):
        return f'"{hash(content)}"'

    def _answer(self, status, body, headers=None, cut=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if self.server.host.tags and self.path in self.server.host.files:
            self.send_header("ETag", self._tag(self.server.host.files[self.path]))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving():
    """Run a server while the context lasts; yield its host."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.host = Host(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.host
    finally:
        server.shutdown()
        server.server_close()
