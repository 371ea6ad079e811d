"""A server of the built site on a free port of this machine, which compresses as a public host does."""

import gzip
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any, BinaryIO

COMPRESSED = {".css", ".html", ".js", ".json", ".mjs", ".svg", ".txt", ".wasm", ".xml"}
PORTION = 1 << 16  # bytes that are sent at a time


@cache
def _gzipped(path: Path, changed: int) -> bytes:
    return gzip.compress(path.read_bytes(), compresslevel=6)


def gzipped(path: Path) -> bytes:
    """Return a file's content as it travels."""
    return _gzipped(path, path.stat().st_mtime_ns) if path.suffix in COMPRESSED else path.read_bytes()


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30  # an idle connection ends by itself

    def __init__(self, *arguments: Any, kilobytes_per_second: float, **options: Any) -> None:
        self.pause = PORTION / 1000 / kilobytes_per_second
        super().__init__(*arguments, **options)

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Send a body, no faster than this server may."""
        while portion := source.read(PORTION):
            outputfile.write(portion)
            if self.pause:
                time.sleep(self.pause)

    def send_head(self) -> BytesIO | BinaryIO | None:
        path = Path(self.translate_path(self.path))
        compressed = path.suffix in COMPRESSED and "gzip" in self.headers.get("Accept-Encoding", "")
        if not (compressed and path.is_file()):
            return super().send_head()
        body = gzipped(path)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return BytesIO(body)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "max-age=600")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the browser reports what is not there."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a connection that the browser dropped."""


@contextmanager
def serve(folder: Path, kilobytes_per_second: float = math.inf) -> Iterator[str]:
    """Serve a folder while the context lasts, and give its address, without a slash at the end.

    Args:
        folder: Of the built book.
        kilobytes_per_second: How fast each file is sent.
    """
    if not (folder / "index.html").exists():
        raise FileNotFoundError(f"{folder} holds no built book: run `make book` (`make test` does)")
    handler = partial(_Handler, directory=str(folder), kilobytes_per_second=kilobytes_per_second)
    server = _Server(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
