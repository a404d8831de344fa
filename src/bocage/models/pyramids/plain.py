"""Plain vision transformers of timm as a pyramid: four of their blocks, normalised, resized to four strides."""

from __future__ import annotations

from typing import Any

import timm
from torch import Tensor
from torch.nn import functional

from bocage.models.pyramid import Pyramid, each, even_blocks, spread

_STRIDE = 16


class PlainPyramid(Pyramid):
    """A timm vision transformer on red, green, blue.

    Images for patches of 14 pixels are resized by 14 / 16 first, so that a token stands for 16 pixels of the image in
    every backbone: the pyramid has the same strides, and edges stay multiples of 32.
    """

    strides = (4, 8, 16, 32)

    def __init__(self, encoder: str, stochastic_depth: float) -> None:
        super().__init__()
        made: Any = timm.create_model(
            encoder, pretrained=False, num_classes=0, dynamic_img_size=True, drop_path_rate=stochastic_depth
        )
        self.encoder = made
        self.patch = int(made.patch_embed.patch_size[0])
        self.blocks = even_blocks(len(made.blocks))
        self.channels = (int(made.embed_dim),) * 4
        tokens = ("patch_embed.", "cls_token", "reg_token", "pos_embed", "norm_pre.")
        self.order = (
            tuple(f"encoder.{name}" for name in tokens),
            *each(made.blocks, "encoder.blocks"),
            ("encoder.norm.", "encoder.fc_norm."),
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the maps of four blocks."""
        if self.patch != _STRIDE:
            images = functional.interpolate(images, scale_factor=self.patch / _STRIDE, mode="bilinear", antialias=True)
        return spread(
            self.encoder.forward_intermediates(images, indices=self.blocks, norm=True, intermediates_only=True)
        )
