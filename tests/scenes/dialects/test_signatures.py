"""Recognising files, and finding those beside them."""

from __future__ import annotations

import pytest

from bocage.scenes.dialects.signatures import beside, companion, root_name, spelled, stem, suffix
from tests.scenes.dialects.files import MemoryFiles

FILES = MemoryFiles(
    {"d/a.XML": b"", "d/A.til": b"", "d/sub/a.til": b"", "e/a.til": b"", "d/B.TIF": b"", "d/b.tif": b""}
)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"<isd>", "isd"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- <no> -->\n<re:EarthObservation a="1">', "re:EarthObservation"),
        (b"<!DOCTYPE x><x/>", "x"),
        (b"satId = <isd>", ""),
        (b"<", ""),
        (b"", ""),
    ],
)
def test_the_root_of_a_document_is_read_without_parsing_it(head: bytes, name: str) -> None:
    assert root_name(head) == name


def test_names_are_taken_apart() -> None:
    assert (suffix("d/a_Aux.XML"), stem("d/a_Aux.XML")) == (".xml", "a_Aux")


def test_companions_lie_in_the_same_folder_in_any_case() -> None:
    assert set(beside("d/a.XML", FILES)) == {"a.XML", "A.til", "B.TIF", "b.tif"}
    assert companion("d/a.XML", ".til", FILES) == "d/A.til"
    assert companion("d/a.XML", ".imd", FILES) is None


def test_parts_are_spelled_as_the_files_are() -> None:
    assert spelled("a.xml", "d/x.imd", FILES) == "a.XML"
    assert spelled("b.tif", "d/x.imd", FILES) == "b.tif"
    assert spelled("B.tif", "d/x.imd", FILES) == "B.tif", "two files fit"
    assert spelled("SUB/a.til", "d/x.imd", FILES) == "sub/a.til"
    assert spelled("none.tif", "d/x.imd", FILES) == "none.tif"
