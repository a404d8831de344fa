"""Satlas for aerial images: what the production of the Small Landscape Features was fine-tuned from.

Two trainings, single image (SI) and multi image (MI), each published twice: whole, with feature pyramid, upsampling and
heads, and by torchgeo as the Swin-v2-B alone. One name is one file and one set of layers.

The publisher once swapped the two whole files, so older copies carry each other's name. The prefix of their tensors
tells which is which.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bocage.models.backbone import Backbone, Weights
from bocage.models.contract import InputContract

if TYPE_CHECKING:
    from bocage.models.pyramid import Pyramid


def _whole(stochastic_depth: float) -> Pyramid:
    from bocage.models.pyramids.swin import SatlasPyramid

    return SatlasPyramid(stochastic_depth)


def _alone(stochastic_depth: float) -> Pyramid:
    from bocage.models.pyramids.swin import SwinPyramid

    return SwinPyramid(stochastic_depth)


def _published(file: str, prefix: str, digest: str, size: int) -> Weights:
    return Weights(
        file=file,
        url=f"https://huggingface.co/allenai/satlas-pretrain/resolve/main/{file}",
        parts=(
            (f"{prefix}features.", "features."),
            ("intermediates.0.fpn.", "fpn."),
            ("intermediates.1.layers.", "upsample."),
        ),
        unused=("heads.", f"{prefix}norm.", f"{prefix}head."),
        digest=digest,
        size=size,
    )


def _converted(file: str, digest: str) -> Weights:
    commit = "081d6607431bf36bdb59c223777cbb267131b8f2"
    return Weights(
        file=file,
        url=f"https://huggingface.co/torchgeo/satlas/resolve/{commit}/{file}",
        parts=(("features.", "features."),),
        unused=("norm.", "head."),
        digest=digest,
    )


_SINGLE = Backbone(
    name="satlas_aerial_si",
    title="Satlas Swin-v2-B for aerial images with its feature pyramid, trained on single images",
    parameters=88_560_120,
    pretrained_on="SatlasPretrain, NAIP of the United States",
    licence="ODC-BY",
    source="allenai/satlas-pretrain on Hugging Face",
    citation="Bastani et al. 2023, arXiv 2211.15660",
    # Bytes / 255 and nothing else: Satlas subtracts no mean.
    contract=InputContract(resolution=(0.5, 2.0)),
    weights=_published("aerial_swinb_si.pth", "backbone.backbone.", "f8abf21c", 504_439_674),
    builder=_whole,
    stochastic_depth=0.1,
)
_ALONE = replace(
    _SINGLE,
    name="satlas_aerial_si_torchgeo",
    title="Satlas Swin-v2-B for aerial images alone, trained on single images",
    parameters=86_903_800,
    source="torchgeo/satlas on Hugging Face, converted from allenai/satlas-pretrain",
    weights=_converted("aerial_swinb_si-e4169eb1.pth", "e4169eb1"),
    builder=_alone,
)

BACKBONES = (
    _SINGLE,
    replace(
        _SINGLE,
        name="satlas_aerial_mi",
        title="Satlas Swin-v2-B for aerial images with its feature pyramid, trained on series of images",
        weights=_published("aerial_swinb_mi.pth", "backbone.backbone.backbone.", "9c524bb5", 503_495_370),
    ),
    _ALONE,
    replace(
        _ALONE,
        name="satlas_aerial_mi_torchgeo",
        title="Satlas Swin-v2-B for aerial images alone, trained on series of images",
        weights=_converted("aerial_swinb_mi-326d69e1.pth", "326d69e1"),
    ),
)
