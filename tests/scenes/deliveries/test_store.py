from __future__ import annotations

import os
import socket

import pytest

from bocage.errors import SceneError
from bocage.scenes.deliveries.store import Store, configure_gdal, open_object, split_url
from tests.object_store import ObjectStore


def test_a_prefix_is_a_tree_of_files(object_store: ObjectStore) -> None:
    for key in ("a/DIM.XML", "a/b/IMG.TIF", "a/.hidden", "a/.b/c", "ab/other.tif"):
        object_store.put(key, key.encode())
    files = Store(f"{object_store.url}/a/")
    assert files.names == ("DIM.XML", "b/IMG.TIF")
    assert files.root == f"{object_store.url}/a"
    assert files.read("b/IMG.TIF") == b"a/b/IMG.TIF"
    assert files.head("DIM.XML", 4) == b"a/DI"
    assert files.read_range("DIM.XML", 2, 3) == b"DIM"
    assert files.read_range("DIM.XML", 8, 100) == b"L"
    assert files.read_range("DIM.XML", 9, 5) == b""
    assert files.href("DIM.XML") == f"{object_store.url}/a/DIM.XML"
    assert files.state("DIM.XML").size == 9
    assert Store(object_store.url).names == ("a/DIM.XML", "a/b/IMG.TIF", "ab/other.tif")


def test_the_version_changes_with_the_content(object_store: ObjectStore) -> None:
    object_store.put("x", b"one")
    before = Store(object_store.url).state("x")
    object_store.put("x", b"two")
    after = Store(object_store.url).state("x")
    assert before.size == after.size
    assert before.version != after.version
    listed = Store(object_store.url)
    assert listed.names == ("x",)
    assert listed.state("x") == after


def test_a_shallow_store_lists_its_neighbours_and_reads_deeper_ones(object_store: ObjectStore) -> None:
    for key in ("x.tif", "masks/clouds.gml", "a/b/c/deep.xml"):
        object_store.put(key, b"1")
    files = Store(object_store.url, shallow=True)
    assert files.names == ("masks/clouds.gml", "x.tif")
    assert files.read("a/b/c/deep.xml") == b"1"
    for number in range(20):
        object_store.put(f"f{number}/x.tif", b"1")
    assert Store(object_store.url, shallow=True).names == ("x.tif",)


@pytest.mark.parametrize("key", ["a b.tif", "ü ä.tif", "50%20.tif", "q?x=1.tif", "{1}&#.tif", "plus+.tif"])
def test_keys_with_signs(object_store: ObjectStore, key: str) -> None:
    object_store.put(f"f/{key}", b"content")
    files = Store(f"{object_store.url}/f")
    assert files.names == (key,)
    assert files.read(key) == b"content"


def test_what_is_missing_is_named(object_store: ObjectStore) -> None:
    files = Store(object_store.url)
    for read in (files.read, files.head, files.state):
        with pytest.raises(SceneError, match=f"{object_store.url}/no.xml is not there"):
            read("no.xml")
    with pytest.raises(SceneError, match="s3://no-such-bucket is not there"):
        assert Store("s3://no-such-bucket").names


def test_too_large_a_file_is_refused(object_store: ObjectStore) -> None:
    object_store.put("x.xml", b"12345")
    with pytest.raises(SceneError, match="more than 4 bytes"):
        Store(object_store.url).read("x.xml", limit=4)


def test_a_store_that_cannot_be_reached(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(SceneError, match="s3://bucket cannot be read from the store") as caught:
        assert Store("s3://bucket").names
    assert "secret" not in str(caught.value)
    assert "AWS_ENDPOINT_URL" in caught.value.mend


@pytest.mark.parametrize(
    "url", ["s3://", "s3:///key", "s3://b/../x", "s3://b/a//c", "s3://b?x", "http://b/x", "s3://b/a\nb"]
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(SceneError, match="is not the URL of a store"):
        split_url(url)


def test_an_endpoint_that_is_no_url(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "file:///etc")
    with pytest.raises(SceneError, match="AWS_ENDPOINT_URL is not the URL"):
        assert Store(object_store.url).names


def test_gdal_is_given_the_same_settings(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://store.example.org:8443/")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "waw3-1")
    configure_gdal()
    assert os.environ["AWS_S3_ENDPOINT"] == "store.example.org:8443"
    assert os.environ["AWS_HTTPS"] == "YES"
    assert os.environ["AWS_VIRTUAL_HOSTING"] == "FALSE"
    assert os.environ["AWS_NO_SIGN_REQUEST"] == "YES"
    assert os.environ["AWS_REGION"] == "waw3-1"


def test_the_settings_of_gdal_alone_suffice(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    object_store.put("x", b"1")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_S3_ENDPOINT", object_store.endpoint.removeprefix("http://"))
    monkeypatch.setenv("AWS_HTTPS", "NO")
    assert Store(object_store.url).names == ("x",)


def test_unsigned_requests_need_no_keys(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    object_store.put("closed", b"1")
    object_store.put_public("open", b"2")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_NO_SIGN_REQUEST", "YES")
    assert Store(object_store.url).read("open") == b"2"
    for read in (Store(object_store.url).read, Store(object_store.url).state):
        with pytest.raises(SceneError, match=f"{object_store.url}/closed: the store denies access"):
            read("closed")


def test_an_object_can_be_sought(object_store: ObjectStore) -> None:
    content = os.urandom(3 << 20)
    with open_object(object_store.put("x.bin", content)) as file:
        assert file.seek(0, 2) == len(content)
        file.seek(-5, 2)
        assert file.read() == content[-5:]
        file.seek(1_500_000)
        assert file.read(1_200_000) == content[1_500_000:2_700_000]
