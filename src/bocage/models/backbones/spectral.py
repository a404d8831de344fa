"""Backbones that are told wavelengths and so take the near infrared as it is: DOFA, Panopticon, Clay."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bocage.models.backbone import Backbone, Weights
from bocage.models.backbones.imagenet import MEAN, STD
from bocage.models.contract import InputContract
from bocage.scenes.bands import BANDS

if TYPE_CHECKING:
    from bocage.models.pyramid import Pyramid

# Of NAIP, as Clay publishes them with its wavelengths, per 255. Panopticon publishes no scale for 8-bit images and was
# trained on values with zero mean and unit deviation.
_NAIP = InputContract(
    bands=BANDS,
    mean=(110.16 / 255, 115.41 / 255, 98.15 / 255, 139.04 / 255),
    std=(47.23 / 255, 39.82 / 255, 35.43 / 255, 49.86 / 255),
    wavelengths=(0.65, 0.56, 0.48, 0.842),
)
_WIDE = replace(_NAIP, resolution=(0.5, 30.0))
# DOFA's code gives NAIP the statistics of photographs, and the near infrared, of Gaofen, its own.
_OF_DOFA = replace(_WIDE, mean=(*MEAN, 90.315 / 255), std=(*STD, 60.395 / 255))


def _panopticon(_: float) -> Pyramid:
    from bocage.models.pyramids.spectral import PanopticonPyramid

    return PanopticonPyramid(_NAIP.wavelengths)


def _clay(_: float) -> Pyramid:
    from bocage.models.pyramids.clay import ClayPyramid

    return ClayPyramid(_NAIP.wavelengths)


def _dofa(name: str, file: str, digest: str, parameters: int, size: tuple[int, int, int]) -> Backbone:
    def build(_: float) -> Pyramid:
        from bocage.models.pyramids.spectral import DofaPyramid

        return DofaPyramid(*size, _NAIP.wavelengths)

    commit = "b8db318b64a90b9e085ec04ba8851233c5893666"
    return Backbone(
        name=name,
        title=f"DOFA, {size[1]} blocks of {size[0]}",
        parameters=parameters,
        pretrained_on="Sentinel-1 and -2, NAIP, Gaofen, EnMAP",
        licence="CC-BY-4.0",
        source="torchgeo/dofa on Hugging Face",
        citation="Xiong et al. 2024, arXiv 2403.15356",
        contract=_OF_DOFA,
        weights=Weights(
            file=file,
            url=f"https://huggingface.co/torchgeo/dofa/resolve/{commit}/{file}",
            parts=(("", "encoder."),),
            unused=("fc_norm.", "head."),
            digest=digest,
            mark="patch_embed.weight_generator.weight_tokens",
        ),
        builder=build,
        extra="torchgeo",
    )


BACKBONES = (
    _dofa("dofa_base", "dofa_base_patch16_224-a0275954.pth", "a0275954", 111_159_296, (768, 12, 12)),
    _dofa("dofa_large", "dofa_large_patch16_224-0ff904d3.pth", "0ff904d3", 336_901_632, (1024, 24, 16)),
    Backbone(
        name="panopticon_base",
        title="Panopticon ViT-B",
        parameters=98_975_232,
        pretrained_on="fMoW, SatlasPretrain, MMEarth, SpectralEarth",
        licence="Apache-2.0",
        source="lewaldm/panopticon on Hugging Face",
        citation="Waldmann et al. 2025, arXiv 2503.10845",
        contract=_WIDE,
        weights=Weights(
            file="panopticon_vitb14_teacher.pth",
            url=(
                "https://huggingface.co/lewaldm/panopticon/resolve/c8c2bb9555819e8b2bcedf5b3b00e3bf531554e7/"
                "panopticon_vitb14_teacher.pth"
            ),
            parts=(("", "encoder."),),
            unused=("mask_token",),
            mark="patch_embed.conv3d.conv3d.weight",
        ),
        builder=_panopticon,
        extra="torchgeo",
    ),
    Backbone(
        name="clay",
        title="Clay v1.5, 24 blocks of 1024 on patches of 8 pixels",
        parameters=311_442_944,
        pretrained_on="Sentinel-1 and -2, Landsat, NAIP, LINZ, MODIS",
        licence="Apache-2.0",
        source="made-with-clay/Clay on Hugging Face",
        citation="Clay Foundation, doi 10.57967/hf/1537",
        contract=replace(_NAIP, resolution=(0.5, 500.0)),
        weights=Weights(
            file="clay-v1.5.ckpt",
            url="https://huggingface.co/made-with-clay/Clay/resolve/main/v1.5/clay-v1.5.ckpt",
            parts=(("model.encoder.", ""),),
            unused=("model.decoder.", "model.teacher.", "model.proj."),
            container="state_dict",
        ),
        builder=_clay,
    ),
)
