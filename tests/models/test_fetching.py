"""Fetching: from a server on this machine, that breaks off, ignores ranges, lies and refuses."""

import errno
import hashlib
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bocage.cli.application import app
from bocage.errors import ModelError, StorageError
from bocage.models import BACKBONES, fetch_weights, find_weights
from bocage.models.backbone import Backbone
from bocage.models.weights import WEIGHTS_VARIABLE

CONTENT = bytes(range(256)) * 5000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Behaviour:
    """What the server does, and what it was asked."""

    status: int = 200
    kind: str = "application/octet-stream"
    tag: str = '"one"'
    ranges: bool = True
    breaks_after: int = 0
    asked: list[tuple[str, str | None]] = field(default_factory=list)


class Server(ThreadingHTTPServer):
    """A server on this machine."""

    behaviour: Behaviour

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/weights.pth"


class Handler(BaseHTTPRequestHandler):
    """Answers as the behaviour says."""

    server: Server

    def do_GET(self) -> None:
        does, asked = self.server.behaviour, self.headers.get("Range")
        does.asked.append((self.path, asked))
        begin = 0
        if asked and does.ranges and self.headers.get("If-Range") == does.tag:
            begin = int(asked.removeprefix("bytes=").rstrip("-"))
        if asked and begin >= len(CONTENT):
            self.send_response(416)
            self.end_headers()
            return
        self.send_response(206 if begin else does.status)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}")
        body = CONTENT[begin:]
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", does.kind)
        self.send_header("ETag", does.tag)
        self.end_headers()
        self.wfile.write(body[: does.breaks_after] if does.breaks_after else body)

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as made:
        made.behaviour = Behaviour()
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path / "weights"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "weights"


def entry(url: str, *, digest: str = DIGEST[:8], size: int | None = len(CONTENT), gated: bool = False) -> Backbone:
    known = BACKBONES["satlas_aerial_si"]
    weights = replace(known.weights, file="weights.pth", url=url, digest=digest, size=size, gated=gated)
    return replace(known, weights=weights)


def test_a_file_comes_whole_and_is_not_fetched_twice(server: Server, folder: Path) -> None:
    told: list[tuple[int, int | None]] = []
    fetched = fetch_weights(entry(server.url), advance=lambda there, total: told.append((there, total)))
    assert (fetched.path, fetched.digest, fetched.fetched) == (folder / "weights.pth", DIGEST, True)
    assert fetched.path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in folder.iterdir()] == ["weights.pth"]
    assert not fetch_weights(entry(server.url)).fetched
    assert len(server.behaviour.asked) == 1
    assert find_weights(entry(server.url)) == fetched.path


def test_a_download_that_breaks_goes_on_by_itself_as_long_as_something_comes(server: Server, folder: Path) -> None:
    server.behaviour.breaks_after = len(CONTENT) // 3
    assert fetch_weights(entry(server.url)).path.read_bytes() == CONTENT
    assert [asked for _, asked in server.behaviour.asked][:2] == [None, f"bytes={len(CONTENT) // 3}-"]


def test_a_download_that_was_broken_off_goes_on_where_it_stopped(server: Server, folder: Path) -> None:
    server.behaviour.breaks_after = len(CONTENT) // 20
    with pytest.raises(ModelError, match=r"broke after \d+ bytes"):
        fetch_weights(entry(server.url))
    there = (folder / "weights.pth.part").stat().st_size
    assert 0 < there < len(CONTENT)
    server.behaviour.breaks_after = 0
    server.behaviour.asked.clear()
    assert fetch_weights(entry(server.url)).path.read_bytes() == CONTENT
    assert server.behaviour.asked == [("/weights.pth", f"bytes={there}-")]


def test_a_kill_between_the_last_byte_and_the_name_is_mended(server: Server, folder: Path) -> None:
    folder.mkdir()
    (folder / "weights.pth.part").write_bytes(CONTENT)
    (folder / "weights.pth.part.tag").write_text(server.behaviour.tag, encoding="utf-8")
    assert fetch_weights(entry(server.url)).path.read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == ["weights.pth"]


