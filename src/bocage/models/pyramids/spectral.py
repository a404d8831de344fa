"""Transformers that are told the wavelength of each band: DOFA and Panopticon, from torchgeo.

Both take any bands, so the near infrared goes in beside red, green and blue.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bocage.errors import MissingExtraError
from bocage.models.pyramid import Pyramid, each, even_blocks, spread

_STRIDE = 16
_NANOMETRES = 1000.0
_TEMPERATURE = 10000.0


class DofaPyramid(Pyramid):
    """DOFA (Xiong et al. 2024, arXiv 2403.15356): the weights of its patch embedding follow from the wavelengths."""

    strides = (4, 8, 16, 32)

    def __init__(self, width: int, depth: int, heads: int, wavelengths: Sequence[float]) -> None:
        super().__init__()
        try:
            from torchgeo.models.dofa import DOFA
        except ImportError as error:
            raise _missing("DOFA") from error
        made: Any = DOFA(patch_size=_STRIDE, embed_dim=width, depth=depth, num_heads=heads)
        # Made anew for each task by its authors, and of no use to a pyramid.
        del made.fc_norm, made.head
        # torchgeo leaves them to the published file; they are fixed, so without one there would be none.
        with torch.no_grad():
            made.pos_embed[:, 1:] = fixed_positions(math.isqrt(int(made.num_patches)), width)
        self.encoder = made
        self.wavelengths = tuple(wavelengths)
        self.blocks = even_blocks(depth)
        self.channels = (width,) * 4
        tokens = ("encoder.patch_embed.", "encoder.cls_token", "encoder.pos_embed")
        self.order = (tokens, *each(made.blocks, "encoder.blocks"))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the maps of four blocks."""
        encoder = self.encoder
        waves = torch.tensor(self.wavelengths, device=images.device, dtype=images.dtype)
        tokens, _ = encoder.patch_embed(images, waves)
        grid = _grid(images)
        return _through(encoder.blocks, tokens, encoder.cls_token, encoder.pos_embed, grid, self.blocks, nn.Identity())


class PanopticonPyramid(Pyramid):
    """Panopticon (Waldmann et al. 2025, arXiv 2503.10845): a DINOv2 ViT-B whose bands attend to each other first.

    Its patches have 14 pixels; images are resized by 14 / 16, so that a token stands for 16 pixels of the image.
    """

    strides = (4, 8, 16, 32)
    channels = (768,) * 4
    _patch = 14
    # The published position embedding is that of 518 pixels; it is resized for each image.
    _published = 518

    def __init__(self, wavelengths: Sequence[float]) -> None:
        super().__init__()
        try:
            from torchgeo.models.panopticon import Panopticon
        except ImportError as error:
            raise _missing("Panopticon") from error
        made: Any = Panopticon(img_size=self._published).model
        self.encoder = made
        self.wavelengths = tuple(wavelengths)
        self.blocks = even_blocks(len(made.blocks))
        tokens = tuple(f"encoder.{name}" for name in ("patch_embed.", "cls_token", "pos_embed"))
        self.order = (tokens, *each(made.blocks, "encoder.blocks"), ("encoder.norm.",))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the maps of four blocks, normalised."""
        encoder = self.encoder
        grid = _grid(images)
        images = functional.interpolate(images, scale_factor=self._patch / _STRIDE, mode="bilinear", antialias=True)
        bands = torch.tensor(self.wavelengths, device=images.device) * _NANOMETRES
        tokens = encoder.patch_embed({"imgs": images, "chn_ids": bands.repeat(len(images), 1)})
        return _through(encoder.blocks, tokens, encoder.cls_token, encoder.pos_embed, grid, self.blocks, encoder.norm)


def _grid(images: Tensor) -> tuple[int, int]:
    """Return rows and columns of the tokens, as whole numbers while a network is being traced, too."""
    return int(images.shape[-2]) // _STRIDE, int(images.shape[-1]) // _STRIDE


def _through(
    blocks: nn.Module,
    tokens: Tensor,
    first: Tensor,
    positions: Tensor,
    grid: tuple[int, int],
    taken: Sequence[int],
    norm: nn.Module,
) -> list[Tensor]:
    """Run tokens (n, rows x columns, width) through the blocks and return the pyramid of those that are taken."""
    tokens = torch.cat([first.expand(len(tokens), -1, -1), tokens], dim=1) + resize_positions(positions, grid)
    maps = []
    for place, block in enumerate(blocks.children()):
        tokens = block(tokens)
        if place in taken:
            maps.append(norm(tokens)[:, 1:].transpose(1, 2).reshape(len(tokens), -1, *grid))
    return spread(maps)


def fixed_positions(edge: int, width: int) -> Tensor:
    """Return sines and cosines (edge x edge, width) of the column, then of the row, in a square of positions.

    Source: He et al. 2022, Masked autoencoders are scalable vision learners, arXiv 2111.06377, as DOFA was pretrained.
    """
    frequency = _TEMPERATURE ** -(torch.arange(width // 4) / (width // 4))
    row, column = torch.meshgrid(torch.arange(edge), torch.arange(edge), indexing="ij")
    angles = (axis.flatten()[:, None] * frequency for axis in (column, row))
    return torch.cat([part for angle in angles for part in (angle.sin(), angle.cos())], dim=1)


def resize_positions(positions: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return the embedding (1, 1 + edge x edge, width) of a square of positions for a grid (rows, columns)."""
    edge = math.isqrt(int(positions.shape[1]) - 1)
    if (edge, edge) == grid:
        return positions
    square = positions[:, 1:].transpose(1, 2).reshape(1, -1, edge, edge)
    resized = functional.interpolate(square, size=grid, mode="bicubic", antialias=True)
    return torch.cat([positions[:, :1], resized.flatten(2).transpose(1, 2)], dim=1)


def _missing(what: str) -> MissingExtraError:
    return MissingExtraError(f"{what} needs torchgeo", "install bocage[torchgeo]")
