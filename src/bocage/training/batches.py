"""Batches of crops, made in threads while the network learns from those before them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol, Self

import lightning
import numpy as np
import torch
from torch import Tensor

from bocage.errors import TrainingError
from bocage.settings import RunSettings
from bocage.training.crops import WeightedCrop

# Batches that are made ahead of the one that the network learns from.
_AHEAD = 2
_MOST_THREADS = 8


class CropSource(Protocol):
    """Where the crops of a run come from: number ``n`` is always the same."""

    @property
    def run(self) -> RunSettings:
        """The run whose crops they are."""

    def crop(self, number: int) -> WeightedCrop:
        """Return a crop: image float32 0..255, validity, label 0, 1 or 255, and weights 0..1 or None."""


class Batch(NamedTuple):
    """Crops as the network takes them.

    Attributes
    ----------
    image
        (n, 4, edge, edge) float32, 0 to 255.
    valid
        (n, edge, edge).
    label
        (n, edge, edge) uint8: 0, 1 or 255.
    weight
        (n, edge, edge) float32, 0..1, or None where every pixel counts the same.
    """

    image: Tensor
    valid: Tensor
    label: Tensor
    weight: Tensor | None

    @classmethod
    def of(cls, crops: list[WeightedCrop]) -> Self:
        """Stack crops."""
        images, valid, labels, weights = zip(*crops, strict=True)
        weight = None if weights[0] is None else torch.from_numpy(np.stack(weights))
        image, seen, label = (torch.from_numpy(np.stack(part)) for part in (images, valid, labels))
        return cls(image, seen, label, weight)

    def parts(self, size: int) -> Iterator[Self]:
        """Yield the batch in parts of at most ``size`` crops."""
        for start in range(0, len(self.label), size):
            members = slice(start, start + size)
            weight = None if self.weight is None else self.weight[members]
            yield type(self)(self.image[members], self.valid[members], self.label[members], weight)


class Batches:
    """The batches of some steps: crop numbers follow from the step and the rank, however many threads make them.

    Parameters
    ----------
    first, steps
        The number of the first step, and how many there are.
    batch_size
        Crops of a step, over all devices.
    rank, devices
        Which part of each batch is ours.
    """

    def __init__(
        self,
        crops: CropSource,
        *,
        first: int,
        steps: int,
        batch_size: int,
        threads: int,
        rank: int = 0,
        devices: int = 1,
    ) -> None:
        self._crops, self._first, self._steps, self._size = crops, first, steps, batch_size
        self._threads, self._rank, self._own = threads, rank, batch_size // devices

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[Batch]:
        ahead: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(self._threads, "crops") as pool:
            try:
                for step in range(self._steps + _AHEAD):
                    if step < self._steps:
                        begin = (self._first + step) * self._size + self._rank * self._own
                        crops = [pool.submit(self._crops.crop, begin + one) for one in range(self._own)]
                        # Begun after all of its crops are, so it waits for none that waits for a thread.
                        ahead.append(pool.submit(_stack, crops))
                    if step >= _AHEAD:
                        yield ahead.popleft().result()
            except MemoryError as error:
                raise TrainingError(
                    f"{self._own} crops do not fit into main memory as often as they are made ahead: {error}",
                    "lower batch_size or crop",
                ) from error
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


def _stack(crops: list[Future[WeightedCrop]]) -> Batch:
    return Batch.of([crop.result() for crop in crops])


class CropModule(lightning.LightningDataModule):
    """Crops for the epochs of a run; an epoch is the steps between two validations."""

    def __init__(self, crops: CropSource) -> None:
        super().__init__()
        self._crops = crops

    def train_dataloader(self) -> Batches:
        """Return the batches of the current epoch."""
        task: Any = self.trainer.lightning_module  # type: ignore[union-attr]
        run = self._crops.run
        return Batches(
            self._crops,
            first=task.step,
            steps=min(run.validate_every, run.steps - task.step),
            batch_size=run.batch_size,
            threads=_threads(run.devices),
            rank=task.global_rank,
            devices=run.devices,
        )


def _threads(devices: int) -> int:
    """Return how many threads make crops: one beside a network on the processor, most cores beside one on a GPU."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(_MOST_THREADS, max(1, cores // devices - 1)) if torch.cuda.is_available() else 1
