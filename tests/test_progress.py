"""How long something takes, in words."""

import pytest

from bocage.progress import duration


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.25, "0.2 s"), (42, "42 s"), (212, "3.5 min"), (1500, "25 min"), (9000, "2.5 h")]
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words
