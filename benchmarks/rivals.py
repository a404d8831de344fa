"""What one would write with MONAI or torchgeo to map a scene, file to file. Both are optional."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor, nn


@dataclass(frozen=True)
class Task:
    """A scene of 16 bits on disk, the network, and how to go over it.

    Attributes
    ----------
    stretch
        Per band the two digital numbers that become the bytes 1 and 255.
    only
        Edge of the corner that is to be mapped; all where None.
    """

    scene: Path
    result: Path
    network: nn.Module
    stretch: tuple[tuple[float, float], ...]
    chip: int
    stride: int
    batch: int
    only: int | None = None

    def bytes_of(self, numbers: Tensor) -> Tensor:
        """Return (n, 4, rows, columns) digital numbers as bytes, stretched as Bocage does."""
        low, high = (torch.tensor(edge).reshape(1, -1, 1, 1) for edge in zip(*self.stretch, strict=True))
        return (1 + (numbers.float() - low) * (254 / (high - low))).clamp_(1, 255).to(torch.uint8)

    def probability(self, images: Tensor) -> Tensor:
        """Return (n, 1, rows, columns) of images (n, 4, rows, columns)."""
        valid = torch.ones((len(images), *images.shape[-2:]), dtype=torch.bool)
        result: Tensor = torch.sigmoid(self.network(images.to(torch.uint8), valid)).unsqueeze(1)
        return result

    def write(self, probability: NDArray[np.floating], profile: Mapping[str, Any]) -> None:
        """Write (rows, columns) of probability as one compressed band of bytes."""
        rows, columns = probability.shape
        options = {**profile, "count": 1, "dtype": "uint8", "nodata": 255, "height": rows, "width": columns}
        with rasterio.open(self.result, "w", **options) as file:
            file.write(np.rint(probability * 254).astype(np.uint8), 1)


def monai(task: Task) -> None:
    """Map with MONAI's sliding window: the whole scene in memory, gaussian weights."""
    from monai.inferers.utils import sliding_window_inference

    with rasterio.open(task.scene) as file:
        edge = task.only or file.width
        numbers, profile = file.read(window=Window(0, 0, edge, edge)), file.profile
    with torch.inference_mode():
        image = task.bytes_of(torch.from_numpy(numbers)[None]).float()
        found = sliding_window_inference(
            image, task.chip, task.batch, task.probability, overlap=1 - task.stride / task.chip, mode="gaussian"
        )
    assert isinstance(found, Tensor)
    task.write(found[0, 0].numpy(), profile)


def torchgeo(task: Task) -> None:
    """Map with torchgeo's gridded sampler and a loader in this process; overlaps are averaged."""
    import shapely
    from torch.utils.data import DataLoader
    from torchgeo.datasets import RasterDataset, stack_samples
    from torchgeo.samplers import GridGeoSampler

    with rasterio.open(task.scene) as file:
        profile, bounds, edge, resolution = file.profile, file.bounds, task.only or file.width, file.res[0]
    roi = shapely.box(bounds.left, bounds.top - edge * resolution, bounds.left + edge * resolution, bounds.top)
    dataset = RasterDataset(task.scene)
    sampler = GridGeoSampler(dataset, size=task.chip, stride=task.stride, roi=roi)
    total, count = np.zeros((edge, edge), np.float32), np.zeros((edge, edge), np.float32)
    with torch.inference_mode():
        for batch in DataLoader(dataset, batch_size=task.batch, sampler=sampler, collate_fn=stack_samples):
            found = task.probability(task.bytes_of(batch["image"]))[:, 0].numpy()
            for values, place in zip(found, batch["bounds"], strict=True):
                column = round((float(place[0]) - bounds.left) / resolution)
                row = round((bounds.top - float(place[4])) / resolution)
                part = np.s_[row : row + task.chip, column : column + task.chip]
                rows, columns = total[part].shape  # a chip may reach beyond the scene
                total[part] += values[:rows, :columns]
                count[part] += 1
    task.write(total / np.maximum(count, 1), profile)


RIVALS: Mapping[str, Callable[[Task], None]] = {"monai": monai, "torchgeo": torchgeo}
