"""Networks of a few hundred weights that are to training what real ones are."""

import torch
from torch import Tensor, nn


class TinyNetwork(nn.Module):
    """A trunk of three stages of convolution, normalisation and dropout, and a head."""

    def __init__(self, *, normalised: bool = True, width: int = 6) -> None:
        super().__init__()
        stages = []
        self.norms: list[nn.Module] = []
        self.drops: list[nn.Dropout2d] = []
        before = 4
        for _ in range(3):
            norm = nn.BatchNorm2d(width) if normalised else nn.Identity()
            drop = nn.Dropout2d(0.1)
            self.norms.append(norm)
            self.drops.append(drop)
            stages.append(nn.Sequential(nn.Conv2d(before, width, 3, padding=1), norm, nn.ReLU(), drop))
            before = width
        self.trunk = nn.Sequential(*stages)
        self.head = nn.Conv2d(width, 1, 3, padding=1)

    def features(self, images: Tensor, valid: Tensor) -> list[Tensor]:
        maps, result = [], (images.float() / 127.5 - 1) * valid.unsqueeze(1)
        for stage in self.trunk:
            result = stage(result)
            maps.append(result)
        return maps

    def forward(self, images: Tensor, valid: Tensor) -> Tensor:
        logit: Tensor = self.head(self.features(images, valid)[-1])
        return logit.squeeze(1)

    def depths(self) -> list[list[nn.Parameter]]:
        return [list(stage.parameters()) for stage in self.trunk]

    def fresh(self) -> list[nn.Parameter]:
        return list(self.head.parameters())


class HungryNetwork(TinyNetwork):
    """A network that finds no memory for more than some crops, after it has gone through its trunk."""

    def __init__(self, error: RuntimeError, most: int, *, normalised: bool = True) -> None:
        super().__init__(normalised=normalised)
        self.error, self.most = error, most
        self.sizes: list[int] = []

    def forward(self, images: Tensor, valid: Tensor) -> Tensor:
        logit = super().forward(images, valid)
        self.sizes.append(len(images))
        if self.training and len(images) > self.most:
            raise self.error
        return logit


def tiny(*_: object, **__: object) -> TinyNetwork:
    """Stand in for ``build_network``."""
    return TinyNetwork()


def steady(*_: object, **__: object) -> TinyNetwork:
    """Stand in for ``build_network``: what a crop gives does not depend on its companions, nor on chance."""
    network = TinyNetwork(normalised=False)
    for drop in network.drops:
        drop.p = 0.0
    return network


def same_weights(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    """Say whether two states are equal to the bit."""
    return set(one) == set(two) and all(torch.equal(tensor, two[name]) for name, tensor in one.items())
