"""Growing a forest: labelled chips become objects with the share of trees in each, and those become trees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from bocage.errors import ModelError
from bocage.models.contract import check_bytes
from bocage.models.forest.archive import pack
from bocage.models.forest.features import describe_objects
from bocage.models.forest.recipe import Recipe
from bocage.models.forest.resemblance import signature
from bocage.models.forest.segmenter import ForestSegmenter
from bocage.models.forest.trees import Trees
from bocage.scenes.bands import BANDS

if TYPE_CHECKING:
    from bocage.scenes.stretch import Method

_IGNORE = 255

LabelledChip = tuple[NDArray[np.uint8], NDArray[np.uint8], str]
"""Image (4, rows, columns), label (rows, columns) of 0, 1 and 255 = ignore, and the image (scene) it is of."""


@dataclass
class _Stand:
    """Objects to grow one forest from, thinned at random as they become too many."""

    most: int
    seed: int
    share: float = 1.0
    features: list[NDArray[np.float32]] = field(default_factory=list)
    counts: list[NDArray[np.float64]] = field(default_factory=list)
    _rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    def add(self, features: NDArray[np.float32], counts: NDArray[np.float64]) -> None:
        """Add objects with their numbers of pixels that are no tree and tree, (objects, 2)."""
        self._keep(features, counts, self.share)
        while sum(map(len, self.features)) > self.most:
            self.share /= 2
            features, counts = np.concatenate(self.features), np.concatenate(self.counts)
            self.features, self.counts = [], []
            self._keep(features, counts, 0.5)

    def _keep(self, features: NDArray[np.float32], counts: NDArray[np.float64], share: float) -> None:
        kept = self._rng.random(len(features)) < share if share < 1 else np.ones(len(features), np.bool_)
        self.features.append(features[kept])
        self.counts.append(counts[kept])

    def pixels(self) -> NDArray[np.float64]:
        """Return the numbers of pixels that are no tree, and tree."""
        return np.concatenate(self.counts).sum(axis=0) if self.counts else np.zeros(2)

    def grow(self, recipe: Recipe, jobs: int) -> Trees:
        """Grow the trees: an object counts once for each class that it holds, by the pixels of that class."""
        features, counts = np.concatenate(self.features), np.concatenate(self.counts)
        rows, classes = np.nonzero(counts)
        forest = RandomForestClassifier(
            recipe.trees,
            min_samples_leaf=recipe.leaf,
            max_features="sqrt",
            random_state=self.seed,
            n_jobs=jobs,
        )
        forest.fit(features[rows], classes, sample_weight=counts[rows, classes])
        return Trees.grown(forest)


class Forest:
    """GEOBIA and random forest, as the first layers of small woody features were made.

    Source: Merciol et al. (2019), GEOBIA at the terapixel scale, doi 10.3390/ijgi8010046.
    """

    @staticmethod
    def fit(
        chips: Iterable[LabelledChip],
        *,
        per_image: bool,
        seed: int,
        resolution: float,
        stretch: Method = "percentile",
        percentiles: tuple[float, float] = (0.005, 0.995),
        recipe: Recipe | None = None,
        jobs: int = 1,
    ) -> ForestSegmenter:
        """Grow one forest from all chips, or one from the chips of each image.

        Where there is a forest per image, an image whose labels hold one class only has none, and does not answer for
        others. The same chips, seed and recipe give the same forest, whatever ``jobs``.

        Parameters
        ----------
        chips
            Read once, one after another.
        resolution
            Metres per pixel.
        stretch, percentiles
            How the scenes became bytes.
        jobs
            Processor cores to grow trees on.

        Raises
        ------
        ModelError
            If an image or a label does not suit, no pixel is decided, or the labels hold one class only.
        """
        if not (np.isfinite(resolution) and resolution > 0):
            raise ModelError(f"a resolution of {resolution} m is none", "give the metres per pixel of the chips")
        recipe = recipe or Recipe()
        stands: dict[str, _Stand] = {}
        signatures: list[tuple[str, NDArray[np.float32]]] = []
        for image, label, scene in chips:
            _check(image, label, scene)
            valid = image.any(axis=0)
            decided = valid & (label != _IGNORE)
            if not decided.any():
                continue
            objects = describe_objects(image, valid, resolution, scale=recipe.scale, smallest=recipe.smallest)
            pairs = objects.labels[decided].astype(np.int64) * 2 + label[decided]
            counts = np.bincount(pairs, minlength=2 * len(objects.features)).reshape(-1, 2).astype(np.float64)
            known = counts.any(axis=1)
            stand = stands.setdefault(scene if per_image else "", _Stand(recipe.most, seed))
            stand.add(objects.features[known], counts[known])
            signatures.append((scene, signature(image, valid)))
        if not stands:
            raise ModelError("no pixel of the chips is decided, so no forest can grow", "label some ground")
        mixed = {name: stand for name, stand in stands.items() if stand.pixels().all()}
        if not mixed:
            raise ModelError(
                _one_class(stands),
                "label both trees and other ground" + " in one image" * per_image + ", or more of it",
            )
        scenes = tuple(sorted(mixed)) if per_image else ()
        forests = tuple(mixed[name].grow(recipe, jobs) for name in scenes or ("",))
        own = [(scenes.index(scene), values) for scene, values in signatures if scene in scenes]
        grown = ForestSegmenter(
            forests,
            recipe,
            BANDS,
            resolution,
            stretch,
            percentiles,
            digest="",
            features=len(objects.names),
            scenes=scenes,
            signatures=np.stack([values for _, values in own]) if own else None,
            members=np.array([number for number, _ in own], np.int64) if own else None,
        )
        return replace(grown, digest=sha256(pack(grown)).hexdigest())


def _check(image: NDArray[np.uint8], label: NDArray[np.uint8], scene: str) -> None:
    check_bytes(image)
    if image.ndim != 3 or len(image) != len(BANDS) or label.shape != image.shape[1:]:
        raise ModelError(
            f"a chip of {scene} is {image.shape} with a label {label.shape}",
            f"give images of the bands {', '.join(BANDS)} and a label of the same rows and columns",
        )
    if not np.isin(label, (0, 1, _IGNORE)).all():
        raise ModelError(f"a label of {scene} holds other values than 0, 1 and 255", "write 255 where it is unknown")


def _one_class(stands: dict[str, _Stand]) -> str:
    other, tree = sum((stand.pixels() for stand in stands.values()), np.zeros(2))
    if other and tree:
        return "no image holds both trees and other ground, so no forest per image can grow"
    return f"the chips hold {'tree' if tree else 'non-tree'} pixels only, so no forest can grow"
