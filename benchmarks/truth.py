"""The labels by hand of the Ohio scenes, and what a model is worth against them on the scenes kept for the test."""

from __future__ import annotations

import numpy as np
from imitations import OUTSIDE, TREE, data_folder

from bocage.models import load_model
from bocage.project import Project
from bocage.reference.layer import Layer, label_of, open_layer
from bocage.samples import Samples
from bocage.settings import LayerSettings
from bocage.training.chips import ChipStore, survey
from bocage.training.evaluation import predict_chip


def truth_layer(project: Project) -> Layer:
    """Return the labels by hand."""
    pattern = str(data_folder() / "ohio" / "labels_*.tif")
    return open_layer(LayerSettings(kind="classes", paths=(pattern,), tree=(TREE,), ignore=(OUTSIDE,)), project)


def test_iou(project: Project) -> float:
    """Return the IoU of the model with the true labels on the test scenes."""
    segmenter, layer = load_model(project.models_folder / "slf"), truth_layer(project)
    store = ChipStore(survey(project)["test"])
    windows = dict(zip((samples := Samples.read(project)).table["sample_id"], samples.windows(), strict=True))
    hits = union = 0
    for chip, (image, _) in zip(store.chips, store, strict=True):
        truth = label_of(layer, project.grid, windows[chip.sample_id])
        found, asked = predict_chip(segmenter, image) >= 0.5, (truth != OUTSIDE) & image.any(axis=0)
        hits += int(np.count_nonzero(found & (truth == 1) & asked))
        union += int(np.count_nonzero((found | (truth == 1)) & asked))
    return hits / union