@pytest.mark.parametrize("change", ["ranges", "tag"])
def test_a_server_without_ranges_or_with_a_new_file_begins_anew(server: Server, folder: Path, change: str) -> None:
    server.behaviour.breaks_after = len(CONTENT) // 20
    with pytest.raises(ModelError, match="broke after"):
        fetch_weights(entry(server.url))
    server.behaviour.breaks_after = 0
    server.behaviour.ranges = change != "ranges"
    server.behaviour.tag = '"two"' if change == "tag" else '"one"'
    assert fetch_weights(entry(server.url)).path.read_bytes() == CONTENT


@pytest.mark.parametrize(("digest", "size"), [("0" * 8, None), (DIGEST[:8], 7)])
def test_another_file_is_refused_and_removed(server: Server, folder: Path, digest: str, size: int | None) -> None:
    with pytest.raises(ModelError, match=f"gave another file than weights.pth: SHA-256 {DIGEST}"):
        fetch_weights(entry(server.url, digest=digest, size=size))
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("status", "gated", "words"),
    [(404, False, "answered 404"), (500, False, "answered 500"), (404, True, "sign-in"), (403, False, "sign-in")],
)
def test_a_refusal_is_told(server: Server, folder: Path, status: int, gated: bool, words: str) -> None:
    server.behaviour.status = status
    with pytest.raises(ModelError, match=words) as caught:
        fetch_weights(entry(server.url, gated=gated))
    assert caught.value.mend
    assert not (folder / "weights.pth").exists()


def test_a_page_is_not_taken_for_a_file(server: Server, folder: Path) -> None:
    server.behaviour.kind = "text/html; charset=utf-8"
    with pytest.raises(ModelError, match="answered with a page"):
        fetch_weights(entry(server.url))


def test_a_server_that_is_not_there_and_an_address_of_no_server_are_told(folder: Path) -> None:
    with pytest.raises(ModelError, match="cannot be reached"):
        fetch_weights(entry("http://127.0.0.1:9/weights.pth"))
    for address in ("file:///weights.pth", "http://[::1", "http://127.0.0.1:9/two words", "http://127.0.0.1:nine/"):
        with pytest.raises(ModelError, match="not an address of the web"):
            fetch_weights(entry(address))


@pytest.mark.parametrize("fault", [ssl.SSLEOFError(8, "EOF occurred"), OSError(errno.EHOSTUNREACH, "no route")])
@pytest.mark.parametrize("call", ["begin", "read"])
def test_a_fault_of_the_connection_is_not_taken_for_one_of_the_disk(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch, fault: OSError, call: str
) -> None:
    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(f"http.client.HTTPResponse.{call}", fail)
    with pytest.raises(ModelError, match=r"the connection to .* broke after 0 bytes"):
        fetch_weights(entry(server.url))


def test_the_proxy_of_the_environment_is_asked(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="check the network and the proxy of HTTP_PROXY"):
        fetch_weights(entry("http://weights.invalid/weights.pth"))
    monkeypatch.setenv("http_proxy", server.url.removesuffix("/weights.pth"))
    assert fetch_weights(entry("http://weights.invalid/weights.pth")).path.read_bytes() == CONTENT
    assert server.behaviour.asked[0][0] == "http://weights.invalid/weights.pth"


@pytest.mark.parametrize("place", ["", "weights"])
def test_a_file_in_the_place_of_the_folder_is_told(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path / "file" / place))
    with pytest.raises(StorageError, match="could not be written"):
        fetch_weights(entry(server.url))


def test_a_folder_in_the_place_of_the_file_is_told(server: Server, folder: Path) -> None:
    (folder / "weights.pth").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"weights\.pth could not be written"):
        fetch_weights(entry(server.url))


