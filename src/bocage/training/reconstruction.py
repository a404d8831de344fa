"""The network of pretraining: a trunk sees an image with holes, a light decoder says what was in them.

The decoder is thrown away afterwards; it is light so that what there is to know about landscapes goes into the trunk.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bocage.models.network import UNet
from bocage.scenes.bands import BANDS

_WIDTH = 48
_PROBE = 64


class Reconstruction(nn.Module):
    """A trunk and a decoder from its pyramid to the image.

    What is hidden is replaced by a learned colour, and the trunk is run on pixels, so that a convolutional trunk and a
    transformer are pretrained in the same way. Every level of the pyramid is brought to one width, and they are summed
    from the deepest to the finest (Lin et al. 2017); so every level has to know something.

    Parameters
    ----------
    network
        Its trunk is the one that is trained.
    """

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.trunk = network.trunk
        self.token = nn.Parameter(torch.zeros(1, len(BANDS), 1, 1))
        widths = _widths(self.trunk)
        self.lateral = nn.ModuleList(nn.Conv2d(width, _WIDTH, 1) for width in widths)
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
        """
        shown = torch.where(hidden, self.token, scale(images)) * valid.unsqueeze(1)
        features: list[Tensor] = self.trunk(shown.contiguous(memory_format=torch.channels_last))
        result = self.lateral[-1](features[-1])
        for lateral, feature in zip(list(self.lateral)[-2::-1], features[-2::-1], strict=True):
            result = functional.interpolate(result, size=feature.shape[-2:], mode="nearest") + lateral(feature)
        size = (images.shape[-2], images.shape[-1])
        image: Tensor = functional.interpolate(self.head(result), size=size, mode="bilinear")
        return image


def scale(images: Tensor) -> Tensor:
    """Return bytes 0..255 as the trunk takes them, -1..1."""
    return images.float() / 127.5 - 1


def settle_statistics(trunk: nn.Module, images: Tensor, valid: Tensor, seen: int) -> None:
    """Move the running statistics of batch normalisation to the mean over the batches seen so far and this one.

    They were gathered on images with holes, which have other means and variances than the whole images that a network
    is fine-tuned on and used for (Tian et al. 2023, SparK, sec. 3).

    Parameters
    ----------
    images, valid
        As :meth:`Reconstruction.forward` takes them.
    seen
        How many batches came before; 0 begins anew.
    """
    norms = [module for module in trunk.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    training = trunk.training
    for norm in norms:
        norm.momentum = 1 / (seen + 1)
    trunk.train()
    with torch.no_grad():
        trunk((scale(images) * valid.unsqueeze(1)).contiguous(memory_format=torch.channels_last))
    trunk.train(training)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _widths(trunk: nn.Module) -> list[int]:
    training = trunk.training
    with torch.no_grad():
        features: list[Tensor] = trunk.eval()(torch.zeros(1, len(BANDS), _PROBE, _PROBE))
    trunk.train(training)
    return [feature.shape[1] for feature in features]
