"""Clients of stores that speak the protocol of Amazon S3.

obstore reads and writes whole objects, GDAL the windows of rasters. Both take their settings from the ``AWS_*``
variables of the environment but spell some of them differently; here they are brought into line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from bocage.errors import BocageError, StorageError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

_TRUE = frozenset({"1", "yes", "true", "on"})
_CLIENT = "check AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


def split_url(url: str) -> tuple[str, str]:
    """Return bucket and key or prefix of an ``s3://`` URL.

    Raises
    ------
    StorageError
        If it is not such a URL.
    """
    found = re.fullmatch(r"s3://([A-Za-z0-9][A-Za-z0-9._-]{1,62})(?:/(.*))?", url, re.DOTALL)
    key = (found.group(2) or "").rstrip("/") if found else ""
    if found is None or not key.isprintable() or (key and not {"", ".", ".."}.isdisjoint(key.split("/"))):
        raise StorageError(f"{url} is not the URL of a store", "write it as s3://bucket/prefix")
    return found.group(1), key


def connect(bucket: str, *, retries: int = 3, patience: float = 60.0) -> S3Store:
    """Return a client of a bucket, and give GDAL the same settings.

    Parameters
    ----------
    retries, patience
        How often, and for how many seconds, a request is repeated that the store could not answer; the first time
        after 0.1 seconds, then after ever longer.

    Raises
    ------
    StorageError
        If the settings of the environment cannot be understood.
    """
    configure_gdal()
    endpoint = _endpoint()
    config: S3Config = {}
    if endpoint:
        config["endpoint"] = endpoint
    if _unsigned():
        config["skip_signature"] = True
    client: ClientConfig = {"connect_timeout": "10s", "timeout": "60s", "allow_http": endpoint.startswith("http://")}
    retry: RetryConfig = {"max_retries": retries, "retry_timeout": timedelta(seconds=patience)}
    with errors(f"s3://{bucket}"):
        return S3Store(bucket, config=config, client_options=client, retry_config=retry)


def configure_gdal() -> None:
    """Give GDAL the settings of the store that obstore takes, as variables of this process (worker processes inherit).

    Raises
    ------
    StorageError
        If the endpoint is not a URL.
    """
    endpoint = _endpoint()
    if endpoint:
        scheme, _, host = endpoint.partition("://")
        os.environ["AWS_S3_ENDPOINT"] = host.rstrip("/")
        os.environ["AWS_HTTPS"] = "YES" if scheme == "https" else "NO"
        os.environ["AWS_VIRTUAL_HOSTING"] = "TRUE" if _truth("AWS_VIRTUAL_HOSTED_STYLE_REQUEST") else "FALSE"
    if _unsigned():
        os.environ["AWS_NO_SIGN_REQUEST"] = "YES"
    if region := os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
        os.environ["AWS_REGION"] = region
    # A store that does not answer is an error after a while, not a hang.
    os.environ.setdefault("GDAL_HTTP_CONNECTTIMEOUT", "10")
    os.environ.setdefault("GDAL_HTTP_TIMEOUT", "60")
    # Each wait is at least twice the one before it; GDAL's own first one is 30 seconds.
    os.environ.setdefault("GDAL_HTTP_MAX_RETRY", "6")
    os.environ.setdefault("GDAL_HTTP_RETRY_DELAY", "0.5")


def entity_tag(given: str | None) -> str:
    """Return an entity tag without its quotes; empty where a store gives none."""
    return (given or "").strip('"')


@contextmanager
def errors(url: str, done: str = "read from the store") -> Iterator[None]:
    """Turn the errors of a client into those of Bocage, naming the bucket or object.

    Raises
    ------
    StorageError
        For whatever the client raises.
    """
    try:
        yield
    except BocageError:
        raise
    except (BaseError, OSError, ValueError) as error:
        text = str(error).strip() or type(error).__name__
        # Listing in a bucket that is not there is no FileNotFoundError but an answer of the server.
        if isinstance(error, FileNotFoundError) or "NoSuchBucket" in text:
            raise StorageError(f"{url} is not there: no such bucket or object", "check the URL and AWS_*") from error
        if isinstance(error, (PermissionDeniedError, UnauthenticatedError)) or "AccessDenied" in text:
            raise StorageError(f"{url}: the store denies access", _CLIENT) from error
        reason = text.splitlines()[0][:300]
        raise StorageError(f"{url} cannot be {done}: {reason}", _CLIENT) from error


def _endpoint() -> str:
    """Return the URL of the store, also where only GDAL's own variables name it; empty for Amazon's."""
    for variable in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
        if endpoint := os.environ.get(variable, "").rstrip("/"):
            if not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", endpoint):
                raise StorageError(
                    f"{variable} is not the URL of a store", "write it as https://host or http://host:port"
                )
            return endpoint
    if host := os.environ.get("AWS_S3_ENDPOINT", "").rstrip("/"):
        secure = os.environ.get("AWS_HTTPS", "YES").lower() in _TRUE
        return host if "://" in host else f"{'https' if secure else 'http'}://{host}"
    return ""


def _unsigned() -> bool:
    return _truth("AWS_NO_SIGN_REQUEST") or _truth("AWS_SKIP_SIGNATURE")


def _truth(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in _TRUE
