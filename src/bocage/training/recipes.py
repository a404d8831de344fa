"""What learns, when and how fast: the whole network, its head alone, or the trunk part by part.

A trunk is a list of depths from its input to its output (``network.depths()``); all else is ``network.fresh()``.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from bocage.errors import TrainingError
from bocage.settings import RunSettings

# Gradual unfreezing reaches the first depth after this share of the steps, unless the run says when.
_THAWED = 0.5


class Network(Protocol):
    """A trunk that may be pretrained and what stands on it."""

    @property
    def trunk(self) -> nn.Module:
        """The module whose parameters ``depths`` lists."""

    def __call__(self, images: Tensor, valid: Tensor) -> Tensor:
        """Return logits (n, rows, columns) of images (n, bands, rows, columns), 0 to 255, and their validity."""

    def depths(self) -> list[list[nn.Parameter]]:
        """Return every parameter of the trunk once, from its input to its output."""

    def fresh(self) -> list[nn.Parameter]:
        """Return every other parameter once."""


def frozen_depths(run: RunSettings, depths: int, step: int) -> int:
    """Return how many depths of the trunk, counted from its input, do not learn after ``step`` steps.

    Parameters
    ----------
    depths
        How many the trunk has.
    step
        Steps done, 0 at the beginning.
    """
    if run.recipe == "full":
        return 0
    if run.recipe != "gradual":
        return depths
    if run.unfreeze:
        thawed = sum(step >= one for one in run.unfreeze)
        return depths - round(depths * thawed / len(run.unfreeze))
    # One depth at a time; the first of them learns after a pause as long as those between the others.
    return depths - min(depths, int(step * depths / max(1, int(_THAWED * run.steps))))


def parameter_groups(network: Network, run: RunSettings) -> list[dict[str, Any]]:
    """Return the groups of the optimiser: one rate per depth, and weight decay for the weights of layers alone.

    With L depths, depth i of 0 (input) to L - 1 has the rate of the trunk times ``layer_decay ** (L - i)``; what is
    fresh has ``learning_rate`` (Bao et al. 2022, BEiT). A part that never learns is in no group.

    Only what a layer multiplies its input by decays. Biases and normalisations do not, and neither do a transformer's
    tokens, its embeddings and tables of positions and its scales of attention (as in BEiT, MAE and Swin): there is no
    reason why these should be small.

    Raises
    ------
    TrainingError
        If ``depths`` and ``fresh`` do not name every parameter of the network exactly once.
    """
    depths, fresh = network.depths(), network.fresh()
    listed = [id(one) for part in (*depths, fresh) for one in part]
    names = {id(one): name for name, one in cast("nn.Module", network).named_parameters()}
    if len(listed) != len(set(listed)) or set(listed) != set(names):
        raise TrainingError(
            f"run {run.name}: the parts of a network on {run.backbone} do not hold each of its parameters once",
            "mend depths() of the backbone",
        )
    trunk = run.learning_rate if run.trunk_learning_rate is None else run.trunk_learning_rate
    rates = [trunk * run.layer_decay ** (len(depths) - depth) for depth in range(len(depths))]
    parts = [(fresh, run.learning_rate)]
    if run.recipe in {"full", "gradual"}:
        parts = [*zip(depths, rates, strict=True), *parts]
    groups = []
    for parameters, rate in parts:
        for decays in (True, False):
            members = [one for one in parameters if _decays(names[id(one)], one) is decays]
            if members:
                groups.append({"params": members, "lr": rate, "weight_decay": run.weight_decay if decays else 0.0})
    return groups


def _decays(name: str, parameter: nn.Parameter) -> bool:
    """Say whether a parameter is the matrix or the kernels of a layer: every layer of torch calls its own a weight.

    Tokens, embeddings and tables are called by what they are, and may have as many dimensions. The weights of a
    normalisation have one.
    """
    return parameter.ndim > 1 and name.endswith("weight")


def thaw(network: Network, run: RunSettings, step: int) -> None:
    """Let exactly those parts learn that the recipe allows after ``step`` steps, and put the network to training.

    Statistics of a normalisation whose own parameters are frozen stay as they are, and a trunk that does not learn at
    all is in evaluation mode.
    """
    depths = network.depths()
    frozen = frozen_depths(run, len(depths), step)
    for depth, parameters in enumerate(depths):
        for parameter in parameters:
            parameter.requires_grad_(depth >= frozen)
    cast("nn.Module", network).train()
    if frozen == len(depths):
        network.trunk.eval()
    elif frozen:
        for module in network.trunk.modules():
            own = list(module.parameters(recurse=False))
            if isinstance(module, _NormBase) and own and not any(one.requires_grad for one in own):
                module.eval()
