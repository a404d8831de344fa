"""The network: a U-Net on a timm encoder, from four bands of a byte image to one logit per pixel.

The scaling of the input is part of the network, so nobody outside it can get it wrong: a pixel is 0..255 per band and
valid or not, and an invalid pixel enters as the middle of the range.
"""

from __future__ import annotations

import re
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from bocage.errors import ModelError
from bocage.models.backbones import Backbone, find_backbone, read_weights

# Lite0 comes with 0.01, by which the running statistics of a short run stay those of ImageNet: it scores zero.
MOMENTUM = 0.1
MULTIPLE = 32
_RGB = 3
_BANDS = 4
# The stages of timm's encoders by the names of their parameters; what lies before them is the stem.
_STAGE = re.compile(r"(?:blocks\.|layer)(\d+)\.")


class UNet(nn.Module):
    """A U-Net (Ronneberger et al. 2015) over the five stages of an encoder.

    Each decoder stage doubles the edge, joins the encoder's stage of that size and applies two 3 x 3 convolutions; the
    last one, at full size, has no encoder stage to join and applies one.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        encoder: Any = timm.create_model(backbone.encoder, features_only=True, in_chans=_BANDS, pretrained=False)
        channels: list[int] = encoder.feature_info.channels()
        self.encoder = encoder
        stages: list[nn.Module] = []
        width = channels[-1]
        for skip, own in zip(channels[-2::-1], backbone.decoder, strict=False):
            stages.append(nn.Sequential(*_convolution(width + skip, own), *_convolution(own, own)))
            width = own
        self.decoder = nn.ModuleList(stages)
        last = backbone.decoder[-1]
        self.full = nn.Sequential(*_convolution(width, last))
        self.head = nn.Conv2d(last, 1, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = MOMENTUM

    def forward(self, images: Tensor, valid: Tensor) -> Tensor:
        """Return the logit of woody vegetation.

        Parameters
        ----------
        images
            (n, 4, rows, columns) of red, green, blue, nir, 0 to 255, any number type; rows and columns are multiples
            of ``MULTIPLE``.
        valid
            (n, rows, columns), true where the image has data.

        Returns
        -------
        torch.Tensor
            (n, rows, columns); meaningless where invalid.
        """
        features = self.features(images, valid)
        result = features[-1]
        for stage, skip in zip(self.decoder, features[-2::-1], strict=True):
            result = stage(torch.cat([functional.interpolate(result, scale_factor=2.0), skip], dim=1))
        logit: Tensor = self.head(self.full(functional.interpolate(result, scale_factor=2.0)))
        return logit.squeeze(1)

    def features(self, images: Tensor, valid: Tensor) -> list[Tensor]:
        """Return what the trunk makes of the images, from its first stage to its deepest."""
        scaled = (images.float() / 127.5 - 1) * valid.unsqueeze(1)
        features: list[Tensor] = self.encoder(scaled.contiguous(memory_format=torch.channels_last))
        return features

    @property
    def trunk(self) -> nn.Module:
        """The part that may come pretrained."""
        encoder: nn.Module = self.encoder
        return encoder

    def depths(self) -> list[list[nn.Parameter]]:
        """Return the trunk's parameters, each once, from its stem to its deepest stage."""
        stages: dict[int, list[nn.Parameter]] = {}
        for name, parameter in self.encoder.named_parameters():
            found = _STAGE.match(name)
            stages.setdefault(1 + int(found[1]) if found else 0, []).append(parameter)
        return [stages[depth] for depth in sorted(stages)]

    def fresh(self) -> list[nn.Parameter]:
        """Return the parameters that are not of the trunk, each once."""
        return [one for part in (self.decoder, self.full, self.head) for one in part.parameters()]


def build_network(backbone: str, pretrained: bool) -> UNet:
    """Return an untrained network on that backbone, its encoder pretrained or random.

    Random weights come from torch's global generator: seed it for a repeatable network.

    Raises
    ------
    ModelError
        If the backbone is unknown, or its pretrained weights are missing or do not fit.
    """
    chosen = find_backbone(backbone)
    network = UNet(chosen)
    if pretrained:
        network.encoder.load_state_dict(_fit(chosen, read_weights(backbone), network.encoder.state_dict()))
    return network.to(memory_format=torch.channels_last)


def _convolution(inside: int, outside: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inside, outside, 3, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(outside), nn.ReLU(inplace=True)


def _fit(backbone: Backbone, weights: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return an RGB classifier's weights as those of the four-band encoder.

    The names in a file from elsewhere differ from timm's, the order of the layers does not; so tensors are paired in
    order and every shape is checked. The weights of the near infrared begin at zero: the first step sees exactly what
    the pretrained encoder saw, and a tiled stem is known to lose accuracy.
    """
    with torch.device("meta"):
        classifier = timm.create_model(backbone.encoder, pretrained=False).state_dict()
    if set(classifier) == set(weights):
        paired = weights
    else:
        if len(classifier) != len(weights):
            raise _unfit(backbone, f"{len(weights)} tensors instead of {len(classifier)}")
        paired = dict(zip(classifier, weights.values(), strict=True))
    for name, tensor in classifier.items():
        if paired[name].shape != tensor.shape:
            raise _unfit(backbone, f"{name} is {tuple(paired[name].shape)} instead of {tuple(tensor.shape)}")
    fitted = {}
    for name, tensor in own.items():
        given = paired[name]
        if given.shape != tensor.shape:
            given = torch.cat([given, torch.zeros_like(given[:, : _BANDS - _RGB])], dim=1)
        fitted[name] = given
    return fitted


def _unfit(backbone: Backbone, what: str) -> ModelError:
    return ModelError(
        f"the pretrained weights of {backbone.name} are not those of timm's {backbone.encoder}: {what}",
        f"bring the weights of {backbone.encoder} with its classifier, or set pretrained = false",
    )
