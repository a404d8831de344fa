"""What goes wrong in a storage is repeated, or said, and leaves nothing half made."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest
from tests.failing_store import Fault, FaultyStore
from tests.object_store import ObjectStore

from bocage.errors import StorageError
from bocage.storage import FolderStorage, Storage
from bocage.storage.bucket import BucketStorage

NAME = "E4000N3000.tif"
CONTENT = bytes(range(256)) * 4000


def use(storage: Storage) -> None:
    storage.write(NAME, CONTENT)
    assert storage.read(NAME) == CONTENT
    assert storage.find(NAME) == storage.list()[NAME]
    storage.delete(NAME)
    assert storage.list() == {}


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_store_that_answers_with_errors_for_a_while_is_asked_again(
    object_store: ObjectStore, faulty_store: FaultyStore, status: int
) -> None:
    storage = BucketStorage(f"{object_store.url}/map")
    for method in ("PUT", "GET", "HEAD", "POST"):
        faulty_store.fail(Fault(status, times=3, methods=method))
        use(storage)
        assert len(faulty_store.asked()) >= 9


def test_a_connection_that_breaks_in_the_middle_of_an_upload(
    object_store: ObjectStore, faulty_store: FaultyStore
) -> None:
    storage = BucketStorage(object_store.url, patience=1.0)
    faulty_store.fail(Fault(0, times=2, methods="PUT"))
    use(storage)
    before = storage.write(NAME, b"old")
    faulty_store.fail(Fault(0, methods="PUT"))
    with pytest.raises(StorageError, match=f"{object_store.url}/{NAME} cannot be written to the store"):
        storage.write(NAME, CONTENT)
    assert storage.list() == {NAME: before}
    assert storage.read(NAME) == b"old"


@pytest.mark.parametrize("method", ["read", "write", "find", "list", "delete"])
def test_a_store_that_fails_for_ever_is_said(object_store: ObjectStore, faulty_store: FaultyStore, method: str) -> None:
    storage = BucketStorage(f"{object_store.url}/map", patience=0.5)
    storage.write(NAME, b"old")
    faulty_store.fail(Fault(503))
    given = {"write": (NAME, b"new"), "list": ()}.get(method, (NAME,))
    with pytest.raises(StorageError, match=f"{object_store.url}/map.* cannot be .* the store") as caught:
        getattr(storage, method)(*given)
    assert method == "list" or f"/map/{NAME}" in str(caught.value)
    assert "AWS_ENDPOINT_URL" in caught.value.mend
    assert "secret" not in str(caught.value)
    faulty_store.fail()
    assert storage.read(NAME) == b"old"


def test_who_is_refused_is_not_asked_again(object_store: ObjectStore, faulty_store: FaultyStore) -> None:
    storage = BucketStorage(object_store.url)
    faulty_store.fail(Fault(403))
    with pytest.raises(StorageError, match=f"{object_store.url}/{NAME}: the store denies access"):
        storage.write(NAME, CONTENT)
    assert len(faulty_store.asked()) == 1


def test_a_bucket_that_is_not_there(object_store: ObjectStore) -> None:
    storage = BucketStorage("s3://no-such-bucket/map")
    for use_of in (storage.list, lambda: storage.write(NAME, b"1"), lambda: storage.read(NAME)):
        with pytest.raises(StorageError, match=r"no-such-bucket.* is not there"):
            use_of()


def test_a_store_that_cannot_be_reached(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(StorageError, match=f"s3://bucket/{NAME} cannot be written to the store"):
        BucketStorage("s3://bucket", patience=0.5).write(NAME, CONTENT)


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "map").write_bytes(b"")
    storage = FolderStorage(tmp_path / "map")
    for use_of in (storage.list, lambda: storage.write(NAME, b"1"), lambda: storage.read(NAME)):
        with pytest.raises(StorageError, match="map") as caught:
            use_of()
        assert caught.value.mend


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = FolderStorage(tmp_path)
    before = storage.write(NAME, b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(StorageError, match="free some space"):
            storage.write(NAME, CONTENT)
    assert storage.list() == {NAME: before}
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
