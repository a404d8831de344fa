"""A store that fails on demand: a proxy before the true one, in a process of its own, which counts what is asked of it.

``python -m tests.failing_store UPSTREAM`` prints its port and ends with its standard input. Tests and
``benchmarks/faults.py`` share it.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_CONTROL = "/-/faults"
_SERVER = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.disable()
server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Fault:
    """What goes wrong with the next requests.

    Attributes
    ----------
    status
        Answer with this status; 0 closes the connection in the middle of the request.
    times
        How often; negative for ever.
    methods
        Of which methods.
    path
        Only requests with this in their path.
    every
        One in so many of these.
    seconds
        For so long, from the first of these on; None for as long as ``times`` says.
    """

    status: int
    times: int = -1
    methods: str = "GET HEAD PUT POST DELETE"
    path: str = ""
    every: int = 1
    seconds: float | None = None


@dataclass(frozen=True)
class FaultyStore:
    """The way in to the proxy."""

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a process to the store."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "reader",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }

    def fail(self, *faults: Fault) -> None:
        """Begin to fail, or end it where no fault is given, and forget what was asked so far."""
        self._talk("PUT", json.dumps([asdict(fault) for fault in faults]))

    def asked(self) -> list[str]:
        """Return method and path of the requests since then."""
        asked: list[str] = json.loads(self._talk("GET", ""))["asked"]
        return asked

    def counted(self) -> tuple[int, int]:
        """Return how many requests came since the beginning, and how many of them failed."""
        said = json.loads(self._talk("GET", ""))
        return said["requests"], said["failed"]

    def _talk(self, method: str, body: str) -> bytes:
        return request(self.endpoint, _CONTROL, body.encode(), method=method)


@contextmanager
def object_server() -> Iterator[str]:
    """Yield the URL of an empty object store on a free port, without any fault.

    It is a process of its own: GDAL's Python binding asks for some bytes without letting other threads run, so a server
    in a thread of this process would wait for the test and the test for it.
    """
    with _process([sys.executable, "-c", _SERVER]) as url:
        yield url


@contextmanager
def failing_store(upstream: str) -> Iterator[FaultyStore]:
    """Yield a way to the store at a URL that fails when it is told to."""
    with _process([sys.executable, "-m", "tests.failing_store", upstream]) as url:
        yield FaultyStore(url)


@contextmanager
def _process(command: list[str]) -> Iterator[str]:
    server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.communicate(timeout=30)


def request(
    endpoint: str, path: str, content: bytes = b"", headers: dict[str, str] | None = None, method: str = "PUT"
) -> bytes:
    """Send a request, which must succeed, past all libraries, and return the answer."""
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"))
    connection.request(method, path, content, headers or {})
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, f"the store answered {answer.status} to {method} {path}"
    connection.close()
    return body


class _Proxy(ThreadingHTTPServer):
    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream.removeprefix("http://")
        self.lock = threading.Lock()
        self.faults: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.requests = self.failed = 0

    def next_fault(self, method: str, path: str) -> int | None:
        """Note a request and return how it fails, or None."""
        with self.lock:
            self.asked.append(f"{method} {path}")
            self.requests += 1
            for fault in self.faults:
                if fault["times"] and method in fault["methods"].split() and fault["path"] in path and _due(fault):
                    fault["times"] -= 1
                    self.failed += 1
                    return int(fault["status"])
        return None


def _due(fault: dict[str, Any]) -> bool:
    """Count a request that a fault is for, and say whether it fails."""
    fault["met"] = fault.get("met", 0) + 1
    if fault["seconds"] is not None and time.monotonic() > fault.setdefault("end", time.monotonic() + fault["seconds"]):
        return False
    return bool(fault["met"] % fault["every"] == 0)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Proxy

    def pass_on(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        if self.path == _CONTROL:
            self.control(self.rfile.read(length))
            return
        status = self.server.next_fault(self.command, self.path)
        if status == 0:
            self.rfile.read(length // 2)
            self.close_connection = True
            self.connection.close()
            return
        body = self.rfile.read(length)
        if status is not None:
            self.answer(status, {}, b"<Error><Code>SlowDown</Code><Message>try later</Message></Error>")
            return
        connection = http.client.HTTPConnection(self.server.upstream)
        connection.request(self.command, self.path, body, dict(self.headers.items()))
        answer = connection.getresponse()
        self.answer(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()

    def control(self, body: bytes) -> None:
        with self.server.lock:
            if self.command == "PUT":
                self.server.faults, self.server.asked = json.loads(body), []
            said = {"asked": self.server.asked, "requests": self.server.requests, "failed": self.server.failed}
        self.answer(200, {}, json.dumps(said).encode())

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        size = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", size)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


for _method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
    setattr(_Handler, f"do_{_method}", _Handler.pass_on)


def serve(upstream: str) -> None:
    """Serve until the standard input ends."""
    server = _Proxy(upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    serve(sys.argv[1])
