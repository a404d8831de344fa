"""The trees of a random forest as plain arrays, which predict without scikit-learn what scikit-learn predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from bocage.errors import ModelError

# Objects are sent through all trees in groups whose features fit in the cache of a core.
_GROUP = 4096

ARRAYS = ("roots", "children", "feature", "threshold", "value")
"""Names of the arrays of :class:`Trees`."""
_TYPES = (np.int64, np.int32, np.int32, np.float64, np.float64)


@dataclass(frozen=True, slots=True)
class Trees:
    """Decision trees, one after another.

    Attributes
    ----------
    roots
        (trees,) int64, the first node of each.
    children
        (nodes, 2) int32: where to go if the feature is at most the threshold, and if not; a leaf leads to itself.
    feature
        (nodes,) int32, 0 in a leaf.
    threshold
        (nodes,) float64.
    value
        (nodes,) float64, 0 to 1: the share of tree in the node.
    """

    roots: NDArray[np.int64]
    children: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    value: NDArray[np.float64]

    @classmethod
    def grown(cls, forest: RandomForestClassifier) -> Trees:
        """Take over a fitted forest of the classes 0 and 1."""
        trees = [estimator.tree_ for estimator in forest.estimators_]
        counts = np.array([tree.node_count for tree in trees], np.int64)
        roots = np.cumsum(counts) - counts
        children = []
        for tree, root in zip(trees, roots, strict=True):
            own = np.arange(tree.node_count)
            sides = [np.where(side < 0, own, side) + root for side in (tree.children_left, tree.children_right)]
            children.append(np.stack(sides, axis=1))
        feature = np.concatenate([tree.feature for tree in trees])
        return cls(
            roots,
            np.concatenate(children).astype(np.int32),
            np.maximum(feature, 0).astype(np.int32),
            np.concatenate([tree.threshold for tree in trees]),
            np.concatenate([tree.value[:, 0, 1] for tree in trees]),
        )

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the mean share of tree, (objects,), of features (objects, features) float32."""
        result = np.zeros(len(features))
        for start in range(0, len(features), _GROUP):
            group = features[start : start + _GROUP]
            total = np.zeros(len(group))
            for root in self.roots:
                total += self.value[self._leaves(group, int(root))]
            result[start : start + _GROUP] = total / self.roots.size
        return result

    def _leaves(self, features: NDArray[np.float32], root: int) -> NDArray[np.int64]:
        """Return the leaf of one tree in which each object ends."""
        node = np.full(len(features), root, np.int64)
        flat, width = features.ravel(), features.shape[1]
        walking = np.arange(len(features))
        while walking.size:
            at = node[walking]
            right = flat[walking * width + self.feature[at]] > self.threshold[at]
            onward = self.children[at, right.astype(np.intp)]
            node[walking] = onward
            walking = walking[onward != at]
        return node

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name."""
        return {name: getattr(self, name) for name in ARRAYS}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], features: int) -> Trees:
        """Rebuild trees of such arrays, for objects of so many features.

        Raises
        ------
        ModelError
            If they are no trees: a wrong type or shape, a node that leads backwards or to another tree.
        """
        wrong = any(
            arrays[name].ndim < 1 or arrays[name].dtype != kind for name, kind in zip(ARRAYS, _TYPES, strict=True)
        )
        if wrong:
            raise _no_trees()
        trees = cls(*(arrays[name] for name in ARRAYS))
        nodes = trees.feature.size
        shapes = [
            (trees.children.shape, (nodes, 2)),
            (trees.threshold.shape, (nodes,)),
            (trees.value.shape, (nodes,)),
            (trees.feature.shape, (nodes,)),
            (trees.roots.shape, (trees.roots.size,)),
        ]
        ends = np.append(trees.roots[1:], nodes)
        sound = (
            nodes > 0
            and trees.roots.size > 0
            and all(given == shape for given, shape in shapes)
            and trees.roots[0] == 0
            and bool((ends > trees.roots).all())
            and bool(((trees.feature >= 0) & (trees.feature < features)).all())
            and bool(((trees.value >= 0) & (trees.value <= 1)).all())
            and bool(np.isfinite(trees.threshold).all())
        )
        if sound:
            own = np.arange(nodes)[:, np.newaxis]
            end = np.repeat(ends, ends - trees.roots)[:, np.newaxis]
            leaf = (trees.children == own).all(axis=1)
            onward = ((trees.children > own) & (trees.children < end)).all(axis=1)
            sound = bool((leaf | onward).all())
        if not sound:
            raise _no_trees()
        return trees


def _no_trees() -> ModelError:
    return ModelError("the arrays are not those of decision trees", "copy the whole package, or train again")
