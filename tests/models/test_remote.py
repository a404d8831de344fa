"""A package in a bucket is the package that was uploaded, fetched once."""

from pathlib import Path

import numpy as np
import pytest

from bocage.errors import ModelError, StorageError
from bocage.models import load_model
from bocage.models.remote import fetch_package
from tests.failing_store import Fault, FaultyStore
from tests.models.test_package import package
from tests.object_store import ObjectStore

__all__ = ["package"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOCAGE_WEIGHTS", str(tmp_path / "weights"))


def test_a_package_is_fetched_once_and_predicts_as_on_disk(
    package: Path, object_store: ObjectStore, faulty_store: FaultyStore
) -> None:
    url = object_store.put_folder(package, "models/slf")
    images, valid = np.full((1, 4, 64, 64), 90, np.uint8), np.ones((1, 64, 64), np.bool_)
    faulty_store.fail(Fault(503, times=2))
    remote, own = load_model(url), load_model(package)
    assert remote.digest == own.digest
    np.testing.assert_array_equal(remote.predict(images, valid), own.predict(images, valid))
    faulty_store.fail()
    load_model(f"{url}/")
    assert [request.rpartition("/")[2] for request in faulty_store.asked()] == ["model.json"]


def test_a_cache_that_was_damaged_is_mended(package: Path, object_store: ObjectStore) -> None:
    url = object_store.put_folder(package, "slf")
    weights = fetch_package(url) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    assert load_model(url).digest == load_model(package).digest


def test_what_is_no_package_is_refused(package: Path, object_store: ObjectStore) -> None:
    with pytest.raises(StorageError, match=r"slf/model\.json is not there"):
        load_model(f"{object_store.url}/slf")
    url = object_store.put_folder(package, "slf")
    object_store.put("slf/model.safetensors", b"of another run")
    with pytest.raises(ModelError, match=r"slf/model\.safetensors is damaged or of another package"):
        load_model(url)
    object_store.put("slf/model.json", b"[]")
    with pytest.raises(ModelError, match=r"slf/model\.json is not the description of a model"):
        load_model(url)
