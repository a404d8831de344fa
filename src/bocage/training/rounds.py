"""The rounds of a run: one on the labels, and those of self-training, each on what the network before it labelled."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from bocage.files import digest_json
from bocage.models.segmenter import Segmenter
from bocage.settings import RunSettings
from bocage.training.batches import CropSource
from bocage.training.chips import ChipStore
from bocage.training.crops import Crops
from bocage.training.journal import KEPT, Progress
from bocage.training.self_training import MixedCrops, PseudoLabelledStore
from bocage.training.session import learn
from bocage.training.state import WORKING
from bocage.training.weighting import Weighting

ROUNDS = "rounds"
"""Folder of the rounds before the last one, below that of the run: their states, logs and kept weights."""
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
    """Return the network of the last round with the weights that are kept, and how each round went.

    Every round begins with the same weights and sees the same crops of the annotated ground; from the second on, every
    other crop is of ground that the network before labelled. Each keeps a state: a run that was killed goes on in the
    round that it was in, after its last validation.

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
    annotated = Crops(stores["train"], run, weighting)
    crops: CropSource = annotated
    progress: list[Progress] = []
    for number in range(run.self_training + 1):
        last = number == run.self_training
        place = folder if last else folder / ROUNDS / str(number)
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(run.seed)
            network = build()
            progress.append(
                learn(network, run, crops, validation, place, digest if last else digest_json([digest, number]))
            )
        network.load_state_dict(load_file(place / WORKING / KEPT))
        if not last:
            words = f"{run.name}: chips labelled by round {number + 1} of {run.self_training + 1}"
            filled = PseudoLabelledStore(stores["train"].everywhere(), segmenter(network), words)
            _log.info(
                "run %s: round %d of %d labels %d pixels that had no label, %.0f %% of them as trees",
                *(run.name, number + 1, run.self_training + 1, filled.labelled),
                100 * filled.trees / max(1, filled.labelled),
            )
            crops = MixedCrops(annotated, Crops(filled, run, weighting))
    return network, progress
