"""The fresh parts of every network: decoder, fine stem, and the near infrared's own small encoder.

One family for all backbones, so that a comparison of two is a comparison of backbones.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from bocage.scenes.bands import BANDS

_NIR = BANDS.index("nir")
# Channels of the near infrared at strides 2, 4, 8, 16, 32: little beside a trunk, enough for one band.
_INFRARED = (16, 32, 48, 64, 96)


class Decoder(nn.Module):
    """A U-Net's decoder (Ronneberger et al. 2015): each stage doubles the edge, joins what is of that size, convolves.

    Stages apply two 3 x 3 convolutions; the last one, at full size, applies one, since it costs more than all others.

    Parameters
    ----------
    deepest
        Channels of the map to begin with, of stride 32.
    skips
        Channels that join at strides 16, 8, 4, 2 and 1; none where 0.
    widths
        Channels of the stages.
    """

    def __init__(self, deepest: int, skips: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        width = deepest
        for place, (skip, own) in enumerate(zip(skips, widths, strict=True)):
            layers = convolution(width + skip, own)
            stages.append(nn.Sequential(*layers, *(convolution(own, own) if place < len(skips) - 1 else ())))
            width = own
        self.stages = nn.ModuleList(stages)
        self.head = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, deepest: Tensor, skips: Sequence[Sequence[Tensor]]) -> Tensor:
        """Return the logit (n, rows, columns), given the maps that join at each stage; their size decides."""
        result = deepest
        for stage, joining in zip(self.stages, skips, strict=True):
            if joining:
                result = functional.interpolate(result, size=joining[0].shape[-2:])
            else:
                result = functional.interpolate(result, scale_factor=2.0)
            result = stage(torch.cat([result, *joining], dim=1))
        logit: Tensor = self.head(result)
        return logit.squeeze(1)


class FineStem(nn.Module):
    """Convolutions on all four bands at full size and, where the trunk has nothing at 1/2, there too.

    A transformer sees patches of 4 to 16 pixels: a hedge of three pixels stays sharp by what joins here. The near
    infrared begins at zero, as everywhere.
    """

    def __init__(self, *, half: bool) -> None:
        super().__init__()
        # Where the trunk begins at 1/2 it brings detail itself, and full size is the costliest place of all.
        self.channels: tuple[int, ...] = (16, 32) if half else (8,)
        self.first = nn.Sequential(*convolution(len(BANDS), self.channels[0]))
        self.second = nn.Sequential(*convolution(self.channels[0], self.channels[-1], stride=2)) if half else None
        stem = self.first[0]
        assert isinstance(stem, nn.Conv2d)
        with torch.no_grad():
            stem.weight[:, _NIR] = 0

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Return the maps at full size and, where there is one, at 1/2."""
        full: Tensor = self.first(pixels)
        return [full] if self.second is None else [full, self.second(full)]


class InfraredJoin(nn.Module):
    """Adds the near infrared to the maps of a trunk that sees red, green and blue only.

    A stem that is stretched to a fourth band disturbs every layer above it; maps that begin by adding zero disturb
    none, and the first step equals that of the trunk alone.
    """

    def __init__(self, channels: Sequence[int], strides: Sequence[int]) -> None:
        super().__init__()
        inside = (1, *_INFRARED[:-1])
        self.stages = nn.ModuleList(
            nn.Sequential(*convolution(before, own, stride=2)) for before, own in zip(inside, _INFRARED, strict=True)
        )
        self.gates = nn.ModuleDict()
        for width, stride in zip(channels, strides, strict=True):
            if stride > 2:
                gate = nn.Conv2d(_INFRARED[stride.bit_length() - 2], width, 1, bias=False)
                nn.init.zeros_(gate.weight)
                self.gates[str(stride)] = gate

    def forward(self, pixels: Tensor, maps: Sequence[Tensor], strides: Sequence[int]) -> list[Tensor]:
        """Return the maps with what the near infrared of ``pixels`` (n, 4, rows, columns) adds at strides above 2."""
        own, result = {}, pixels[:, _NIR : _NIR + 1]
        for place, stage in enumerate(self.stages):
            result = stage(result)
            own[2 ** (place + 1)] = result
        joined = []
        for level, stride in zip(maps, strides, strict=True):
            if str(stride) in self.gates:
                added = self.gates[str(stride)](own[stride])
                # Levels of odd images differ by a pixel, by which end their trunk rounds to.
                level = level + functional.interpolate(added, size=level.shape[-2:])  # noqa: PLW2901
            joined.append(level)
        return joined


def convolution(inside: int, outside: int, stride: int = 1) -> tuple[nn.Module, ...]:
    """Return a 3 x 3 convolution with its normalisation and activation."""
    layer = nn.Conv2d(inside, outside, 3, stride=stride, padding=1, bias=False)
    return layer, nn.BatchNorm2d(outside), nn.ReLU(inplace=True)
