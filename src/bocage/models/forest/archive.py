"""A forest as the tensors of a package and back: arrays and a header of text, nothing that runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from bocage.errors import ModelError
from bocage.models.forest.features import VERSION
from bocage.models.forest.recipe import Recipe
from bocage.models.forest.resemblance import SIGNATURE
from bocage.models.forest.segmenter import ForestSegmenter
from bocage.models.forest.trees import ARRAYS, Trees
from bocage.models.item import ModelDescription

_HEADER = "header"


def tensors_of(segmenter: ForestSegmenter) -> dict[str, Tensor]:
    """Return all that predictions depend on, for ``save_package``; the version of the features is among it."""
    header = {
        "version": VERSION,
        "recipe": asdict(segmenter.recipe),
        "features": segmenter.features,
        "scenes": list(segmenter.scenes),
        "resolution": segmenter.resolution,
    }
    # Metadata of safetensors are written in no fixed order; a tensor of the text is.
    arrays: dict[str, Any] = {_HEADER: np.frombuffer(json.dumps(header, sort_keys=True).encode(), np.uint8)}
    for number, trees in enumerate(segmenter.forests):
        arrays |= {f"{number}.{name}": array for name, array in trees.arrays().items()}
    if segmenter.signatures is not None and segmenter.members is not None:
        arrays |= {"signatures": segmenter.signatures, "members": segmenter.members}
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


def pack(segmenter: ForestSegmenter) -> bytes:
    """Return the content of the file that ``save_package`` writes: its digest changes whenever predictions may."""
    return bytes(save(tensors_of(segmenter)))


def open_forest(
    path: Path, tensors: Mapping[str, Tensor], description: ModelDescription, digest: str
) -> ForestSegmenter:
    """Return the forest in the tensors of a package; ``path`` names their file in errors.

    Raises
    ------
    ModelError
        If they are no forest, one whose features this version does not compute, or one for another resolution.
    """
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    try:
        header: dict[str, Any] = json.loads(bytes(arrays[_HEADER]))
        version, resolution = int(header["version"]), float(header["resolution"])
        scenes = tuple(str(scene) for scene in header["scenes"])
        _check(path, version, resolution, description)
        recipe, features = Recipe(**header["recipe"]), int(header["features"])
        forests = tuple(
            Trees.of({name: arrays[f"{number}.{name}"] for name in ARRAYS}, features)
            for number in range(len(scenes) or 1)
        )
        signatures, members = (arrays["signatures"], arrays["members"]) if scenes else (None, None)
    except ModelError:
        raise
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ModelError(f"{path} holds no forest: {error!r}", "train the model again with this version") from error
    if signatures is not None and members is not None:
        each = set(members.tolist()) == set(range(len(scenes)))
        if signatures.shape != (members.size, SIGNATURE) or not each:
            raise ModelError(f"{path} does not say which images its forests are of", "train the model again")
    return ForestSegmenter(
        forests,
        recipe,
        description.bands,
        resolution,
        description.stretch,
        description.percentiles,
        digest,
        features,
        scenes,
        signatures,
        members,
    )


def _check(path: Path, version: int, resolution: float, description: ModelDescription) -> None:
    if version != VERSION:
        raise ModelError(
            f"{path} was grown on features of version {version}, and this is version {VERSION}",
            "train the model again with this version",
        )
    if resolution != description.resolution:
        raise ModelError(
            f"{path} was grown at {resolution} m, and its description says {description.resolution} m",
            "copy the whole package again, or train the model again",
        )
