"""A store that fails on demand: a proxy before the true one, in a process of its own, which counts what is asked of it.

``python -m tests.failing_store UPSTREAM`` prints its port and ends with its standard input.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_CONTROL = "/-/faults"


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
    """

    status: int
    times: int = -1
    methods: str = "GET HEAD PUT POST DELETE"
    path: str = ""


@dataclass(frozen=True)
class FaultyStore:
    """The way in to the proxy from a test."""

    endpoint: str

    def fail(self, *faults: Fault) -> None:
        """Begin to fail, or end it where no fault is given, and forget what was asked so far."""
        self._talk("PUT", json.dumps([asdict(fault) for fault in faults]))

    def asked(self) -> list[str]:
        """Return method and path of the requests since then."""
        asked: list[str] = json.loads(self._talk("GET", ""))
        return asked

    def _talk(self, method: str, body: str) -> bytes:
        connection = http.client.HTTPConnection(self.endpoint.removeprefix("http://"))
        connection.request(method, _CONTROL, body)
        answer = connection.getresponse().read()
        connection.close()
        return answer


class _Proxy(ThreadingHTTPServer):
    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream.removeprefix("http://")
        self.lock = threading.Lock()
        self.faults: list[dict[str, Any]] = []
        self.asked: list[str] = []

    def next_fault(self, method: str, path: str) -> int | None:
        """Note a request and return how it fails, or None."""
        with self.lock:
            self.asked.append(f"{method} {path}")
            for fault in self.faults:
                if fault["times"] and method in fault["methods"].split() and fault["path"] in path:
                    fault["times"] -= 1
                    return int(fault["status"])
        return None


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
            asked = json.dumps(self.server.asked).encode()
        self.answer(200, {}, asked)

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
