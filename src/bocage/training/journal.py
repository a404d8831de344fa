"""What a run writes down while it trains: progress, the log, the best weights and the state to resume from."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightning
import torch
from safetensors.torch import save
from torch import Tensor

from bocage.files import write_bytes, write_text
from bocage.models.segmenter import TorchSegmenter
from bocage.scenes.bands import BANDS
from bocage.training.chips import ChipStore
from bocage.training.evaluation import evaluate, total
from bocage.training.task import SegmentationTask

STATE, BEST, LOG = "state.ckpt", "best.safetensors", "log.csv"
_COLUMNS = ("step", "loss", "learning_rate", "iou", "f1", "precision", "recall")
_LOG_EVERY = 20


class Journal(lightning.Callback):
    """Validates after every epoch, keeps the best weights, and then writes the state; so a kill loses one epoch.

    Parameters
    ----------
    folder
        Of the run; state and best weights lie in ``training/`` below it.
    advance
        Called with the number of steps done.
    state
        What an earlier session wrote of its journal, or None to begin.
    """

    def __init__(
        self,
        folder: Path,
        validation: ChipStore | None,
        advance: Callable[[int], None],
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self._folder = folder
        self._validation = validation
        self._advance = advance
        self._losses: list[float] = []
        state = state or {"rows": [], "best_iou": -1.0, "best_step": 0, "seconds": 0.0}
        self.rows: list[dict[str, float]] = list(state["rows"])
        self.best_iou: float = state["best_iou"]
        self.best_step: int = state["best_step"]
        self._resumed: float = state["seconds"]
        self._started = time.monotonic()
        self.interrupted = False

    @property
    def seconds(self) -> float:
        """Time spent in training and validation, over all sessions of the run."""
        return self._resumed + time.monotonic() - self._started

    def _state(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "best_iou": self.best_iou,
            "best_step": self.best_step,
            "seconds": self.seconds,
        }

    def on_train_start(self, _trainer: Any, task: Any) -> None:
        """Show what an earlier session has done."""
        self._started = time.monotonic()
        self._advance(task.first)

    def on_train_batch_end(self, _trainer: Any, task: Any, outputs: Any, *_: Any) -> None:
        """Count the step and write down the mean loss now and then."""
        loss: Tensor = outputs["loss"]
        self._losses.append(loss.item())
        self._advance(1)
        if task.step % _LOG_EVERY == 0:
            self.rows.append(self._row(task))

    def on_train_epoch_end(self, _trainer: Any, task: Any) -> None:
        """Validate the average, keep it if it is the best so far, and write log and state."""
        assert isinstance(task, SegmentationTask)
        if self._losses:
            self.rows.append(self._row(task))
        iou = self.best_iou
        if self._validation is not None:
            segmenter = TorchSegmenter(task.average, bands=BANDS, resolution=0.0, digest="")
            scores = total(evaluate(segmenter, self._validation)).scores()
            self.rows[-1] |= {name: value for name, value in scores.items() if name in _COLUMNS and value is not None}
            iou = scores["iou"] or 0.0
        training = self._folder / "training"
        if self._validation is None or iou > self.best_iou:
            self.best_iou, self.best_step = iou, task.step
            tensors = {name: value.detach().cpu().contiguous() for name, value in task.average.state_dict().items()}
            write_bytes(training / BEST, save(tensors))
        write_text(self._folder / LOG, self._table())
        content = io.BytesIO()
        torch.save({"task": task.resume_state(), "journal": self._state()}, content)
        write_bytes(training / STATE, content.getvalue())

    def on_exception(self, _trainer: Any, _task: Any, exception: BaseException) -> None:
        """Remember an interrupt, which Lightning turns into an exit."""
        self.interrupted = isinstance(exception, KeyboardInterrupt)

    def _row(self, task: SegmentationTask) -> dict[str, float]:
        loss = math.fsum(self._losses) / len(self._losses)
        self._losses.clear()
        rate = task.trainer.optimizers[0].param_groups[0]["lr"]
        return {"step": task.step, "loss": round(loss, 6), "learning_rate": float(rate)}

    def _table(self) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()
