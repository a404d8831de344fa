"""A small web server for one project: GET only, fixed paths only, this machine only unless told otherwise."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bocage.errors import BocageError, GridError
from bocage.grid import Bounds
from bocage.project import Project
from bocage.web.tiles import MOST_LEVELS, Painter

_log = logging.getLogger("bocage")

_TILE = re.compile(r"/tiles/(scenes|probability)/(\d{1,2})/(-?\d{1,8})/(-?\d{1,8})\.png")
_PAGES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/map.js": ("map.js", "text/javascript; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
}
_LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class MapServer(ThreadingHTTPServer):
    """The server of one project."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], painter: Painter) -> None:
        # Before listening: where that fails, the base class calls server_close.
        self.painter = painter
        super().__init__(address, MapHandler)

    @property
    def url(self) -> str:
        """The address to open in a browser."""
        host, port = self.server_address[:2]
        return f"http://{host if isinstance(host, str) else host.decode()}:{port}/"

    def server_close(self) -> None:
        """Stop listening and close the scenes."""
        super().server_close()
        self.painter.close()


class MapHandler(BaseHTTPRequestHandler):
    """Answers the few paths that there are; no path of a request ever becomes a path of a file."""

    server: MapServer
    server_version = "Bocage"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer a GET request."""
        parts = urlsplit(self.path)
        if not self._host_is_ours():
            self._refuse(HTTPStatus.FORBIDDEN, "this server answers for its own address only")
            return
        try:
            answer = self._answer(parts.path)
            if answer is None:
                self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")
            else:
                kind, make = answer
                self._send(HTTPStatus.OK, kind, make(parts.query))
        except GridError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, error.problem)
        except BocageError as error:
            _log.warning("%s", error)
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, error.problem)

    def _answer(self, path: str) -> tuple[str, Callable[[str], bytes]] | None:
        painter = self.server.painter
        if path in _PAGES:
            name, kind = _PAGES[path]
            return kind, lambda _: files("bocage.web").joinpath("pages", name).read_bytes()
        if path == "/info.json":
            return "application/json", lambda _: _json(painter.info())
        if path == "/features.json":
            return "application/json", lambda query: _json(painter.features(_bounds(query)))
        found = _TILE.fullmatch(path)
        if found is None or int(found[2]) > MOST_LEVELS:
            return None
        layer, level, column, row = found.groups()
        chosen = "scenes" if layer == "scenes" else "probability"
        return "image/png", lambda _: painter.tile(chosen, int(level), int(column), int(row))  # type: ignore[arg-type]

    def _host_is_ours(self) -> bool:
        """Refuse names that a foreign page made to point here (DNS rebinding)."""
        bound = str(self.server.server_address[0])
        if bound not in {"127.0.0.1", "::1"}:
            return True
        name = self.headers.get("Host", "").rsplit(":", 1)[0] if ":" in self.headers.get("Host", "") else ""
        return (name or self.headers.get("Host", "")) in _LOOPBACK

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self._send(status, "text/plain; charset=utf-8", f"{reason}\n".encode())

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Log requests quietly."""
        _log.debug(format, *args)


def make_server(project: Project, port: int = 0, host: str = "127.0.0.1") -> MapServer:
    """Return a server that listens and waits for ``serve_forever``; port 0 takes any free one.

    Raises
    ------
    BocageError
        If the address cannot be used.
    """
    painter = Painter(project)
    try:
        return MapServer((host, port), painter)
    except OSError as error:
        raise BocageError(
            f"{host}:{port} cannot be listened on: {error.strerror or error}", "choose another --port, 0 for any"
        ) from error


def serve(project: Project, port: int = 0, host: str = "127.0.0.1") -> None:
    """Serve the map until it is interrupted.

    Raises
    ------
    BocageError
        If the address cannot be used.
    """
    with make_server(project, port, host) as server:
        _log.info("the map is at %s (stop with Ctrl+C)", server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            _log.info("stopped")


def _bounds(query: str) -> Bounds:
    text = parse_qs(query).get("bbox", [""])[0]
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 4 or not all(math.isfinite(value) and abs(value) < 1e9 for value in values):
        raise GridError(f"bbox {text[:80]!r} is not left,bottom,right,top", "give four numbers in metres")
    return Bounds(*values)


def _json(content: Any) -> bytes:
    return json.dumps(content, default=str).encode()
