"""DINOv2 and DINOv3 (Meta): self-supervised on photographs, and one DINOv3 on satellite images.

The files are those of timm on Hugging Face; timm alone needs no internet to build the layers. The licence of DINOv3 has
to be accepted; it has no non-commercial clause, bars military use, and asks that copies carry the same terms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bocage.models.backbone import Backbone, Weights
from bocage.models.backbones.imagenet import PHOTOGRAPHS
from bocage.models.contract import InputContract

if TYPE_CHECKING:
    from bocage.models.pyramid import Pyramid

_V3 = "Siméoni et al. 2025, arXiv 2508.10104"
_V2 = "Oquab et al. 2023, arXiv 2304.07193"
_V3_LICENCE = "DINOv3 licence, to be accepted"


def _weights(model: str, *, gated: bool) -> Weights:
    return Weights(
        file=f"{model}.safetensors",
        url=f"https://huggingface.co/timm/{model}/resolve/main/model.safetensors",
        parts=(("", "encoder."),),
        # A classifier is not among them: with one it is the ConvNeXt of ImageNet, which has the same layers.
        unused=("head.norm.",),
        mark="stem.0.weight" if "convnext" in model else "cls_token",
        gated=gated,
    )


def _plain(
    name: str, model: str, title: str, parameters: int, seen: str, contract: InputContract = PHOTOGRAPHS
) -> Backbone:
    def build(stochastic_depth: float) -> Pyramid:
        from bocage.models.pyramids.plain import PlainPyramid

        return PlainPyramid(model, stochastic_depth)

    third = "dinov3" in model
    return Backbone(
        name=name,
        title=title,
        parameters=parameters,
        pretrained_on=seen,
        licence=_V3_LICENCE if third else "Apache-2.0",
        source=f"timm/{model} on Hugging Face",
        citation=_V3 if third else _V2,
        contract=contract,
        weights=_weights(model, gated=third),
        builder=build,
        stochastic_depth=0.1,
    )


def _convnext(stochastic_depth: float) -> Pyramid:
    from bocage.models.pyramids.convolutional import ConvNextPyramid

    return ConvNextPyramid("convnext_base.dinov3_lvd1689m", stochastic_depth)


BACKBONES = (
    Backbone(
        name="dinov3_convnext_base",
        title="DINOv3 ConvNeXt-B, distilled from a ViT-7B",
        parameters=87_564_416,
        pretrained_on="LVD-1689M, photographs of the web",
        licence=_V3_LICENCE,
        source="timm/convnext_base.dinov3_lvd1689m on Hugging Face",
        citation=_V3,
        contract=PHOTOGRAPHS,
        weights=_weights("convnext_base.dinov3_lvd1689m", gated=True),
        builder=_convnext,
        stochastic_depth=0.1,
    ),
    _plain(
        "dinov3_vit_large", "vit_large_patch16_dinov3.lvd1689m", "DINOv3 ViT-L", 303_079_424,
        "LVD-1689M, photographs of the web",
    ),
    _plain(
        "dinov3_vit_large_sat", "vit_large_patch16_dinov3.sat493m", "DINOv3 ViT-L for satellite images", 303_079_424,
        "SAT-493M, Maxar at 0.6 m",
        InputContract(mean=(0.430, 0.411, 0.296), std=(0.213, 0.156, 0.143), resolution=(0.6, 0.6)),
    ),
    _plain(
        "dinov2_vit_base", "vit_base_patch14_dinov2.lvd142m", "DINOv2 ViT-B", 86_579_712,
        "LVD-142M, photographs of the web",
    ),
    _plain(
        "dinov2_vit_large", "vit_large_patch14_dinov2.lvd142m", "DINOv2 ViT-L", 304_367_616,
        "LVD-142M, photographs of the web",
    ),
)  # fmt: skip
