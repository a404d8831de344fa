"""Checkpoints in the layouts in which Satlas was published, with random weights."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import swin_v2_b
from torchvision.ops import FeaturePyramidNetwork

SINGLE, MULTI = "backbone.backbone.", "backbone.backbone.backbone."
HEADS = {"heads.3.layers.1.weight": (12, 128, 3, 3), "heads.6.layers.1.weight": (1, 128, 3, 3)}


@dataclass(frozen=True)
class Assembly:
    """The parts as their libraries build them, and the states in the published layouts."""

    swin: nn.Module
    fpn: FeaturePyramidNetwork
    upsample: nn.Sequential

    def whole(self, prefix: str) -> dict[str, Tensor]:
        parts = ((prefix, self.swin), ("intermediates.0.fpn.", self.fpn), ("intermediates.1.layers.", self.upsample))
        heads = {name: torch.zeros(shape) for name, shape in HEADS.items()}
        return {start + name: value for start, part in parts for name, value in part.state_dict().items()} | heads

    def levels(self, images: Tensor) -> list[Tensor]:
        """The forward pass of Satlas, from its description: stages, pyramid, upsampling."""
        result, stages = images, []
        for layer in self.swin.get_submodule("features").children():
            result = layer(result)
            stages.append(result.permute(0, 3, 1, 2))
        taken = (stages[-7], stages[-5], stages[-3], stages[-1])
        pyramid = list(self.fpn(OrderedDict((f"feat{place}", level) for place, level in enumerate(taken))).values())
        return [self.upsample(pyramid[0]), *pyramid]


def assemble() -> Assembly:
    torch.manual_seed(5)

    def double() -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(128, 128, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(128, 128, 4, stride=2, padding=1),
            nn.ReLU(),
        )

    parts = swin_v2_b(), FeaturePyramidNetwork([128, 256, 512, 1024], 128), nn.Sequential(double(), double())
    return Assembly(*(part.eval() for part in parts))


def save(state: dict[str, Tensor], path: Path) -> Path:
    torch.save(OrderedDict(state), path)
    return path
