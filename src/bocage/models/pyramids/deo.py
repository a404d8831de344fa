"""DEO: a Swin-B distilled from DINOv3 for Earth observation, from torchgeo."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from bocage.errors import MissingExtraError
from bocage.models.pyramid import Pyramid, each

# Here torchgeo keeps the embedding apart, so the stages are layers 0, 2, 4 and 6.
_STAGES = (0, 2, 4, 6)


class DeoPyramid(Pyramid):
    """The four stages of DEO (arXiv 2602.19863) on red, green, blue, at strides 4 to 32."""

    channels = (128, 256, 512, 1024)
    strides = (4, 8, 16, 32)

    def __init__(self, stochastic_depth: float) -> None:
        super().__init__()
        try:
            from torchgeo.models.deo import DEO
        except ImportError as error:
            raise MissingExtraError("DEO needs torchgeo", "install bocage[torchgeo]") from error
        made: Any = DEO().feat_extr
        self.conv_rgb: nn.Module = made.conv_rgb
        self.features: nn.Module = made.features
        set_stochastic_depth(self.features, stochastic_depth)
        stages = (
            each(layer, f"features.{place}") if place in _STAGES else ((f"features.{place}.",),)
            for place, layer in enumerate(made.features)
        )
        self.order = (("conv_rgb.",), *(depth for stage in stages for depth in stage))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the stages, channels first."""
        maps, result = [], self.conv_rgb(images)
        for place, layer in enumerate(self.features.children()):
            result = layer(result)
            if place in _STAGES:
                maps.append(result.permute(0, 3, 1, 2))
        return maps


def set_stochastic_depth(module: nn.Module, probability: float) -> None:
    """Set the probabilities of torchvision's stochastic depth, rising evenly from 0 to ``probability``."""
    from torchvision.ops import StochasticDepth

    found = [layer for layer in module.modules() if isinstance(layer, StochasticDepth)]
    for place, layer in enumerate(found):
        layer.p = probability * place / max(len(found) - 1, 1)
