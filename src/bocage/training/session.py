"""One session of training: Lightning set up for a run, from where an earlier session stopped to the end."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from torch import nn

from bocage.errors import TrainingError
from bocage.settings import RunSettings
from bocage.training.batches import CropModule, CropSource
from bocage.training.chips import ChipStore
from bocage.training.journal import KEPT, Journal, Progress
from bocage.training.precision import choose_precision
from bocage.training.state import STATE, WORKING, read_state, take_up
from bocage.training.task import SegmentationTask

_log = logging.getLogger("bocage")


def learn(
    network: nn.Module, run: RunSettings, crops: CropSource, validation: ChipStore | None, folder: Path, digest: str
) -> Progress:
    """Train to the end; the weights to keep lie in ``folder/training/kept.safetensors`` then.

    Parameters
    ----------
    network
        See :class:`~bocage.training.recipes.Network`.
    validation
        Chips to choose the best weights by, or None where the last ones are kept.
    digest
        Of all inputs: a state that other inputs left is not taken up.

    Raises
    ------
    TrainingError
        If the loss is not finite, a single crop does not fit into memory, or the state cannot be read.
    """
    working = folder / WORKING
    state = take_up(working, digest, KEPT)
    if state is not None:
        _log.info("run %s: going on after step %d", run.name, state["task"]["step"])
    try:
        task = SegmentationTask(network, run, state and state["task"])
    except RuntimeError as error:
        raise TrainingError(
            f"{working / STATE} is of another network: {str(error).splitlines()[0]}",
            f"remove {working} and run the same command again",
        ) from error
    journal = Journal(folder, run, validation, state and state["journal"])
    if journal.progress.stopped or task.first >= run.steps:
        return journal.progress
    with _quiet():
        trainer = lightning.Trainer(
            accelerator="gpu" if torch.cuda.is_available() else "cpu",
            devices=run.devices,
            strategy="ddp_spawn" if run.devices > 1 else "auto",
            sync_batchnorm=run.devices > 1 and torch.cuda.is_available(),
            use_distributed_sampler=False,
            precision=choose_precision(run, network),
            max_steps=run.steps - task.first,
            max_epochs=-1,
            reload_dataloaders_every_n_epochs=1,
            limit_val_batches=0,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=working,
            callbacks=[journal],
            # Lightning would otherwise take over the signals of a batch system that it finds itself in.
            plugins=[LightningEnvironment()],
        )
        try:
            trainer.fit(task, CropModule(crops))
        except SystemExit as error:
            if not journal.interrupted:
                raise
            # Lightning leaves interrupts switched off and exits; the command line has its own words for them.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt from error
    if run.devices > 1:
        # What other processes learnt is known from what they wrote.
        return Progress(**read_state(working)["journal"]["progress"])
    return journal.progress


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's advice to its own developers out of our log; its errors still show."""
    loggers = [logging.getLogger(name) for name in ("lightning", "lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\..*")
            warnings.filterwarnings("ignore", message=r".*num_workers.*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
