"""What every trunk is to the rest of the network: a module that turns an image into maps, fine to coarse."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn import functional


class Pyramid(nn.Module):
    """A trunk.

    Attributes
    ----------
    channels, strides
        Of the maps that ``forward`` returns, fine to coarse. Strides are powers of two; the last is 32. A map has one
        pixel per ``stride`` pixels of the image.
    order
        Prefixes of parameter names from the input to the output, one tuple per depth.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    order: tuple[tuple[str, ...], ...]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the maps (n, channels, rows / stride, columns / stride) of images scaled as the contract says."""
        raise NotImplementedError

    def depths(self) -> list[list[nn.Parameter]]:
        """Return every parameter exactly once, grouped from the input to the output.

        Raises
        ------
        ValueError
            If a parameter has no place in ``order``: a mistake in the backbone's file.
        """
        groups: list[list[nn.Parameter]] = [[] for _ in self.order]
        for name, parameter in self.named_parameters():
            place = next((i for i, prefixes in enumerate(self.order) if name.startswith(prefixes)), None)
            if place is None:
                raise ValueError(f"{type(self).__name__}: no depth is known for the parameter {name}")
            groups[place].append(parameter)
        return [group for group in groups if group]


def hold_fixed[T: nn.Module](trunk: T) -> T:
    """Make buffers of the parameters that the published model holds fixed, and return the trunk.

    A recipe decides what of a network learns, so it may turn on any parameter; a buffer it cannot. The names in the
    state stay what they were, and files load as before.
    """
    for module in trunk.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if not parameter.requires_grad:
                delattr(module, name)
                module.register_buffer(name, parameter.detach())
    return trunk


def each(module: nn.Module, prefix: str) -> tuple[tuple[str, ...], ...]:
    """Return one depth per child of a module that is called ``prefix`` in the trunk."""
    return tuple((f"{prefix}.{name}.",) for name, _ in module.named_children())


def even_blocks(count: int) -> list[int]:
    """Return the four blocks at the quarters of a plain transformer of that many."""
    return [count * quarter // 4 - 1 for quarter in range(1, 5)]


def spread(maps: Iterable[Tensor]) -> list[Tensor]:
    """Resize four maps of stride 16 to strides 4, 8, 16 and 32.

    A plain vision transformer has one scale; a simple pyramid of it serves as well as one of a hierarchical trunk (Li
    et al. 2022, arXiv 2203.16527). Resizing has no weights of its own: those would be untrained parts of the trunk.
    """
    finest, fine, middle, coarse = maps
    return [
        functional.interpolate(finest, scale_factor=4.0, mode="bilinear"),
        functional.interpolate(fine, scale_factor=2.0, mode="bilinear"),
        middle,
        functional.max_pool2d(coarse, 2, ceil_mode=True),
    ]
