"""Swin-v2-B as torchvision builds it, alone or under the feature pyramid and the upsampling of Satlas.

Names of the weights are torchvision's, so that published files load by a change of prefix. Satlas: Bastani et al. 2023,
arXiv 2211.15660; the parts follow its code, Apache-2.0.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn
from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformer, SwinTransformerBlockV2
from torchvision.ops import FeaturePyramidNetwork

from bocage.models.pyramid import Pyramid, each

_CHANNELS = (128, 256, 512, 1024)
_STRIDES = (4, 8, 16, 32)
# The stages are layers 1, 3, 5 and 7; those between merge patches.
_STAGES = (1, 3, 5, 7)
_PYRAMID = 128


class SwinPyramid(Pyramid):
    """The four stages of a Swin-v2-B (Liu et al. 2022, arXiv 2111.09883), 128 to 1024 channels at strides 4 to 32."""

    channels: tuple[int, ...] = _CHANNELS
    strides: tuple[int, ...] = _STRIDES

    def __init__(self, stochastic_depth: float) -> None:
        super().__init__()
        # torchvision's own swin_v2_b leaves out half of the deepest blocks; a few hundred labels cannot bear it.
        self.features = SwinTransformer(
            patch_size=[4, 4],
            embed_dim=128,
            depths=[2, 2, 18, 2],
            num_heads=[4, 8, 16, 32],
            window_size=[8, 8],
            stochastic_depth_prob=stochastic_depth,
            num_classes=1,
            block=SwinTransformerBlockV2,
            downsample_layer=PatchMergingV2,
        ).features
        stages = (self.order_of(place) for place in range(len(self.features)))
        self.order = tuple(depth for stage in stages for depth in stage)

    def order_of(self, place: int) -> tuple[tuple[str, ...], ...]:
        """Return the depths of one layer: its blocks where it is a stage, itself where it embeds or merges."""
        name = f"features.{place}"
        return each(self.features[place], name) if place in _STAGES else ((f"{name}.",),)

    def stages(self, images: Tensor) -> list[Tensor]:
        """Return the outputs of the four stages, channels first."""
        maps, result = [], images
        for place, layer in enumerate(self.features):
            result = layer(result)
            if place in _STAGES:
                maps.append(result.permute(0, 3, 1, 2))
        return maps

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the stages as they are."""
        return self.stages(images)


class SatlasPyramid(SwinPyramid):
    """Swin-v2-B, its feature pyramid and its upsampling: 128 channels at full size and at strides 4, 8, 16 and 32."""

    channels = (_PYRAMID,) * 5
    strides = (1, *_STRIDES)

    def __init__(self, stochastic_depth: float) -> None:
        super().__init__(stochastic_depth)
        self.fpn = FeaturePyramidNetwork(list(_CHANNELS), _PYRAMID)
        self.upsample = nn.Sequential(_doubling(_PYRAMID), _doubling(_PYRAMID))
        self.order = (*self.order, ("fpn.",), ("upsample.",))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the upsampled map and the four levels of the feature pyramid."""
        levels = self.fpn(OrderedDict((str(place), level) for place, level in enumerate(self.stages(images))))
        pyramid: list[Tensor] = list(levels.values())
        return [self.upsample(pyramid[0]), *pyramid]


def _doubling(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1),
        nn.ReLU(inplace=True),
    )
