"""What is known of a backbone before anything is loaded: where it comes from, what it takes, how its weights are named.

Nothing here imports torch: ``bocage models list`` answers at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bocage.errors import ModelError
from bocage.models.contract import InputContract

if TYPE_CHECKING:
    from torch import Tensor

    from bocage.models.pyramid import Pyramid


@dataclass(frozen=True, slots=True)
class Weights:
    """A published file of weights and how its names become those of the trunk.

    Attributes
    ----------
    file
        Its name in the cache; the published name wherever that says which file it is.
    url
        Where it is fetched from.
    parts
        (prefix in the file, prefix in the trunk). Every tensor of the file belongs to a part or is ``unused``, and
        every tensor of the trunk is found: loading is strict in both directions.
    unused
        Prefixes of tensors that the trunk has no use for: classifiers, other tasks' heads, other sensors' stems.
    container
        Key under which a checkpoint of a training framework holds the weights, empty where it is the weights.
    digest
        SHA-256 of the file, or the leading digits of it that its publisher put into its name; empty where none is
        known.
    size
        Bytes of the file, None where unknown.
    package
        The installed Python package that holds the file, as the path ``member`` in it.
    stem
        A weight of the trunk that takes more bands than the one in the file; those beyond begin at zero.
    mark
        A name without which a file need not be compared: where building the trunk to compare it with takes long.
    adapt
        Gives the tensors of a file the names of its publisher, where other publishers use others.
    gated
        Whether the licence has to be accepted at the source before the file can be fetched.
    """

    file: str
    url: str = ""
    parts: tuple[tuple[str, str], ...] = (("", ""),)
    unused: tuple[str, ...] = ()
    container: str = ""
    digest: str = ""
    size: int | None = None
    package: str = ""
    member: str = ""
    stem: str = ""
    mark: str = ""
    adapt: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] | None = None
    gated: bool = False


@dataclass(frozen=True, slots=True)
class Backbone:
    """A trunk of layers that turns an image into a pyramid of maps, with or without weights from elsewhere.

    Attributes
    ----------
    name
        What ``training.runs.backbone`` takes.
    title
        What it is, in a line.
    parameters
        Number of the trunk's parameters; what the published model holds fixed is none.
    pretrained_on
        What the weights have seen.
    licence, source, citation
        Licence of the weights, where they come from, and the publication.
    builder
        Makes the trunk with random weights, given a probability of stochastic depth.
    decoder
        Channels of the decoder's stages at 1/16, 1/8, 1/4, 1/2 and full size.
    stochastic_depth
        Probability of leaving out a block in training, at the deepest block; 0 where its layers cannot.
    extra
        The optional dependency that it needs.
    """

    name: str
    title: str
    parameters: int
    pretrained_on: str
    licence: str
    source: str
    citation: str
    weights: Weights
    builder: Callable[[float], Pyramid]
    contract: InputContract = field(default_factory=InputContract)
    decoder: tuple[int, int, int, int, int] = (256, 128, 64, 32, 16)
    stochastic_depth: float = 0.0
    extra: str = ""

    def build(self, stochastic_depth: float | None = None) -> Pyramid:
        """Return the trunk with random weights; what the published model holds fixed is no parameter of it.

        Raises
        ------
        ModelError
            If blocks are to be left out that it cannot leave out.
        MissingExtraError
            If it needs an optional dependency that is not installed.
        """
        from bocage.models.pyramid import hold_fixed

        if stochastic_depth and not self.stochastic_depth:
            raise ModelError(f"{self.name} has no blocks that can be left out in training", "leave stochastic_depth 0")
        return hold_fixed(self.builder(self.stochastic_depth if stochastic_depth is None else stochastic_depth))
