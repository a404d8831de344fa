"""A forest as the bytes of a safetensors file and back: arrays and a header of text, nothing that runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from bocage.errors import ModelError
from bocage.models.forest.features import VERSION
from bocage.models.forest.recipe import Recipe
from bocage.models.forest.resemblance import SIGNATURE
from bocage.models.forest.segmenter import ForestSegmenter
from bocage.models.forest.trees import ARRAYS, Trees

if TYPE_CHECKING:
    from bocage.scenes.stretch import Method

_HEADER = "header"


def pack(segmenter: ForestSegmenter) -> bytes:
    """Return the content of a safetensors file that holds all that predictions depend on.

    The digest of these bytes changes whenever predictions may: they hold the version of the features, too.
    """
    header = {
        "version": VERSION,
        "recipe": asdict(segmenter.recipe),
        "features": segmenter.features,
        "scenes": list(segmenter.scenes),
        "resolution": segmenter.resolution,
    }
    # Metadata of safetensors are written in no fixed order; an array of the text is.
    arrays = {_HEADER: np.frombuffer(json.dumps(header, sort_keys=True).encode(), np.uint8)}
    for number, trees in enumerate(segmenter.forests):
        arrays |= {f"{number}.{name}": array for name, array in trees.arrays().items()}
    if segmenter.signatures is not None and segmenter.members is not None:
        arrays |= {"signatures": segmenter.signatures, "members": segmenter.members}
    return bytes(save(arrays))


def unpack(
    content: bytes,
    source: str,
    *,
    bands: tuple[str, ...],
    resolution: float,
    digest: str,
    stretch: Method,
    percentiles: tuple[float, float],
) -> ForestSegmenter:
    """Return the forest in the bytes of a safetensors file; ``source`` names it in errors.

    Raises
    ------
    ModelError
        If the bytes are no forest, or one whose features this version does not compute.
    """
    try:
        arrays = load(content)
        header: dict[str, Any] = json.loads(bytes(arrays[_HEADER]))
        if header["version"] != VERSION:
            raise ModelError(
                f"{source} was grown on features of version {header['version']}, and this is version {VERSION}",
                "train the model again with this version",
            )
        if header["resolution"] != resolution:
            raise ModelError(
                f"{source} was grown at {header['resolution']} m, and its description says {resolution} m",
                "copy the whole package again, or train the model again",
            )
        recipe, features = Recipe(**header["recipe"]), int(header["features"])
        scenes = tuple(str(scene) for scene in header["scenes"])
        count = len(scenes) or 1
        forests = tuple(
            Trees.of({name: arrays[f"{number}.{name}"] for name in ARRAYS}, features) for number in range(count)
        )
        signatures, members = (arrays["signatures"], arrays["members"]) if scenes else (None, None)
    except (SafetensorError, ValueError, KeyError, TypeError, IndexError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{source} holds no forest: {error!r}", "train the model again with this version") from error
    if scenes and not (signatures.shape == (members.size, SIGNATURE) and set(members.tolist()) == set(range(count))):
        raise ModelError(f"{source} does not say which images its forests are of", "train the model again")
    return ForestSegmenter(
        forests,
        recipe,
        bands,
        resolution,
        stretch,
        percentiles,
        digest,
        features,
        scenes,
        signatures,
        members,
    )
