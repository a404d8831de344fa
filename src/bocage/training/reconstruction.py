"""The network of pretraining: a trunk sees an image with holes, a light decoder says what was in them.

The decoder is thrown away afterwards; it is light so that what there is to know about landscapes goes into the trunk.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bocage.models.network import Network
from bocage.scenes.bands import BANDS

_WIDTH = 48


class Reconstruction(nn.Module):
    """A trunk and a decoder from its pyramid to the image.

    What is hidden is replaced by a learned colour, and the trunk is run on pixels, so that a convolutional trunk and a
    transformer are pretrained in the same way. Every level of the pyramid is brought to one width, and they are summed
    from the deepest to the finest (Lin et al. 2017); so every level has to know something.

    A trunk without near infrared is asked for it all the same: what is green is told from how it reflects there.

    Parameters
    ----------
    network
        Its trunk is the one that is trained.
    """

    gain: Tensor
    offset: Tensor

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.trunk = network.trunk
        self.contract = network.contract
        self.register_buffer("gain", network.gain, persistent=False)
        self.register_buffer("offset", network.offset, persistent=False)
        self.token = nn.Parameter(torch.zeros(1, len(BANDS), 1, 1))
        self.lateral = nn.ModuleList(nn.Conv2d(width, _WIDTH, 1) for width in self.trunk.channels)
        self.head = nn.Sequential(
            nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1), nn.GELU(), nn.Conv2d(_WIDTH, len(BANDS), 3, padding=1)
        )

    def forward(self, images: Tensor, valid: Tensor, hidden: Tensor) -> Tensor:
        """Return the whole image as the network imagines it, (n, 4, rows, columns) as :func:`scale` has it.

        Parameters
        ----------
        images
            (n, 4, rows, columns) red, green, blue, nir, 0 to 255.
        valid
            (n, rows, columns).
        hidden
            (n, 4, rows, columns). Nothing of a hidden or invalid pixel reaches the trunk.

        Raises
        ------
        ModelError
            If bands, size or scale are not those of the contract.
        """
        self.contract.check(images, valid)
        features = self.trunk(self.trunk_input(torch.where(hidden, self.token, scale(images)), valid))
        result = self.lateral[-1](features[-1])
        for lateral, feature in zip(list(self.lateral)[-2::-1], features[-2::-1], strict=True):
            result = functional.interpolate(result, size=feature.shape[-2:], mode="nearest") + lateral(feature)
        size = (images.shape[-2], images.shape[-1])
        image: Tensor = functional.interpolate(self.head(result), size=size, mode="bilinear")
        return image

    def trunk_input(self, pixels: Tensor, valid: Tensor) -> Tensor:
        """Return pixels -1..1 of all bands as the trunk takes them; an invalid one is the middle of the range."""
        shown = (pixels * valid.unsqueeze(1)).contiguous(memory_format=torch.channels_last)
        return shown[:, list(self.contract.places)] * self.gain + self.offset


def scale(images: Tensor) -> Tensor:
    """Return bytes 0..255 as -1..1."""
    return images.float() / 127.5 - 1


def running_statistics(trunk: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """Return the layers of a trunk that keep running statistics of what they saw."""
    return [module for module in trunk.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]


def settle_statistics(trunk: nn.Module, images: Tensor, seen: int) -> None:
    """Move the running statistics of batch normalisation to the mean over the batches seen so far and this one.

    They were gathered on images with holes, which have other means and variances than the whole images that a network
    is fine-tuned on and used for (Tian et al. 2023, SparK).

    Parameters
    ----------
    images
        Whole images as the trunk takes them.
    seen
        How many batches came before; 0 begins anew.
    """
    norms = running_statistics(trunk)
    momenta = [norm.momentum for norm in norms]
    training = trunk.training
    for norm in norms:
        norm.momentum = 1 / (seen + 1)
    trunk.train()
    with torch.no_grad():
        trunk(images)
    trunk.train(training)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
