"""What a model is worth against the labels by hand of the Ohio scenes that are kept for the test."""

from __future__ import annotations

import numpy as np
from imitations import OUTSIDE, truth_layer

from bocage.models import load_model
from bocage.project import Project
from bocage.reference.layer import label_of
from bocage.samples import Samples
from bocage.training.chips import ChipStore, survey
from bocage.training.evaluation import predict_chip


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
