"""Groups of ``key = value`` lines."""

from __future__ import annotations

import pytest

from bocage.errors import MetadataError
from bocage.scenes.dialects.pvl import read_groups


def test_values_lose_quotes_and_semicolons_and_keys_their_case() -> None:
    top = read_groups(
        "a", b'bandId = "Multi";\r\nnumRows = 20\nBEGIN_GROUP = IMAGE_1\n\tsatId = "WV03";\nEND_GROUP = IMAGE_1\nEND;'
    )
    assert top.values == {"BANDID": "Multi", "NUMROWS": "20"}
    image = top.group("IMAGE")
    assert image is not None
    assert image.values == {"SATID": "WV03"}
    assert top.group("TILE") is None


def test_a_value_in_brackets_runs_over_lines_but_brackets_in_quotes_do_not() -> None:
    top = read_groups("a", b'list = (\n(0, 1),\n(2, 3)\n);\nname = "half (";\nEND')
    assert top.values == {"LIST": "( (0, 1), (2, 3) )", "NAME": "half ("}


def test_numbered_groups_come_in_the_order_of_the_file() -> None:
    text = b"".join(b"GROUP = TILE_%d\nEND_GROUP = TILE_%d\n" % (tile, tile) for tile in (2, 1))
    assert [group.name for group in read_groups("a", text + b"END").numbered("TILE")] == ["TILE_2", "TILE_1"]


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", b"END_GROUP = A\nEND", b"= 1\nEND", b"a = (\nEND", b"a = 1"])
def test_what_is_no_such_text_is_refused(content: bytes) -> None:
    with pytest.raises(MetadataError, match=r"^a[: ]"):
        read_groups("a", content)
