"""The encoder of Clay v1.5, with the names of the published checkpoint.

Written from the architecture that the Clay Foundation publishes (Apache-2.0): the weights of the patch embedding are
generated from the wavelengths by a small transformer; 24 blocks without biases in the attention follow. Its maker fixed
the position embedding so that it depends on the ground sampling distance. Time and place, which the checkpoint can be
told, are left at zero: fine-tuning without such metadata generalises better (arXiv 2504.17397).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from bocage.models.pyramid import Pyramid, even_blocks

_PATCH = 8
_WIDTH, _DEPTH, _HEADS = 1024, 24, 16
_WAVE, _LATENT = 128, 128
_METADATA = 8
_SCALE = 0.02
_TEMPERATURE = 10000.0


class ClayPyramid(Pyramid):
    """Clay's encoder on bands of the given wavelengths (micrometres) at one ground sampling distance (metres)."""

    strides = (4, 8, 16, 32)
    channels = (_WIDTH,) * 4

    def __init__(self, wavelengths: Sequence[float], distance: float = 1.0) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, _WIDTH) * _SCALE)
        self.patch_embedding = _WaveEmbedding()
        self.transformer = nn.ModuleDict(
            {
                "norm": nn.LayerNorm(_WIDTH),
                "layers": nn.ModuleList(nn.ModuleList([_Attention(), _FeedForward()]) for _ in range(_DEPTH)),
            }
        )
        self.wavelengths, self.distance = tuple(wavelengths), distance
        self.blocks = even_blocks(_DEPTH)
        self.order = (
            ("cls_token", "patch_embedding."),
            *((f"transformer.layers.{place}.",) for place in range(_DEPTH)),
            ("transformer.norm.",),
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the maps of four blocks, normalised, resized from stride 8."""
        waves = torch.tensor(self.wavelengths, device=images.device, dtype=images.dtype)
        embedded = self.patch_embedding(images, waves)
        grid = (embedded.shape[-2], embedded.shape[-1])
        tokens = embedded.flatten(2).transpose(1, 2)
        where = positions(grid, _WIDTH - _METADATA, self.distance, images.device)
        tokens = tokens + functional.pad(where, (0, _METADATA)).to(tokens.dtype)
        tokens = torch.cat([self.cls_token.expand(len(tokens), -1, -1), tokens], dim=1)
        maps = []
        for place, layer in enumerate(self.transformer["layers"].children()):
            attention, feed = layer.children()
            tokens = tokens + attention(tokens)
            tokens = tokens + feed(tokens)
            if place in self.blocks:
                maps.append(self.transformer["norm"](tokens)[:, 1:].transpose(1, 2).reshape(len(tokens), -1, *grid))
        return [
            functional.interpolate(maps[0], scale_factor=2.0, mode="bilinear"),
            maps[1],
            functional.max_pool2d(maps[2], 2, ceil_mode=True),
            functional.max_pool2d(maps[3], 4, ceil_mode=True),
        ]


def positions(grid: tuple[int, int], width: int, distance: float, device: torch.device) -> Tensor:
    """Return sines and cosines (rows x columns, width) of the place in a grid, stretched by the sampling distance."""
    rows, columns = torch.meshgrid(
        torch.arange(grid[0], device=device), torch.arange(grid[1], device=device), indexing="ij"
    )
    steps = torch.arange(width // 4, device=device) / (width // 4 - 1)
    frequency = distance / _TEMPERATURE ** (2 * steps / width)
    y, x = rows.flatten()[:, None] * frequency, columns.flatten()[:, None] * frequency
    return torch.cat([x.sin(), x.cos(), y.sin(), y.cos()], dim=1)


class _WaveEmbedding(nn.Module):
    """Patches by a convolution whose weights are generated from the wavelengths."""

    def __init__(self) -> None:
        super().__init__()
        self.weight_generator = _WaveTransformer()
        self.fclayer = nn.ModuleDict({"l1": nn.Linear(_WAVE, _WAVE), "l2": nn.Linear(_WAVE, _WAVE)})

    def forward(self, images: Tensor, waves: Tensor) -> Tensor:
        steps = torch.arange(_WAVE // 2, device=waves.device) / (_WAVE // 2 - 1)
        angles = waves[:, None] / _TEMPERATURE**steps
        code = torch.cat([angles.sin(), angles.cos()], dim=1)
        code = code + functional.gelu(self.fclayer["l2"](functional.gelu(self.fclayer["l1"](code))))
        weight, bias = self.weight_generator(code)
        kernel = weight.reshape(-1, _WIDTH, _PATCH, _PATCH).transpose(0, 1) * _SCALE
        return functional.conv2d(images, kernel, bias, stride=_PATCH)


class _WaveTransformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(_WAVE, nhead=4, activation="gelu", dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1)
        self.fc_weight = nn.Linear(_WAVE, _PATCH**2 * _WIDTH)
        self.fc_bias = nn.Linear(_WAVE, _WIDTH)
        self.weight_tokens = nn.Parameter(torch.randn(_LATENT, _WAVE) * _SCALE)
        self.bias_token = nn.Parameter(torch.randn(1, _WAVE) * _SCALE)

    def forward(self, waves: Tensor) -> tuple[Tensor, Tensor]:
        given = torch.cat([self.weight_tokens, waves, self.bias_token])
        made = self.encoder(given)
        return self.fc_weight((made + given)[_LATENT:-1]), self.fc_bias(made[-1])


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(_WIDTH)
        self.to_qkv = nn.Linear(_WIDTH, 3 * _WIDTH, bias=False)
        self.to_out = nn.Linear(_WIDTH, _WIDTH, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        parts = self.to_qkv(self.norm(tokens)).chunk(3, dim=-1)
        query, key, value = (part.reshape(*part.shape[:2], _HEADS, -1).transpose(1, 2) for part in parts)
        seen = functional.scaled_dot_product_attention(query, key, value)
        result: Tensor = self.to_out(seen.transpose(1, 2).flatten(2))
        return result


class _FeedForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.LayerNorm(_WIDTH), nn.Linear(_WIDTH, 4 * _WIDTH), nn.GELU(), nn.Linear(4 * _WIDTH, _WIDTH)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        result: Tensor = self.net(tokens)
        return result
