"""What Lightning trains: the network, its running average, the loss and the schedule."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from typing import Any, cast

import lightning
import torch
from torch import Tensor, nn

from bocage.errors import TrainingError
from bocage.settings import RunSettings
from bocage.training.batches import Batch
from bocage.training.loss import masked_loss, weight_sum
from bocage.training.memory import is_out_of_memory
from bocage.training.recipes import Network, frozen_depths, parameter_groups, thaw

# The average forgets its random start: after n steps it spans at most about n / 9 of them.
_WARM = 10
_CLIP, _EPSILON = 1.0, 1e-6
# A step's random numbers (dropout, stochastic depth) are those of its number: primes keep seeds and steps apart.
_SEED_STRIDE, _RANK_STRIDE = 1_000_003, 15_485_863
_log = logging.getLogger("bocage")


class SegmentationTask(lightning.LightningModule):
    """One run: AdamW on a one-cycle schedule, and an exponential average of the weights, which is what is kept.

    Lightning's own checkpoints also hold where its loops were, in a form that resumes one batch early or late at the
    end of an epoch; so the state is ours: weights, optimiser, schedule and the number of steps done. The steps of the
    optimiser are ours, too, since a batch that does not fit into memory is learnt in parts.

    Parameters
    ----------
    network
        An ``nn.Module`` that is a :class:`~bocage.training.recipes.Network`.
    state
        What :meth:`resume_state` returned in an earlier session, or None to begin.
    """

    automatic_optimization = False

    def __init__(self, network: nn.Module, run: RunSettings, state: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.network = network
        self.average = copy.deepcopy(network).requires_grad_(False).eval()
        self.run = run
        self.first = 0
        self.part = run.batch_size // run.devices
        self._depths, self._frozen = len(cast("Network", network).depths()), -1
        self._pairs: list[tuple[Tensor, Tensor]] = []
        self._statistics: list[Tensor] = []
        self._spare: list[Tensor] = []
        self._optimiser_state = self._schedule_state = None
        if state is not None:
            self.load_state_dict(state["weights"])
            self.first, self.part = state["step"], state["part"]
            self._optimiser_state, self._schedule_state = state["optimiser"], state["schedule"]
        # Several devices note what learns before the first step.
        self._thaw(self.first)

    @property
    def step(self) -> int:
        """Steps done, over all sessions of the run."""
        return self.first + self.global_step

    def resume_state(self) -> dict[str, Any]:
        """Return tensors and plain numbers from which a new task goes on exactly as this one would."""
        return {
            "step": self.step,
            "part": self.part,
            "weights": self.state_dict(),
            "optimiser": self.trainer.optimizers[0].state_dict(),
            "schedule": self.trainer.lr_scheduler_configs[0].scheduler.state_dict(),
        }

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Learn from a batch and return its loss, which the journal looks at later: a GPU is not waited for."""
        self._thaw(self.step)
        loss = self._learn(batch)
        clip([one.grad for one in self.network.parameters() if one.grad is not None])
        optimiser: Any = self.optimizers()
        optimiser.step()
        schedule: Any = self.lr_schedulers()
        schedule.step()
        return loss

    def on_train_batch_end(self, *_: Any) -> None:
        """Move the average towards the weights; running statistics of the normalisation move with them."""
        keep = min(self.run.average, self.step / (self.step + _WARM - 1))
        if not self._pairs:
            # Once, and not before everything lies on its device: to go through all modules costs as much as to move.
            self._pairs = list(zip(_tensors(self.average), _tensors(self.network), strict=True))
        moving = [(mean, now) for mean, now in self._pairs if mean.is_floating_point()]
        with torch.no_grad():
            torch._foreach_lerp_([mean for mean, _ in moving], [now for _, now in moving], 1 - keep)
            for mean, now in self._pairs:
                if not mean.is_floating_point():
                    mean.copy_(now)

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its schedule: every rate rises, then falls along a cosine to almost nothing."""
        groups = parameter_groups(cast("Network", self.network), self.run)
        # One pass over all parameters, where the default makes a dozen small ones for each.
        optimiser = torch.optim.AdamW(groups, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            [group["lr"] for group in groups],
            total_steps=self.run.steps + 1,
            # A share of 0 would divide by zero steps.
            pct_start=max(self.run.warm_up, 1.5 / (self.run.steps + 1)),
        )
        if self._optimiser_state is not None and self._schedule_state is not None:
            optimiser.load_state_dict(self._optimiser_state)
            schedule.load_state_dict(self._schedule_state)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _thaw(self, step: int) -> None:
        frozen = frozen_depths(self.run, self._depths, step)
        if frozen != self._frozen:
            thaw(cast("Network", self.network), self.run, step)
            self._frozen = frozen

    def _learn(self, batch: Batch) -> Tensor:
        """Accumulate the gradients of a batch, in smaller and smaller parts until one fits into memory."""
        self._note_statistics()
        while True:
            try:
                return self._accumulate(batch)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                words = str(error).splitlines()[0]
            # Outside of the handler, whose traceback would keep the tensors of the failed pass.
            self._halve(words)
            _copy(self._statistics, self._spare)

    def _note_statistics(self) -> None:
        """Keep what a pass that fails would change: running statistics of the normalisation."""
        if not self._spare:
            # Once, as for the average.
            self._statistics = list(self.network.buffers())
            self._spare = [buffer.clone() for buffer in self._statistics]
        else:
            _copy(self._spare, self._statistics)

    def _accumulate(self, batch: Batch) -> Tensor:
        optimiser: Any = self.optimizers()
        optimiser.zero_grad()
        torch.manual_seed(self.run.seed * _SEED_STRIDE + self.step + self.global_rank * _RANK_STRIDE)
        dice = self.run.loss == "cross_entropy_dice"
        parts = list(batch.parts(self.part))
        sums = [weight_sum(part.label, part.weight) for part in parts] if len(parts) > 1 else [1.0]
        whole = sum(sums) or 1.0
        losses = []
        for part, own in zip(parts, sums, strict=True):
            logit = self.network(part.image, part.valid)
            loss = masked_loss(logit, part.label, part.weight, dice=dice) * (own / whole)
            self.manual_backward(loss)
            losses.append(loss.detach())
        return torch.stack(losses).sum()

    def _halve(self, words: str) -> None:
        run = self.run
        if self.part == 1 or run.devices > 1:
            raise TrainingError(
                f"run {run.name}: {self.part} crops of {run.crop} pixels do not fit into memory: {words}",
                "lower batch_size" if run.devices > 1 else "lower crop, or choose a smaller backbone",
            )
        self.part = (self.part + 1) // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        _log.warning(
            "run %s: a batch does not fit into memory (%s); it is learnt in parts of %d, a step stays one of %d crops",
            run.name,
            words,
            self.part,
            run.batch_size,
        )


def clip(gradients: list[Tensor]) -> None:
    """Scale gradients whose norm, all taken together, is above the limit down to it; the others stay as they are."""
    norm = torch.nn.utils.get_total_norm(gradients)
    # On a GPU to ask would be to wait for it; to multiply by one costs less there.
    if norm.device.type == "cpu" and bool(norm + _EPSILON <= _CLIP):
        return
    scale = (_CLIP / (norm + _EPSILON)).clamp(max=1.0)
    torch._foreach_mul_(gradients, scale)


def _copy(into: list[Tensor], of: list[Tensor]) -> None:
    # torch refuses to go through nothing.
    if into:
        with torch.no_grad():
            torch._foreach_copy_(into, of)


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]
