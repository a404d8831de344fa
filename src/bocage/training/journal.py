"""What a run writes down while it trains: progress, the logs, the weights to keep and the state to resume from."""

from __future__ import annotations

import csv
import io
import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from safetensors.torch import save
from torch import Tensor

from bocage.errors import TrainingError
from bocage.files import write_bytes, write_text
from bocage.models.segmenter import TorchSegmenter
from bocage.progress import bar
from bocage.scenes.bands import BANDS
from bocage.settings import RunSettings
from bocage.training.chips import ChipStore
from bocage.training.evaluation import evaluate, total
from bocage.training.events import EventLog
from bocage.training.memory import peak_memory
from bocage.training.state import STATE, WORKING
from bocage.training.task import SegmentationTask

KEPT, LOG = "kept.safetensors", "log.csv"
_COLUMNS = ("step", "loss", "learning_rate", "iou", "f1", "precision", "recall")
_LOG_EVERY = 20
_log = logging.getLogger("bocage")


@dataclass
class Progress:
    """How far a run is, over all its sessions.

    Attributes
    ----------
    step
        Steps done.
    kept_step, best_iou
        The step whose weights are kept, and their IoU on the validation chips, or None where none was asked for.
    waited
        Validations since those weights.
    stopped
        Whether the run ended because they were not getting better.
    seconds, learning
        Of the run, and without its validations.
    memory
        Peak memory in bytes.
    """

    step: int = 0
    kept_step: int = 0
    best_iou: float | None = None
    waited: int = 0
    stopped: bool = False
    seconds: float = 0.0
    learning: float = 0.0
    memory: int = 0

    def crops_per_second(self, run: RunSettings) -> float:
        """Return the throughput of training, from reading chips to the optimiser's step."""
        return self.step * run.batch_size / max(self.learning, 1e-9)

    def figures(self) -> dict[str, Any]:
        """Return what the receipt of a run says of it."""
        return {
            "steps": self.step,
            "stopped_early": self.stopped,
            "kept_step": self.kept_step,
            "validation_iou": self.best_iou,
            "seconds": round(self.seconds, 1),
        }


