"""What Lightning trains: the network, its running average, the loss and the schedule."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from bocage.errors import TrainingError
from bocage.settings import RunSettings
from bocage.training.chips import ChipStore, Crops
from bocage.training.loss import masked_loss

# Share of the steps in which the learning rate rises; half-trained decoders do not shake a pretrained encoder then.
_RISE = 0.15
# The average forgets its random start: after n steps it spans at most about n / 9 of them.
_WARM = 10


class SegmentationTask(lightning.LightningModule):
    """One run: AdamW on a one-cycle schedule, and an exponential average of the weights, which is what is kept.

    Lightning's own checkpoints also hold where its loops were, in a form that resumes one batch early or late at the
    end of an epoch; so the state is ours: weights, optimiser, schedule and the number of steps done.

    Parameters
    ----------
    state
        What :meth:`resume_state` returned in an earlier session, or None to begin.
    """

    def __init__(self, network: nn.Module, run: RunSettings, state: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.network = network
        self.average = copy.deepcopy(network).requires_grad_(False).eval()
        self.run = run
        self.first = 0
        self._optimiser_state = self._schedule_state = None
        if state is not None:
            self.load_state_dict(state["weights"])
            self.first = state["step"]
            self._optimiser_state, self._schedule_state = state["optimiser"], state["schedule"]

    @property
    def step(self) -> int:
        """Steps done, over all sessions of the run."""
        return self.first + self.global_step

    def resume_state(self) -> dict[str, Any]:
        """Return tensors and plain numbers from which a new task goes on exactly as this one would."""
        return {
            "step": self.step,
            "weights": self.state_dict(),
            "optimiser": self.trainer.optimizers[0].state_dict(),
            "schedule": self.trainer.lr_scheduler_configs[0].scheduler.state_dict(),
        }

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], _index: int) -> Tensor:
        """Return the loss of a batch of (image, valid, label)."""
        image, valid, label = batch
        loss = masked_loss(self.network(image, valid), label)
        if not torch.isfinite(loss):
            raise TrainingError(
                f"run {self.run.name}: the loss is {loss.item()} at step {self.step + 1}",
                f"lower learning_rate (it is {self.run.learning_rate:g})",
            )
        return loss

    def on_train_batch_end(self, *_: Any) -> None:
        """Move the average towards the weights; running statistics of the normalisation move with them."""
        keep = min(self.run.average, self.step / (self.step + _WARM - 1))
        with torch.no_grad():
            for mean, now in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
                if mean.is_floating_point():
                    mean.lerp_(now, 1 - keep)
                else:
                    mean.copy_(now)

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its schedule; biases and normalisation are not decayed."""
        parameters = list(self.network.parameters())
        groups = [
            {"params": [one for one in parameters if one.ndim > 1], "weight_decay": self.run.weight_decay},
            {"params": [one for one in parameters if one.ndim <= 1], "weight_decay": 0.0},
        ]
        optimiser = torch.optim.AdamW(groups, lr=self.run.learning_rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.run.learning_rate, total_steps=self.run.steps + 1, pct_start=_RISE
        )
        if self._optimiser_state is not None and self._schedule_state is not None:
            optimiser.load_state_dict(self._optimiser_state)
            schedule.load_state_dict(self._schedule_state)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class CropModule(lightning.LightningDataModule):
    """Crops for the epochs of a run; an epoch is the steps between two validations."""

    def __init__(self, store: ChipStore, task: SegmentationTask, workers: int) -> None:
        super().__init__()
        self._store, self._task, self._workers = store, task, workers

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the crops of the current epoch."""
        run, done = self._task.run, self._task.step
        crops = Crops(
            self._store,
            edge=run.crop,
            seed=run.seed,
            strength=run.augmentation,
            first=done * run.batch_size,
            count=min(run.validate_every, run.steps - done) * run.batch_size,
        )
        return DataLoader(crops, batch_size=run.batch_size, num_workers=self._workers)
