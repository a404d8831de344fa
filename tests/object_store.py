"""A store that speaks the protocol of Amazon S3, on this machine only, as fixtures for every room."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import obstore
import pytest
from obstore.store import S3Store

from tests.failing_store import FaultyStore, failing_store, object_server, request

_NUMBERS = itertools.count()
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
        request(self.endpoint, f"/{self.bucket}/{key}", content, {"x-amz-acl": "public-read"})
        return f"{self.url}/{key}"

    def begin(self, key: str, content: bytes) -> None:
        """Upload the first part of an object and go away."""
        answer = request(self.endpoint, f"/{self.bucket}/{quote(key)}?uploads", method="POST")
        found = re.search(rb"<UploadId>(.+)</UploadId>", answer)
        assert found is not None
        upload = found[1].decode()
        request(self.endpoint, f"/{self.bucket}/{quote(key)}?partNumber=1&uploadId={quote(upload)}", content)

    def put_folder(self, folder: Path, prefix: str = "") -> str:
        """Store all files of a folder and return the URL of the prefix."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put("/".join([*filter(None, [prefix]), path.relative_to(folder).as_posix()]), path)
        return f"{self.url}/{prefix}" if prefix else self.url


@pytest.fixture(scope="session")
def store_endpoint() -> Iterator[str]:
    """The URL of the server, on a free port."""
    with object_server() as url:
        yield url


@pytest.fixture
def faulty_store(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyStore]:
    """A way to the bucket of ``object_store`` that fails when it is told to; the environment leads through it."""
    with failing_store(object_store.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield proxy


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
    request(store_endpoint, f"/{bucket}")
    return ObjectStore(store_endpoint, bucket)
