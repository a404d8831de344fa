"""An object store on this machine that can be told to answer errors: a server of the S3 protocol behind a proxy."""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_SERVER = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.disable()
server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass
class UnsteadyStore:
    """The proxy: what it answers, and what it has counted.

    Attributes
    ----------
    every
        One in so many requests is answered 503, or none where 0.
    answered, refused
        Requests that were passed on, and that were answered with an error.
    """

    port: int = 0
    target: int = 0
    every: int = 0
    answered: int = 0
    refused: int = 0
    _down_until: float = 0.0
    _outage: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def endpoint(self) -> str:
        """URL of the store."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a process to the store."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "reader",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }

    def fail_next(self, seconds: float) -> None:
        """Answer only errors for that long, beginning with the next request."""
        with self._lock:
            self._outage = seconds

    def put(self, path: str, content: bytes = b"") -> None:
        """Create a bucket (``/bucket``) or an object in it (``/bucket/key``)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.target)
        connection.request("PUT", path, content)
        status = connection.getresponse().status
        connection.close()
        if status != 200:
            raise RuntimeError(f"the store answered {status} to the writing of {path}")

    def refuses(self) -> bool:
        """Count a request and say whether it is to be answered with an error."""
        with self._lock:
            if self._outage:
                self._down_until, self._outage = time.monotonic() + self._outage, 0.0
            number = self.answered + self.refused + 1
            refused = time.monotonic() < self._down_until or bool(self.every and number % self.every == 0)
            self.refused += refused
            self.answered += not refused
            return refused


@contextmanager
def unsteady_store() -> Iterator[UnsteadyStore]:
    """Yield a store on free ports of this machine; needs moto, which is there where the tests run."""
    server = subprocess.Popen([sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    store = UnsteadyStore(target=int(server.stdout.readline()))
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), _handler(store))
    proxy.daemon_threads = True
    store.port = proxy.server_address[1]
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield store
    finally:
        proxy.shutdown()
        proxy.server_close()
        server.communicate(timeout=30)


def _handler(store: UnsteadyStore) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if store.refuses():
                self.answer(503, {"Content-Type": "text/plain"}, b"" if self.command == "HEAD" else b"SlowDown")
                return
            connection = http.client.HTTPConnection("127.0.0.1", store.target, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            connection.request(self.command, self.path, content or None, headers)
            response = connection.getresponse()
            body = response.read()
            given = {name: value for name, value in response.getheaders() if name.lower() not in _HOP}
            length = response.getheader("Content-Length") if self.command == "HEAD" else None
            connection.close()
            self.answer(response.status, given, body, length)

        def answer(self, status: int, headers: dict[str, str], body: bytes, length: str | None = None) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", length or str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_one  # noqa: N815 - names of the standard library

    return Handler