class Journal(lightning.Callback):
    """Validates after every epoch, keeps weights, and then writes the state; so a kill loses one epoch.

    Parameters
    ----------
    folder
        Of the run; state and kept weights lie in ``training/`` below it.
    validation
        Chips to choose the best weights by. It is not read where the run keeps its last weights.
    state
        What an earlier session wrote of its journal, or None to begin.
    """

    def __init__(
        self, folder: Path, run: RunSettings, validation: ChipStore | None, state: Mapping[str, Any] | None = None
    ) -> None:
        self._folder, self._run, self._validation = folder, run, validation
        self.rows: list[dict[str, float]] = list(state["rows"]) if state else []
        self.progress = Progress(**state["progress"]) if state else Progress()
        self.interrupted = False
        # Where they were computed: to ask a GPU for one is to wait for it.
        self._losses: list[Tensor] = []
        self._earlier = self.progress.seconds
        self._started = self._epoch_started = time.monotonic()
        self._bar = ExitStack()
        self._advance: Callable[[int], None] | None = None
        self._events = EventLog(folder / "tensorboard")
        # Rows that TensorBoard has: the others follow at the end of the epoch, when the last one has its scores.
        self._shown = len(self.rows)

    def on_train_start(self, trainer: Any, task: Any) -> None:
        """Show what an earlier session has done."""
        self._started = time.monotonic()
        if trainer.is_global_zero:
            self._advance = self._bar.enter_context(bar(f"{self._run.name}: training steps", self._run.steps))
            self._advance(task.first)
            self._events.begin(self.rows)

    def on_train_epoch_start(self, *_: Any) -> None:
        """Start the clock that validation does not run on."""
        self._epoch_started = time.monotonic()

    def on_train_batch_end(self, _trainer: Any, task: Any, outputs: Any, *_: Any) -> None:
        """Count the step and write down the mean loss now and then.

        Raises
        ------
        TrainingError
            If a loss since the last time was not finite; nothing of it has been kept.
        """
        self._losses.append(outputs["loss"])
        if self._advance is not None:
            self._advance(1)
        if task.step % _LOG_EVERY == 0:
            self.rows.append(self._row(task))

    def on_train_epoch_end(self, trainer: Any, task: Any) -> None:
        """Validate the average, keep it if it is the best so far or the last is wanted, and write logs and state."""
        assert isinstance(task, SegmentationTask)
        if self._losses:
            self.rows.append(self._row(task))
        # Each device has looked at losses of its own: one that is not finite has spoilt the weights of all.
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            self._close_epoch(task)
        # All devices stop after the same step.
        self.progress.stopped = trainer.strategy.broadcast(self.progress.stopped)
        trainer.should_stop = trainer.should_stop or self.progress.stopped

    def on_train_end(self, *_: Any) -> None:
        """Take the progress bar away."""
        self._bar.close()

    def on_exception(self, _trainer: Any, _task: Any, exception: BaseException) -> None:
        """Remember an interrupt, which Lightning turns into an exit."""
        self._bar.close()
        self.interrupted = isinstance(exception, KeyboardInterrupt)

    def _close_epoch(self, task: SegmentationTask) -> None:
        progress = self.progress
        progress.step = task.step
        progress.learning += time.monotonic() - self._epoch_started
        if self._validation is None or self._validate(task, self._validation):
            progress.kept_step = task.step
            tensors = {name: value.detach().cpu().contiguous() for name, value in task.average.state_dict().items()}
            write_bytes(self._folder / WORKING / KEPT, save(tensors))
        progress.stopped = 0 < self._run.patience <= progress.waited
        progress.memory = max(progress.memory, peak_memory())
        progress.seconds = self._earlier + time.monotonic() - self._started
        write_text(self._folder / LOG, self._table())
        self._events.add(self.rows[self._shown :])
        self._shown = len(self.rows)
        content = io.BytesIO()
        state = {"task": task.resume_state(), "journal": {"rows": self.rows, "progress": asdict(progress)}}
        torch.save(state, content)
        write_bytes(self._folder / WORKING / STATE, content.getvalue())
        self._tell()

    def _validate(self, task: SegmentationTask, validation: ChipStore) -> bool:
        """Score the average, write the scores down, and say whether it is the best so far."""
        segmenter = TorchSegmenter(task.average, bands=BANDS, resolution=0.0, digest="")
        scores = total(evaluate(segmenter, validation)).scores()
        self.rows[-1] |= {name: value for name, value in scores.items() if name in _COLUMNS and value is not None}
        iou = scores["iou"] or 0.0
        better = self.progress.best_iou is None or iou > self.progress.best_iou
        self.progress.waited = 0 if better else self.progress.waited + 1
        if better:
            self.progress.best_iou = iou
        return better

    def _tell(self) -> None:
        run, progress, row = self._run, self.progress, self.rows[-1]
        rate = progress.crops_per_second(run)
        words = [f"loss {row['loss']:.4f}"]
        if "iou" in row:
            words.append(f"validation IoU {row['iou']:.4f}")
        words.append(f"{rate:.1f} crops/s, {rate * run.crop**2 / 1e6:.2f} megapixels/s")
        words.append(f"{progress.memory / 2**30:.1f} GiB at most")
        _log.info("run %s: step %d of %d, %s", run.name, progress.step, run.steps, ", ".join(words))
        if progress.stopped:
            _log.info("run %s: stopped, no better one in %d validations", run.name, progress.waited)

    def _row(self, task: SegmentationTask) -> dict[str, float]:
        losses: list[float] = torch.stack(self._losses).tolist()
        self._losses.clear()
        for place, loss in enumerate(losses, start=1):
            if not math.isfinite(loss):
                raise TrainingError(
                    f"run {self._run.name}: the loss is {loss} at step {task.step - len(losses) + place}",
                    f"lower learning_rate (it is {self._run.learning_rate:g})",
                )
        # The last group is of the head, which has the rate of the run.
        rate = task.trainer.optimizers[0].param_groups[-1]["lr"]
        mean = math.fsum(losses) / len(losses)
        return {"step": task.step, "loss": round(mean, 6), "learning_rate": float(rate)}

    def _table(self) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()
