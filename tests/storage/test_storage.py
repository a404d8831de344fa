"""What every storage promises, on a folder and on a bucket."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.object_store import ObjectStore

from bocage.errors import StorageError
from bocage.grid import Grid, Window
from bocage.rasters import cog_bytes, open_stored, window_of
from bocage.storage import Storage, open_storage, read_all

NAMES = ("E4000N3000.tif", "E4000N3000.json", "a b+ü&#1.tif")


@dataclass(frozen=True)
class Place:
    """Where a storage lies, and what stands there that it must not show."""

    location: Path | str
    half_written: Callable[[str, bytes], None]
    deeper: Callable[[str, bytes], object]

    def open(self) -> Storage:
        return open_storage(self.location)


@pytest.fixture(params=["folder", "bucket", "prefix"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        folder = tmp_path / "map"

        def write(path: Path, content: bytes) -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

        return Place(
            folder,
            lambda name, content: write(folder / f".{name}.1234.part.tif", content),
            lambda name, content: write(folder / "deeper" / name, content),
        )
    store: ObjectStore = request.getfixturevalue("object_store")
    prefix = "europe/map" if request.param == "prefix" else ""
    start = f"{prefix}/" if prefix else ""
    # What stands beside the prefix is not under it.
    store.put("europe/mapping.tif" if prefix else "deep/mapping.tif", b"beside")

    return Place(
        f"{store.url}/{prefix}",
        lambda name, content: store.begin(f"{start}{name}", content),
        lambda name, content: store.put(f"{start}deeper/{name}", content),
    )


def test_what_was_written_is_there(place: Place) -> None:
    storage = place.open()
    assert storage.list() == {}
    assert storage.find(NAMES[0]) is None
    written = {name: storage.write(name, name.encode() * 3) for name in NAMES}
    again = place.open()
    assert again.list() == dict(sorted(written.items()))
    for name, stored in written.items():
        assert again.find(name) == stored
        assert again.read(name) == name.encode() * 3
        assert stored.size == len(name.encode() * 3)
        assert stored.tag


def test_a_new_content_has_a_new_tag(place: Place) -> None:
    storage = place.open()
    before = storage.write(NAMES[0], b"one")
    after = storage.write(NAMES[0], b"two")
    assert storage.read(NAMES[0]) == b"two"
    assert before.size == after.size
    assert before.tag != after.tag
    assert storage.list() == {NAMES[0]: after}


def test_what_is_half_written_hidden_or_deeper_is_not_there(place: Place) -> None:
    storage = place.open()
    kept = storage.write(NAMES[1], b"{}")
    place.deeper(NAMES[0], b"deep")
    place.half_written(NAMES[0], bytes(6 << 20))
    assert place.open().list() == {NAMES[1]: kept}
    assert storage.find(NAMES[0]) is None


def test_what_is_missing_is_named(place: Place) -> None:
    storage = place.open()
    with pytest.raises(StorageError, match=NAMES[0]) as caught:
        storage.read(NAMES[0])
    assert storage.root in str(caught.value)
    assert caught.value.mend
    storage.delete(NAMES[0])
    with pytest.raises(StorageError, match=NAMES[0]):
        list(read_all(storage, NAMES[:1]))


def test_many_are_read_in_their_order(place: Place) -> None:
    storage = place.open()
    names = [f"{number}.json" for number in range(40)]
    for name in names:
        storage.write(name, name.encode())
    assert list(read_all(storage, names[::-1])) == [(name, name.encode()) for name in names[::-1]]


def test_it_travels_as_its_place(place: Place) -> None:
    storage = place.open()
    storage.write(NAMES[0], b"1")
    packed = pickle.dumps(storage)
    assert b"secret" not in packed
    assert len(packed) < 1000
    other: Storage = pickle.loads(packed)
    assert other.root == storage.root
    assert other.read(NAMES[0]) == b"1"


def test_gdal_reads_a_raster_and_the_one_that_takes_its_place(place: Place) -> None:
    grid, window = Grid("EPSG:3035", 2.0), Window(10, -40, 700, 600)
    storage = place.open()
    for value in (7, 9):
        content = cog_bytes(np.full((600, 700), value, np.uint8), grid.crs, grid.transform(window))
        storage.write(NAMES[0], content)
        with open_stored(storage, NAMES[0]) as file:
            read = window_of(file, grid, Window(5, -50, 20, 30), fill=3)
        assert read[0, 0] == 3
        assert read[-1, -1] == value


def test_a_damaged_raster_is_named(place: Place) -> None:
    storage = place.open()
    storage.write(NAMES[0], b"II*\0 no raster")
    with pytest.raises(StorageError, match=f"{storage.root}/{NAMES[0]} cannot be read"), open_stored(storage, NAMES[0]):
        pass


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["write", "delete", "read"]), st.sampled_from(NAMES), st.binary(max_size=200)),
        max_size=12,
    )
)
def test_it_behaves_as_a_dictionary(place: Place, steps: list[tuple[str, str, bytes]]) -> None:
    storage = place.open()
    for name in storage.list():
        storage.delete(name)
    expected: dict[str, bytes] = {}
    for step, name, content in steps:
        match step:
            case "write":
                storage.write(name, content)
                expected[name] = content
            case "delete":
                storage.delete(name)
                expected.pop(name, None)
            case _ if name in expected:
                assert storage.read(name) == expected[name]
    assert {name: stored.size for name, stored in storage.list().items()} == {
        name: len(content) for name, content in expected.items()
    }
    assert dict(read_all(storage, sorted(expected))) == expected
