"""Damaged copies of files: cut, flipped, overwritten, doubled and, for text, with other values in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

WORDS = (
    b"red",
    b"RED",
    b"B0",
    b"B3",
    b"BAND_R",
    b"../../x.tif",
    b"/etc/hostname",
    b"http://example.org/x.tif",
    b"&x;",
)


def mutants(content: bytes, random: Random, *, text: bool) -> Iterator[bytes]:
    """Yield damaged copies without end; one in five is damaged twice."""
    kinds: list[Callable[[bytes, Random], bytes]] = [cut, flip, flip, overwrite, remove, double]
    if text:
        kinds += [digits, digits, digits, word]
    while True:
        mutant = random.choice(kinds)(content, random)
        yield mutant if random.random() < 0.8 else random.choice(kinds)(mutant, random)


def cut(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(max(1, len(content)))]


def flip(content: bytes, random: Random) -> bytes:
    mutant = bytearray(content or b"x")
    for _ in range(random.choice((1, 1, 4, 32))):
        mutant[random.randrange(len(mutant))] ^= 1 << random.randrange(8)
    return bytes(mutant)


def flip_bit(content: bytes, first: int, last: int, random: Random) -> bytes:
    """One bit of the bytes from ``first`` up to ``last``."""
    mutant = bytearray(content)
    mutant[random.randrange(first, last)] ^= 1 << random.randrange(8)
    return bytes(mutant)


def overwrite(content: bytes, random: Random) -> bytes:
    at = random.randrange(max(1, len(content)))
    return content[:at] + random.choice((b"\0" * 16, b"\xff" * 8, random.randbytes(12))) + content[at + 12 :]


def remove(content: bytes, random: Random) -> bytes:
    at = random.randrange(max(1, len(content)))
    return content[:at] + content[at + random.choice((1, 10, 200)) :]


def double(content: bytes, random: Random) -> bytes:
    at, length = random.randrange(max(1, len(content))), random.choice((5, 60, 600))
    return content[: at + length] + content[at:]


def digits(content: bytes, random: Random) -> bytes:
    places = [index for index, byte in enumerate(content) if chr(byte).isdigit()]
    if not places:
        return content
    at = random.choice(places)
    value = random.choice((b"-1", b"0", b"999999999", b"1e400", b"NaN", b"inf", b"x", b"", b"-999", b"7"))
    return content[:at] + value + content[at + 1 :]


def word(content: bytes, random: Random) -> bytes:
    found = [index for index in range(len(content) - 4) if content[index : index + 1].isupper()]
    at = random.choice(found) if found else 0
    return content[:at] + random.choice(WORDS) + content[at + random.choice((2, 4, 8)) :]
