"""One step of pretraining, the error on held-out crops, and the running statistics that the trunk is left with."""

from __future__ import annotations

import math

import torch

from bocage.errors import TrainingError
from bocage.models.network import channels_last
from bocage.settings import PretrainingSettings
from bocage.training.masking import hidden_error
from bocage.training.memory import is_out_of_memory
from bocage.training.reconstruction import Reconstruction, running_statistics, scale, settle_statistics
from bocage.training.unlabelled import Batch, SceneCrops

_RISE = 0.1
_SETTLING_BATCHES = 64
_CLIP = 1.0


class ReconstructionTask:
    """The network, its optimiser and one step of both, on the GPU where there is one.

    Parameters
    ----------
    network
        What is trained.
    given
        The settings.
    name
        What the backbone will be called.
    """

    def __init__(self, network: Reconstruction, given: PretrainingSettings, name: str) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = channels_last(network.to(self.device))
        self.given = given
        self._name = name
        parameters = list(network.parameters())
        groups = [
            {"params": [one for one in parameters if one.ndim > 1], "weight_decay": given.weight_decay},
            {"params": [one for one in parameters if one.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=given.learning_rate, betas=(0.9, 0.95))

    def rate(self, step: int) -> float:
        """Return the learning rate of a step: a linear rise, then half a cosine down to 0."""
        rise = max(1, round(_RISE * self.given.steps))
        if step < rise:
            return self.given.learning_rate * (step + 1) / rise
        return self.given.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / (self.given.steps - rise)))

    def error(self, batch: Batch) -> torch.Tensor:
        """Return the error over what is hidden, in shares of the full range of a band."""
        batch = batch.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            predicted = self.network(batch.images, batch.valid, batch.hidden)
        return hidden_error(predicted, scale(batch.images), batch.hidden, batch.valid) / 2

    def learn(self, batch: Batch, step: int) -> float:
        """Take step number ``step``, counted from 0, and return the loss before it."""
        # Whatever the trunk drops at random follows from the step, so a resumed run drops the same.
        torch.manual_seed(self.given.seed * 1_000_003 + step)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate(step)
        self.network.train()
        self.optimiser.zero_grad(set_to_none=True)
        try:
            loss = self.error(batch)
            torch.autograd.backward(loss)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            given = self.given
            raise TrainingError(
                f"backbone {self._name}: {given.batch_size} crops of {given.crop} pixels do not fit into memory",
                "lower pretraining.batch_size",
            ) from error
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _CLIP)
        self.optimiser.step()
        # Asked for last: until it answers, a GPU is given nothing to do.
        value = float(loss.item())
        if not math.isfinite(value):
            raise TrainingError(
                f"backbone {self._name}: the loss is {value} at step {step + 1}",
                f"lower pretraining.learning_rate (it is {self.given.learning_rate:g})",
            )
        return value

    def judge(self, batches: list[Batch]) -> float:
        """Return the mean error on held-out crops."""
        self.network.eval()
        with torch.inference_mode():
            return math.fsum(torch.stack([self.error(batch) for batch in batches]).tolist()) / len(batches)

    def settle(self, crops: SceneCrops) -> None:
        """Gather the running statistics of the trunk anew, on whole crops; a trunk without any is left alone."""
        if not running_statistics(self.network.trunk):
            return
        for seen, batch in enumerate(crops.batches(self.given.steps, _SETTLING_BATCHES)):
            there = batch.to(self.device)
            whole = self.network.trunk_input(scale(there.images), there.valid)
            settle_statistics(self.network.trunk, whole, seen)
