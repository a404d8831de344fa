"""A batch that does not fit into memory is learnt in parts, and the step stays what it was."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from bocage.errors import TrainingError
from bocage.project import Project
from bocage.training import train_models
from bocage.training.memory import is_out_of_memory
from bocage.training.task import SegmentationTask, clip
from tests.training.fakes import build, short_run
from tests.training.networks import HungryNetwork, TinyNetwork, same_weights, steady

_ALLOCATOR = "[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: not enough memory: you tried to allocate 9"
ERRORS = [RuntimeError(_ALLOCATOR), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")]


def _train(folder: Path, monkeypatch: pytest.MonkeyPatch, network: TinyNetwork, **changes: Any) -> dict[str, Any]:
    """Train in a project of its own and return the weights."""
    run = short_run(batch_size=8, steps=3, validate_every=2, select="last", **changes)
    monkeypatch.setattr("bocage.training.fitting.build_network", lambda *_, **__: network)
    project = build(folder, (run,))
    train_models(project)
    return load_file(project.models_folder / "slf" / "model.safetensors")


def _steady(error: RuntimeError, most: int) -> HungryNetwork:
    network = HungryNetwork(error, most, normalised=False)
    for drop in network.drops:
        drop.p = 0.0
    torch.manual_seed(0)
    network.load_state_dict(steady().state_dict())
    return network


@pytest.mark.parametrize("error", ERRORS, ids=["processor", "GPU"])
def test_halves_until_it_fits_and_the_step_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: RuntimeError
) -> None:
    caplog.set_level(logging.WARNING)
    hungry = _steady(error, most=3)
    parts = _train(tmp_path / "parts", monkeypatch, hungry, loss="cross_entropy")
    # 8 do not fit, 4 do not, 2 do; a later step does not try again what failed.
    assert hungry.sizes[:6] == [8, 4, 2, 2, 2, 2]
    assert set(hungry.sizes[2 : 2 + 3 * 4]) == {2}
    messages = [record.getMessage() for record in caplog.records if "does not fit" in record.getMessage()]
    assert len(messages) == 2
    assert "in parts of 2, a step stays one of 8 crops" in messages[1]
    whole = _train(tmp_path / "whole", monkeypatch, _steady(error, most=8), loss="cross_entropy")
    for name, tensor in whole.items():
        torch.testing.assert_close(parts[name], tensor, rtol=1e-3, atol=3e-5, msg=name)


def test_parts_are_the_same_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def network() -> HungryNetwork:
        torch.manual_seed(3)
        return HungryNetwork(ERRORS[0], most=5)

    first = _train(tmp_path / "one", monkeypatch, network())
    again = _train(tmp_path / "two", monkeypatch, network())
    assert same_weights(first, again)


def test_a_pass_that_failed_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Statistics of a normalisation move once per step, whatever was tried before."""
    hungry = HungryNetwork(ERRORS[0], most=4)
    _train(tmp_path, monkeypatch, hungry)
    assert hungry.sizes[0] == 8
    assert int(hungry.state_dict()["trunk.0.1.num_batches_tracked"]) == 3 * 2


def test_one_crop_that_does_not_fit_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrainingError, match="1 crops of 64 pixels do not fit into memory") as caught:
        _train(tmp_path, monkeypatch, HungryNetwork(ERRORS[0], most=0))
    assert "crop" in caught.value.mend


def test_a_kill_keeps_the_size_of_the_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    project = build(tmp_path, (short_run(batch_size=8, steps=4, validate_every=2),))
    _kill_after(project, 3, monkeypatch)
    caplog.clear()
    network = HungryNetwork(ERRORS[0], most=4)
    monkeypatch.setattr("bocage.training.fitting.build_network", lambda *_, **__: network)
    train_models(project)
    assert network.sizes[0] == 4
    assert not [record for record in caplog.records if "does not fit" in record.getMessage()]


def _kill_after(project: Project, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    learn = SegmentationTask._learn

    def watch(self: SegmentationTask, batch: Any) -> torch.Tensor:
        if self.step == step:
            raise MemoryError("killed")
        return learn(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(SegmentationTask, "_learn", watch)
        patch.setattr("bocage.training.fitting.build_network", lambda *_, **__: HungryNetwork(ERRORS[0], most=4))
        with pytest.raises(MemoryError):
            train_models(project)


def test_other_errors_are_not_taken_for_it() -> None:
    assert all(is_out_of_memory(error) for error in ERRORS)
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(MemoryError("of Python"))


@pytest.mark.parametrize("scale", [0.0, 1e-3, 0.1, 1.0, 1e4, float("nan")])
def test_gradients_are_clipped_as_torch_clips_them(scale: float) -> None:
    torch.manual_seed(5)
    ours = [scale * torch.randn(shape) for shape in ((3, 4), (7,), (2, 1, 5))]
    theirs = [torch.nn.Parameter(torch.zeros_like(one)) for one in ours]
    for one, parameter in zip(ours, theirs, strict=True):
        parameter.grad = one.clone()
    torch.nn.utils.clip_grad_norm_(theirs, 1.0)
    clip(ours)
    for one, parameter in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, parameter.grad, rtol=0, atol=0, equal_nan=True)