def test_nothing_is_not_taken_for_a_file(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.CONTENT", b"")
    server.behaviour.ranges = False
    with pytest.raises(ModelError, match="gave an empty file"):
        fetch_weights(entry(server.url, digest="", size=None), unverified=True)
    assert not (folder / "weights.pth").exists()


def test_where_no_digest_is_known_the_person_has_to_say_so(server: Server, folder: Path) -> None:
    unknown = entry(server.url, digest="", size=None)
    with pytest.raises(ModelError, match="states no SHA-256"):
        fetch_weights(unknown)
    assert not server.behaviour.asked
    with pytest.raises(ModelError, match="gave another file"):
        fetch_weights(unknown, digest="0" * 64)
    with pytest.raises(ModelError, match="is no SHA-256"):
        fetch_weights(unknown, digest="abc")
    fetched = fetch_weights(unknown, unverified=True)
    assert find_weights(unknown) == fetched.path
    stated = folder / "weights.pth.sha256"
    assert stated.read_text(encoding="utf-8").startswith(DIGEST)
    stated.write_text("0" * 64, encoding="utf-8")
    with pytest.raises(ModelError, match="SHA-256 differs"):
        find_weights(unknown)
    stated.unlink()
    with pytest.raises(ModelError, match="nobody can tell"):
        find_weights(unknown)
    stated.write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match="SHA-256 differs"):
        find_weights(unknown)


def test_a_kill_leaves_no_file_of_which_nothing_is_said(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    unknown = entry(server.url, digest="", size=None)
    with monkeypatch.context() as patch:
        patch.setattr("bocage.models.fetching.write_text", kill)
        with pytest.raises(KeyboardInterrupt):
            fetch_weights(unknown, unverified=True)
    assert fetch_weights(unknown, unverified=True).path.read_bytes() == CONTENT


def test_a_digest_that_contradicts_the_known_one_is_refused(server: Server, folder: Path) -> None:
    with pytest.raises(ModelError, match="begins with"):
        fetch_weights(entry(server.url), digest="0" * 64)
    assert fetch_weights(entry("http://127.0.0.1:9/"), digest=DIGEST, url=server.url).digest == DIGEST


def test_an_altered_file_on_the_disk_is_refused(server: Server, folder: Path) -> None:
    path = fetch_weights(entry(server.url)).path
    path.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(ModelError, match="SHA-256 differs"):
        find_weights(entry(server.url))
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(ModelError, match="bytes instead of") as caught:
        find_weights(entry(server.url))
    assert f"bocage models check {path}" in caught.value.mend


def test_the_command_fetches_once_and_refuses_another_file(server: Server, folder: Path) -> None:
    runner = CliRunner()
    command = ["models", "fetch", "dinov2_vit_base", "--unverified", "--url", server.url, "--json"]
    told = [json.loads(runner.invoke(app, command).stdout) for _ in range(2)]
    assert [one["fetched"] for one in told] == [True, False]
    assert {one["sha256"] for one in told} == {DIGEST}
    assert Path(told[0]["weights"]).read_bytes() == CONTENT
    wrong = runner.invoke(app, ["models", "fetch", "satlas_aerial_si", "--url", server.url])
    assert isinstance(wrong.exception, ModelError)
    assert "gave another file than aerial_swinb_si.pth" in str(wrong.exception)
    assert not (folder / "aerial_swinb_si.pth").exists()


def test_the_weights_of_a_package_are_the_known_file(folder: Path) -> None:
    path = find_weights(BACKBONES["efficientnet_lite0"])
    assert hashlib.sha256(path.read_bytes()).hexdigest() == BACKBONES["efficientnet_lite0"].weights.digest


def test_a_file_by_the_name_of_the_backbone_goes_before_the_published_one(folder: Path) -> None:
    folder.mkdir()
    (folder / "efficientnet_lite0.safetensors").write_bytes(b"mine")
    assert find_weights(BACKBONES["efficientnet_lite0"]) == folder / "efficientnet_lite0.safetensors"
    known = BACKBONES["resnet50"]
    (folder / known.weights.file).write_bytes(b"published")
    (folder / "resnet50.pth").write_bytes(b"mine")
    assert find_weights(known) == folder / "resnet50.pth"


def test_missing_weights_are_told_with_what_to_do_and_where(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"resnet50-11ad3fa6.pth is missing\n.*bocage models fetch resnet50"):
        find_weights(BACKBONES["resnet50"])
    monkeypatch.delenv(WEIGHTS_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    with pytest.raises(ModelError, match=str(folder / "bocage" / "weights" / "resnet50-11ad3fa6.pth")):
        find_weights(BACKBONES["resnet50"])
