"""Trees of small files, and what is found in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bocage.scenes.deliveries.delivery import Delivery
from bocage.scenes.deliveries.finding import find_deliveries
from tests.scenes.deliveries.images import pixels, write


def lay(folder: Path, **files: Any) -> Path:
    """Write small rasters (True) and metadata; ``__`` in a name stands for a slash, ``_dot_`` for a dot."""
    for key, content in files.items():
        path = folder / key.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is True:
            write(path, pixels(1, 8, 8))
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def put(folder: Path, content: dict[str, Any]) -> Path:
    return lay(folder, **{name.replace("/", "__").replace(".", "_dot_"): value for name, value in content.items()})


def item(**assets: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": "the item",
        "properties": {"datetime": None},
        "assets": assets,
    }


def found(source: str | Path) -> dict[str, list[str]]:
    """Return the names of the files by id, for a source without refusals."""
    deliveries, refusals = find_deliveries(str(source))
    assert refusals == []
    result = {delivery.id: [part.name for part in delivery.parts] for delivery in deliveries}
    assert len(result) == len(deliveries)
    return result


def refused(source: str | Path) -> list[str]:
    """Return the reasons, for a source without deliveries."""
    deliveries, refusals = find_deliveries(str(source))
    assert deliveries == []
    return [refusal.reason for refusal in refusals]


def only(source: str | Path) -> Delivery:
    deliveries, refusals = find_deliveries(str(source))
    assert refusals == []
    assert len(deliveries) == 1
    return deliveries[0]
