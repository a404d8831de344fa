"""Convolutional trunks of timm: EfficientNet and ResNet from stride 2, ConvNeXt from stride 4."""

from __future__ import annotations

from typing import Any

import timm
import torch
from torch import Tensor, nn

from bocage.models.pyramid import Pyramid, each
from bocage.scenes.bands import BANDS

# Lite0 comes with 0.01, by which the running statistics of a short run stay those of ImageNet: it scores zero.
MOMENTUM = 0.1


class ConvolutionalPyramid(Pyramid):
    """The five stages of a timm encoder whose stem takes all four bands, at strides 2 to 32."""

    def __init__(self, encoder: str, stem: tuple[str, ...], blocks: tuple[str, ...]) -> None:
        super().__init__()
        made: Any = timm.create_model(encoder, features_only=True, in_chans=len(BANDS), pretrained=False)
        self.encoder = made
        self.channels = tuple(made.feature_info.channels())
        self.strides = tuple(made.feature_info.reduction())
        stages = (each(getattr(made, name), f"encoder.{name}") for name in blocks)
        self.order = (
            tuple(f"encoder.{name}." for name in stem),
            *(depth for stage in stages for depth in stage),
        )
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = MOMENTUM

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the stages."""
        maps: list[Tensor] = self.encoder(images.contiguous(memory_format=torch.channels_last))
        return maps


class ConvNextPyramid(Pyramid):
    """The four stages of a timm ConvNeXt (Liu et al. 2022, arXiv 2201.03545) on RGB, at strides 4 to 32."""

    strides = (4, 8, 16, 32)

    def __init__(self, encoder: str, stochastic_depth: float) -> None:
        super().__init__()
        made: Any = timm.create_model(encoder, pretrained=False, num_classes=0, drop_path_rate=stochastic_depth)
        made.head = nn.Identity()
        self.encoder = made
        self.channels = tuple(level["num_chs"] for level in made.feature_info)
        stages = (
            ((f"encoder.stages.{place}.downsample.",), *each(stage.blocks, f"encoder.stages.{place}.blocks"))
            for place, stage in enumerate(made.stages)
        )
        self.order = (("encoder.stem.",), *(depth for stage in stages for depth in stage))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the stages."""
        maps: list[Tensor] = self.encoder.forward_intermediates(images, indices=4, intermediates_only=True)
        return maps
