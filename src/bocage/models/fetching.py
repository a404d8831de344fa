"""Downloading weights: resumable, through the proxy of the environment, checked, and in the cache whole or not at all.

What has come stays as ``FILE.part`` when the connection breaks; the next call asks the server for the rest. The server
is told the tag of the file that the part is of, so that a file which changed in between begins anew.
"""

from __future__ import annotations

import email.message
import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from bocage.errors import ModelError, StorageError
from bocage.files import digest_file, write_text
from bocage.models.backbone import Backbone
from bocage.models.weights import STATED, check_digest, locate_weights, weights_folder

_BLOCK = 1 << 20
_TRIES = 5
_SECONDS = 60
_DIGEST = re.compile(r"[0-9a-f]{64}")
_REFUSED = {401, 403}

type Advance = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file of weights in the cache.

    Attributes
    ----------
    path, digest
        Where it is and its SHA-256.
    fetched
        Whether it was downloaded now.
    """

    path: Path
    digest: str
    fetched: bool


def fetch_weights(
    backbone: Backbone,
    *,
    digest: str = "",
    unverified: bool = False,
    url: str = "",
    advance: Advance | None = None,
) -> Fetched:
    """Return the weights of a backbone, downloading them unless they are on the disk already.

    Parameters
    ----------
    digest
        SHA-256 that the file must have; needed where none is known, unless ``unverified`` states that any will do.
    url
        A mirror to fetch from instead of the published address.
    advance
        Told the bytes that are there and the bytes in all.

    Raises
    ------
    ModelError
        If the server refuses or lacks the file, the connection breaks, or the file is not the known one.
    StorageError
        If the disk is full or the folder cannot be written.
    """
    weights = backbone.weights
    digest = digest.lower()
    if digest and not _DIGEST.fullmatch(digest):
        raise ModelError(f"{digest!r} is no SHA-256", "give the 64 hexadecimal digits")
    if digest and weights.digest and not digest.startswith(weights.digest):
        raise ModelError(f"the SHA-256 of {weights.file} begins with {weights.digest}", "leave out --digest")
    present = locate_weights(backbone)
    if present is not None:
        check_digest(backbone, present)
        own = digest_file(present)
        if digest and own != digest:
            raise ModelError(f"{present} has the SHA-256 {own}, not {digest}", "remove it and fetch it again")
        return Fetched(present, own, fetched=False)
    source = url or weights.url
    if not source:
        raise ModelError(f"{weights.file} is not published at an address", f"install the {backbone.source}")
    expected = digest or weights.digest
    if not expected and not unverified:
        raise ModelError(
            f"the publisher of {weights.file} states no SHA-256, so nobody can tell whether what comes is that file",
            "give the one you know with --digest, or state with --unverified that you trust the server",
        )
    path = weights_folder() / weights.file
    part = path.with_name(f"{path.name}.part")
    _download(source, part, backbone, advance)
    found = digest_file(part)
    size = part.stat().st_size
    if not size:
        part.unlink()
        raise ModelError(f"{source} gave an empty file", "try again later, or fetch from another address with --url")
    if not found.startswith(expected) or (weights.size is not None and size != weights.size):
        part.unlink()
        raise ModelError(
            f"{source} gave another file than {weights.file}: SHA-256 {found}, {size} bytes; expected {expected}"
            + ("" if weights.size is None else f", {weights.size} bytes"),
            "it was removed; try again, or fetch from another address with --url",
        )
    if not weights.digest:
        # First, since a file of which nothing is said is refused.
        write_text(path.with_name(f"{path.name}{STATED}"), f"{found}  {path.name}\n")
    try:
        part.replace(path)
    except OSError as error:
        raise StorageError(f"{path} could not be written: {error.strerror}", "move away what stands there") from error
    return Fetched(path, found, fetched=True)


def _download(url: str, part: Path, backbone: Backbone, advance: Advance | None) -> None:
    """Fill ``part``, going on where it ends, trying a few times as long as each try brings something."""
    scheme = _scheme(url)
    tag = part.with_name(f"{part.name}.tag")
    for _ in range(_TRIES):
        before = part.stat().st_size if part.is_file() else 0
        try:
            if _fill(url, part, tag, advance):
                tag.unlink(missing_ok=True)
                return
        except urllib.error.HTTPError as error:
            with error:
                if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and tag.is_file():
                    # Nothing is left to ask for: what is there was whole before a kill, or is of another file.
                    tag.unlink()
                    continue
                raise _answered(error.code, url, backbone) from error
        except http.client.InvalidURL as error:
            raise ModelError(f"{url} is not an address of the web", f"mend what is wrong in it: {error}") from error
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            if isinstance(error, urllib.error.URLError) and before == (part.stat().st_size if part.is_file() else 0):
                proxy = urllib.request.getproxies().get(scheme)
                look = f"the proxy of {scheme.upper()}_PROXY" if proxy else "behind a proxy, set HTTPS_PROXY"
                raise ModelError(
                    f"{url} cannot be reached: {error.reason}",
                    f"check the network{' and ' if proxy else '; '}{look}; without internet, bring the file from "
                    f"another machine to {part.with_suffix('')}",
                ) from error
        except OSError as error:
            if error.errno is None:
                raise
            raise StorageError(
                f"{part} could not be written: {os.strerror(error.errno)}",
                "free some space or name another folder in BOCAGE_WEIGHTS; what has come is kept",
            ) from error
        after = part.stat().st_size if part.is_file() else 0
        if after <= before:
            break
    there = part.stat().st_size if part.is_file() else 0
    # Without a tag the next try cannot know that the rest would be of the same file.
    then = "it goes on" if tag.is_file() else "this server does not let it go on, so it begins anew"
    raise ModelError(f"the connection to {url} broke after {there} bytes", f"run the same command again: {then}")


def _scheme(url: str) -> str:
    # A bracket that is opened and not closed is an error; it may as well be no scheme.
    with suppress(ValueError):
        if (scheme := urlsplit(url).scheme) in {"http", "https"}:
            return scheme
    raise ModelError(f"{url} is not an address of the web", "give one that begins with https://")


def _fill(url: str, part: Path, tag: Path, advance: Advance | None) -> bool:
    """Make one request and append what it brings; return whether the file is whole."""
    part.parent.mkdir(parents=True, exist_ok=True)
    begin = part.stat().st_size if part.is_file() and tag.is_file() else 0
    headers = {"User-Agent": "bocage", "Accept-Encoding": "identity"}
    if begin:
        headers |= {"Range": f"bytes={begin}-", "If-Range": tag.read_text(encoding="utf-8")}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme was checked
    # An opener of its own, since the library's shared one keeps the proxies of its first use.
    with _over(partial(urllib.request.build_opener().open, request, timeout=_SECONDS)) as answer:
        if answer.headers.get_content_type() == "text/html":
            raise ModelError(
                f"{url} answered with a page, not with a file", "open it in a browser to see what it wants"
            )
        if answer.status != http.HTTPStatus.PARTIAL_CONTENT or not _goes_on(answer.headers, begin):
            begin = 0
        mark = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        if mark and not mark.startswith("W/"):
            tag.write_text(mark, encoding="utf-8")
        else:
            # Without a tag nobody can tell whether the rest is of the same file.
            tag.unlink(missing_ok=True)
        length = answer.headers.get("Content-Length")
        total = None if length is None else begin + int(length)
        there = begin
        with part.open("ab" if begin else "wb") as file:
            while block := _over(partial(answer.read, _BLOCK)):
                file.write(block)
                there += len(block)
                if advance is not None:
                    advance(there, total)
    return total is None or there == total


def _over[T](ask: Callable[[], T]) -> T:
    """Return what comes over the connection; what goes wrong there, such as encryption, is no fault of the disk."""
    try:
        return ask()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        raise
    except OSError as error:
        raise ConnectionError(str(error)) from error


def _goes_on(headers: email.message.Message, begin: int) -> bool:
    return str(headers.get("Content-Range", "")).startswith(f"bytes {begin}-")


def _answered(code: int, url: str, backbone: Backbone) -> ModelError:
    if code in _REFUSED or (code == http.HTTPStatus.NOT_FOUND and backbone.weights.gated):
        first = "accept it in a browser, download the file" if backbone.weights.gated else "download it in a browser"
        return ModelError(
            f"{url} asks for a sign-in ({code}); licence: {backbone.licence}",
            f"{first} and put it at {weights_folder() / backbone.weights.file}",
        )
    return ModelError(f"{url} answered {code}", "try again later, or fetch from another address with --url")
