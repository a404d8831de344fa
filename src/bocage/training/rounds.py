"""The rounds of a run: one on the labels, and those of self-training, each on what the network before it labelled."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from bocage.files import digest_json
from bocage.models.segmenter import Segmenter
from bocage.settings import RunSettings
from bocage.training.chips import ChipStore
from bocage.training.crops import Crops
from bocage.training.journal import KEPT, Progress
from bocage.training.self_training import MixedCrops, PseudoLabelledStore
from bocage.training.session import learn
from bocage.training.state import WORKING
from bocage.training.weighting import Weighting

ROUNDS = "rounds"
"""Folder of the rounds before the last one, below that of the run: their states, logs and kept weights."""
# Seeds of teachers lie apart from those of orders, which follow each other.
_SEEDS = 1000
_log = logging.getLogger("bocage")


def learn_in_rounds(
    run: RunSettings,
    build: Callable[[], nn.Module],
    segmenter: Callable[[nn.Module], Segmenter],
    stores: Mapping[str, ChipStore],
    weighting: Weighting | None,
    folder: Path,
    digest: str,
) -> tuple[nn.Module, list[Progress]]:
    """Return the network of the last round with the weights that are kept, and how each training went.

    A round before the last trains as many networks as there are to be teachers, each on crops and with fresh layers of
    its own, and labels the ground by their mean; from the second round on, every other crop is of that ground. Every
    training keeps a state: a run that was killed goes on in the one that it was in, after its last validation.

    Parameters
    ----------
    build
        Makes the network, its random weights from torch's global generator.
    segmenter
        Makes of a network what predicts.
    stores, weighting, folder, digest
        Those of :func:`bocage.training.fitting.train_run`.

    Raises
    ------
    TrainingError
        As :func:`bocage.training.session.learn`.
    """
    validation = stores["validation"] if run.select == "best" else None
    progress: list[Progress] = []

    def train(one: RunSettings, filled: ChipStore | None, place: Path, inputs: str) -> nn.Module:
        annotated = Crops(stores["train"], one, weighting)
        crops = annotated if filled is None else MixedCrops(annotated, Crops(filled, one, weighting))
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(one.seed)
            network = build()
            progress.append(learn(network, one, crops, validation, place, inputs))
        network.load_state_dict(load_file(place / WORKING / KEPT))
        return network

    filled: PseudoLabelledStore | None = None
    for number in range(run.self_training):
        teachers = []
        for teacher in range(run.teachers):
            one = run.model_copy(update={"seed": run.seed + _SEEDS * teacher})
            place = folder / ROUNDS / str(number) / str(teacher)
            teachers.append(segmenter(train(one, filled, place, digest_json([digest, number, teacher]))))
        words = f"{run.name}: chips labelled by round {number + 1} of {run.self_training + 1}"
        started = time.monotonic()
        filled = PseudoLabelledStore(stores["train"].everywhere(), teachers, words)
        progress[-1].seconds += time.monotonic() - started
        _tell(run, number, filled)
    return train(run, filled, folder, digest), progress


def _tell(run: RunSettings, number: int, filled: PseudoLabelledStore) -> None:
    """Say what a round has labelled, and warn where the next one can learn nothing from it."""
    _log.info(
        "run %s: round %d of %d labels %d pixels that had no label, %d of them as trees",
        *(run.name, number + 1, run.self_training + 1, filled.labelled, filled.trees),
    )
    if not filled.labelled:
        _log.warning("run %s: every pixel has a label already, so self_training only costs time", run.name)
    elif filled.trees in {0, filled.labelled}:
        _log.warning(
            "run %s: all ground without a label is taken for %s, and the next round will learn that; train longer, or "
            "label more kinds of ground",
            *(run.name, "trees" if filled.trees else "other than trees"),
        )
