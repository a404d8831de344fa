"""DEO: a Swin-B for high-resolution images under a permissive licence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bocage.models.backbone import Backbone, Weights
from bocage.models.contract import InputContract

if TYPE_CHECKING:
    from bocage.models.pyramid import Pyramid

_DIGEST = "06c431372992ada3da5eb25362a4c6d477428b066c803e228e5de00272fad775"
_FILE = f"filename-{_DIGEST}.pth"


def _build(stochastic_depth: float) -> Pyramid:
    from bocage.models.pyramids.deo import DeoPyramid

    return DeoPyramid(stochastic_depth)


BACKBONES = (
    Backbone(
        name="deo_swin_base",
        title="DEO Swin-B, distilled from DINOv3",
        parameters=86_876_536,
        pretrained_on="fMoW and fMoW-Sentinel",
        licence="MIT",
        source="SolaireTheSun/DEO on Hugging Face",
        citation="arXiv 2602.19863",
        contract=InputContract(
            mean=(0.4182007, 0.4214799, 0.3991276), std=(0.2877428, 0.2754177, 0.2764018), resolution=(0.3, 1.0)
        ),
        weights=Weights(
            file=f"deo_swin_base-{_DIGEST[:8]}.pth",
            url=f"https://huggingface.co/SolaireTheSun/DEO/resolve/e3111b635eda09ae534973b444db58b412c87f4c/{_FILE}",
            parts=(("feat_extr.conv_rgb.", "conv_rgb."), ("feat_extr.features.", "features.")),
            unused=("feat_extr.conv_ms.", "feat_extr.norm."),
            digest=_DIGEST,
            mark="feat_extr.conv_rgb.0.weight",
        ),
        builder=_build,
        stochastic_depth=0.1,
        extra="torchgeo",
    ),
)
