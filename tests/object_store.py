"""A store that speaks the protocol of Amazon S3, on this machine only, as fixtures for every room."""

from __future__ import annotations

import http.client
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import obstore
import pytest
from obstore.store import S3Store

from tests.failing_store import FaultyStore

ROOT = Path(__file__).resolve().parents[1]
_NUMBERS = itertools.count()
_SERVER = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.disable()
server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
_FOREIGN = (
    "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "AWS_S3_ENDPOINT", "AWS_HTTPS", "AWS_VIRTUAL_HOSTING", "AWS_PROFILE",
    "AWS_NO_SIGN_REQUEST", "AWS_SKIP_SIGNATURE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION",
    "AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "GDAL_HTTP_CONNECTTIMEOUT", "GDAL_HTTP_TIMEOUT", "GDAL_HTTP_MAX_RETRY",
    "GDAL_HTTP_RETRY_DELAY",
)  # fmt: skip


@dataclass(frozen=True)
class ObjectStore:
    """A bucket of its own; the variables of the environment lead to it."""

    endpoint: str
    bucket: str

    @property
    def url(self) -> str:
        """``s3://`` URL of the bucket."""
        return f"s3://{self.bucket}"

    def put(self, key: str, content: bytes | Path) -> str:
        """Store an object and return its URL."""
        client = S3Store(self.bucket, endpoint=self.endpoint, client_options={"allow_http": True})
        obstore.put(client, key, content if isinstance(content, bytes) else content.read_bytes())
        return f"{self.url}/{key}"

    def put_public(self, key: str, content: bytes) -> str:
        """Store an object that everyone may read, and return its URL."""
        _request(self.endpoint, f"/{self.bucket}/{key}", content, {"x-amz-acl": "public-read"})
        return f"{self.url}/{key}"

    def begin(self, key: str, content: bytes) -> None:
        """Upload the first part of an object and go away."""
        answer = _request(self.endpoint, f"/{self.bucket}/{quote(key)}?uploads", method="POST")
        found = re.search(rb"<UploadId>(.+)</UploadId>", answer)
        assert found is not None
        upload = found[1].decode()
        _request(self.endpoint, f"/{self.bucket}/{quote(key)}?partNumber=1&uploadId={quote(upload)}", content)

    def put_folder(self, folder: Path, prefix: str = "") -> str:
        """Store all files of a folder and return the URL of the prefix."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put("/".join([*filter(None, [prefix]), path.relative_to(folder).as_posix()]), path)
        return f"{self.url}/{prefix}" if prefix else self.url


@pytest.fixture(scope="session")
def store_endpoint() -> Iterator[str]:
    """The URL of the server, on a free port.

    It is a process of its own: GDAL's Python binding asks for some bytes without letting other threads run, so a server
    in a thread of this process would wait for the test and the test for it.
    """
    server = subprocess.Popen([sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    port = int(server.stdout.readline())
    yield f"http://127.0.0.1:{port}"
    server.communicate(timeout=30)


@pytest.fixture
def faulty_store(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyStore]:
    """A way to the bucket of ``object_store`` that fails when it is told to; the environment leads through it."""
    command = [sys.executable, "-m", "tests.failing_store", object_store.endpoint]
    server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    proxy = FaultyStore(f"http://127.0.0.1:{int(server.stdout.readline())}")
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    yield proxy
    server.communicate(timeout=30)


@pytest.fixture
def object_store(store_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """An empty bucket; GDAL remembers what a bucket held, so each test has its own."""
    for variable in _FOREIGN:
        # Set first, so that what the code under test sets is undone too.
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_ENDPOINT_URL", store_endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    bucket = f"deliveries-{next(_NUMBERS)}"
    _request(store_endpoint, f"/{bucket}")
    return ObjectStore(store_endpoint, bucket)


def _request(
    endpoint: str, path: str, content: bytes = b"", headers: dict[str, str] | None = None, method: str = "PUT"
) -> bytes:
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"))
    connection.request(method, path, content, headers or {})
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200
    connection.close()
    return body
