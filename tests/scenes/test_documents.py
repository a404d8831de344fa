"""Reading XML: hostile documents and values that cannot be true are refused by the name of the file."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage.errors import MetadataError
from bocage.scenes.documents import number, optional_text, parse_xml, relative_name, safe_name, text_of, time

BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "xx"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;">]><a>&y;</a>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>"""


@pytest.mark.parametrize("content", [BOMB, OUTSIDE])
def test_entities_are_refused(content: bytes) -> None:
    with pytest.raises(MetadataError, match=r"a\.xml declares XML entities"):
        parse_xml("a.xml", content)


@pytest.mark.parametrize(
    "content", [b"", b"<a>", b"\xff\xfe\x00", b"<a></b>", b'<?xml version="1.0" encoding="xyz"?><a/>', b"\0" * 50]
)
def test_what_is_not_xml(content: bytes) -> None:
    with pytest.raises(MetadataError, match=r"a\.xml is not well-formed XML"):
        parse_xml("a.xml", content)


@given(st.binary(max_size=300))
def test_any_bytes_parse_or_are_refused(content: bytes) -> None:
    try:
        parse_xml("a.xml", content)
    except MetadataError as error:
        assert error.problem.startswith("a.xml")  # noqa: PT017 - both ends are right, another error is not


def test_namespaces_go_and_texts_are_found() -> None:
    root = parse_xml("a.xml", b'<e:a xmlns:e="urn:x"><e:b> 3 </e:b><c/></e:a>')
    assert root.tag == "a"
    assert text_of(root, ".//b", "a.xml") == "3"
    assert optional_text(root, "c") is None
    with pytest.raises(MetadataError, match=r"a\.xml has no c"):
        text_of(root, ".//c", "a.xml")


def test_numbers_have_limits() -> None:
    assert number(" 4.5e1", "sun", "a.xml", low=-90, high=90) == 45
    for text in ("", "x", "nan", "inf", "91", "-1e400", "1_0", "\u0663", "1.2.3"):
        with pytest.raises(MetadataError, match=r"a\.xml: sun"):
            number(text, "sun", "a.xml", low=-90, high=90)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021-06-30T10:30:00Z", datetime(2021, 6, 30, 10, 30, tzinfo=UTC)),
        ("2021-06-30T12:30:00.123456789+02:00", datetime(2021, 6, 30, 10, 30, 0, 123456, tzinfo=UTC)),
        ("2021-06-30 10:30:00", datetime(2021, 6, 30, 10, 30, tzinfo=UTC)),
    ],
)
def test_times_are_utc(text: str, expected: datetime) -> None:
    assert time(text, "time", "a.xml") == expected


@pytest.mark.parametrize("text", ["", "yesterday", "1970-01-01T00:00:00Z", "2021-13-01", "9999-12-31T23:59:59-14:00"])
def test_times_that_cannot_be(text: str) -> None:
    with pytest.raises(MetadataError, match=r"a\.xml: time"):
        time(text, "time", "a.xml")


def test_names_of_files_stay_in_their_folder() -> None:
    assert relative_name("./MASKS/CLD.GML", "a.xml") == "MASKS/CLD.GML"
    assert relative_name("MASKS\\CLD.GML", "a.xml") == "MASKS/CLD.GML"
    for href in ("", "/etc/passwd", "../x.tif", "a/../../x.tif", "http://x/y.tif", "C:\\x.tif", "a\0b.tif"):
        with pytest.raises(MetadataError, match="outside its folder"):
            relative_name(href, "a.xml")


@given(st.text(max_size=200))
def test_identifiers_are_safe_as_names_of_files(text: str) -> None:
    name = safe_name(text)
    assert len(name) <= 120
    assert not name.startswith(".")
    assert all(letter.isascii() and (letter.isalnum() or letter in "._-") for letter in name)
