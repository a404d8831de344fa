"""A dialect of metadata for the tests of finding: JSON under the name of XML."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bocage.errors import MetadataError, UnsupportedSensorError
from bocage.scenes.deliveries import finding
from bocage.scenes.deliveries.files import DeliveryFiles
from bocage.scenes.dialects import registry
from bocage.scenes.metadata import BandRecord, PartRecord, ProductMetadata


def read(name: str, files: DeliveryFiles) -> ProductMetadata | None:
    """A dialect for these tests: JSON under the name of XML. STAC Items are read as ever."""
    if name.lower().endswith(".json"):
        return registry.read_metadata(name, files)
    content = files.read(name).decode()
    if content == "damaged":
        raise MetadataError(f"{name} is damaged", "deliver it again")
    if content == "unsupported":
        raise UnsupportedSensorError(f"{name}: not supported: IKONOS-2", "")
    if not content.startswith("{"):
        return None
    values = json.loads(content)
    parts = tuple(PartRecord(part) if isinstance(part, str) else PartRecord(*part) for part in values.pop("parts", ()))
    bands = tuple(BandRecord(band, gain=values.get("gain")) for band in values.pop("bands", ()))
    values.pop("gain", None)
    day = values.pop("day", None)
    acquired = datetime.fromisoformat(day).replace(tzinfo=UTC) if day else None
    return ProductMetadata(values.pop("dialect", "test"), parts=parts, bands=bands, acquired=acquired, **values)


@pytest.fixture
def own_dialect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "read_metadata", read)
