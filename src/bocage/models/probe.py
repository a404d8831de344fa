"""The linear probe: what a trunk knows already, read by one weight per feature."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bocage.models.network import Network
from bocage.models.pyramid import Pyramid

PROBE = "linear probe"


class Probe(nn.Module):
    """A linear head on the maps of a trunk, brought to the size of the image.

    Each map is normalised without weights of its own, so that maps of small numbers are read as well as those of large
    ones; a 1 x 1 convolution gives its share of the logit, and the shares are interpolated and summed. That is one
    linear layer on all interpolated maps, at the cost of the small ones.

    Parameters
    ----------
    network
        What ``build_network`` returns. Its trunk is taken over, and nothing else of it.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        trunk = network.trunk
        # Everything but the trunk goes: a package of a probe holds no decoder.
        for name, child in list(network.named_children()):
            if child is not trunk:
                delattr(network, name)
        self.body = network
        self.scales = nn.ModuleList(nn.BatchNorm2d(width, affine=False) for width in trunk.channels)
        self.heads = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in trunk.channels)

    def forward(self, images: Tensor, valid: Tensor) -> Tensor:
        """Return the logit (n, rows, columns) of images (n, 4, rows, columns), 0 to 255, and their validity."""
        size = images.shape[-2:]
        logits = [
            functional.interpolate(head(scale(one)), size=size, mode="bilinear")
            for scale, head, one in zip(self.scales, self.heads, self.body.features(images, valid), strict=True)
        ]
        return torch.stack(logits).sum(dim=0).squeeze(1)

    @property
    def trunk(self) -> Pyramid:
        """The part that may come pretrained."""
        return self.body.trunk

    def depths(self) -> list[list[nn.Parameter]]:
        """Return the trunk's parameters, each once, from its input to its output."""
        return self.body.depths()

    def fresh(self) -> list[nn.Parameter]:
        """Return the weights of the linear head."""
        return list(self.heads.parameters())
