"""The network: a backbone's trunk under one family of decoder, from four bands of a byte image to one logit per pixel.

The scaling of the input is part of the network, so nobody outside it can get it wrong: a pixel is 0..255 per band and
valid or not, and an invalid pixel enters as the middle of the range.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from bocage.models.backbone import Backbone
from bocage.models.backbones import find_backbone
from bocage.models.checkpoint import load_pretrained, load_trunk
from bocage.models.contract import MULTIPLE
from bocage.models.decoder import Decoder, FineStem, InfraredJoin
from bocage.models.pyramid import Pyramid
from bocage.scenes.bands import BANDS

__all__ = ["MULTIPLE", "Network", "build_network"]

_STRIDES = (16, 8, 4, 2, 1)
_IMAGES = 4


class Network(nn.Module):
    """A trunk, a fine stem, a decoder, and a way in for the near infrared where the trunk has none.

    Attributes
    ----------
    trunk
        The backbone's layers; everything else is fresh.
    contract
        What the trunk takes.
    """

    gain: Tensor
    offset: Tensor

    def __init__(self, backbone: Backbone, trunk: Pyramid) -> None:
        super().__init__()
        self.contract = backbone.contract
        self.trunk = trunk
        self.stem = FineStem(half=2 not in trunk.strides)
        sees_all = "nir" in backbone.contract.bands
        self.infrared = None if sees_all else InfraredJoin(trunk.channels, trunk.strides)
        own = dict(zip(trunk.strides, trunk.channels, strict=True))
        fine = dict(zip((1, 2), self.stem.channels, strict=False))
        skips = [own.get(stride, 0) + fine.get(stride, 0) for stride in _STRIDES]
        self.decoder = Decoder(trunk.channels[-1], skips, backbone.decoder)
        # Pixels are kept as -1..1, which is what the fresh parts take; these turn them into what the trunk takes.
        mean, std = torch.tensor(self.contract.mean), torch.tensor(self.contract.std)
        self.register_buffer("gain", (0.5 / std).reshape(1, -1, 1, 1), persistent=False)
        self.register_buffer("offset", ((0.5 - mean) / std).reshape(1, -1, 1, 1), persistent=False)
        self._as_is = self.contract.bands == BANDS and {*self.contract.mean, *self.contract.std} == {0.5}

    def forward(self, images: Tensor, valid: Tensor) -> Tensor:
        """Return the logit of woody vegetation.

        Parameters
        ----------
        images
            (n, 4, rows, columns) of red, green, blue, nir, 0 to 255, any number type; rows and columns are multiples
            of ``MULTIPLE``.
        valid
            (n, rows, columns), true where the image has data.

        Returns
        -------
        torch.Tensor
            (n, rows, columns); meaningless where invalid.

        Raises
        ------
        ModelError
            If bands, size or scale are not those of the contract.
        """
        pixels, maps = self._see(images, valid)
        if self.infrared is not None:
            maps = self.infrared(pixels, maps, self.trunk.strides)
        own = dict(zip(self.trunk.strides, maps, strict=True))
        fine = dict(zip((1, 2), self.stem(pixels), strict=False))
        skips = [[level[stride] for level in (own, fine) if stride in level] for stride in _STRIDES]
        logit: Tensor = self.decoder(maps[-1], skips)
        return logit

    def features(self, images: Tensor, valid: Tensor) -> list[Tensor]:
        """Return what the trunk alone makes of the images, fine to coarse."""
        return self._see(images, valid)[1]

    def depths(self) -> list[list[nn.Parameter]]:
        """Return the trunk's parameters, each once, grouped from the input to the output."""
        return self.trunk.depths()

    def fresh(self) -> list[nn.Parameter]:
        """Return every parameter that is not the trunk's, each once."""
        return [parameter for name, parameter in self.named_parameters() if not name.startswith("trunk.")]

    def _see(self, images: Tensor, valid: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the pixels as -1..1, 0 where invalid, and the trunk's maps of them."""
        self.contract.check(images, valid)
        pixels = (images.float() / 127.5 - 1) * valid.unsqueeze(1)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        return pixels, self.trunk(pixels if self._as_is else pixels[:, self.contract.places] * self.gain + self.offset)


def build_network(
    backbone: str, pretrained: bool, *, weights: Path | None = None, stochastic_depth: float | None = None
) -> Network:
    """Return an untrained network on that backbone.

    Random weights come from torch's global generator: seed it for a repeatable network.

    Parameters
    ----------
    backbone
        A name of the registry.
    pretrained
        Whether the trunk takes the published weights; false gives the control with the same layers and random weights.
    weights
        A safetensors file with the state of the trunk, such as ``bocage pretrain`` writes, taken instead.
    stochastic_depth
        Probability of leaving out the deepest block in training; None: what the backbone's entry says.

    Raises
    ------
    ModelError
        If the backbone is unknown, or its weights are missing, are another file's or do not fit.
    MissingExtraError
        If it needs an optional dependency that is not installed.
    """
    chosen = find_backbone(backbone)
    trunk = chosen.build(stochastic_depth)
    network = Network(chosen, trunk)
    if weights is not None:
        load_trunk(chosen, trunk, weights)
    elif pretrained:
        load_pretrained(chosen, trunk)
    return channels_last(network)


def channels_last[T: nn.Module](network: T) -> T:
    """Lay the weights of a network out as the images are, channels last, and return it.

    Weights of another number of dimensions stay as they are; torch's own ``to`` refuses those of five, which Panopticon
    has.
    """
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.ndim == _IMAGES:
            tensor.data = tensor.data.to(memory_format=torch.channels_last)
    return network
