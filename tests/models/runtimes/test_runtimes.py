"""Every runtime gives the map of every other: real networks, seeded, with probabilities from 0 to 1."""

import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from bocage.errors import MissingExtraError, ModelError
from bocage.models import TorchSegmenter, build_network
from bocage.models.runtimes import Precision, Runtime, choose_runtime
from bocage.models.runtimes.torch import TorchRuntime
from bocage.scenes import BANDS

EDGE = 64


def images_of(count: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Images of patches and noise; the first is whole, the others have holes and a missing side."""
    rng = np.random.default_rng(seed)
    coarse = np.kron(rng.integers(1, 200, (count, 4, EDGE // 8, EDGE // 8)), np.ones((1, 1, 8, 8), dtype=int))
    images = (coarse + rng.integers(0, 56, coarse.shape)).astype(np.uint8)
    valid = np.ones((count, EDGE, EDGE), dtype=np.bool_)
    for index in range(1, count):
        valid[index, :, : 5 * index % EDGE] = False
        valid[index] &= rng.random((EDGE, EDGE)) < 0.98
    images *= valid[:, np.newaxis]
    return images, valid


@cache
def network_of(backbone: str) -> nn.Module:
    """A network whose layers are normalised as after training, and whose logits spread over -6 to 6."""
    torch.manual_seed(0)
    network = build_network(backbone, pretrained=False)
    images, valid = (torch.from_numpy(array) for array in images_of(4, seed=9))
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    with torch.no_grad():
        for norm in norms:
            norm.momentum = None
            norm.reset_running_stats()
        network.train()(images, valid)
        logit = network.eval()(images, valid)
        scale, shift = 3 / logit.std(), logit.mean()
        network.decoder.head.weight.mul_(scale)
        assert network.decoder.head.bias is not None
        network.decoder.head.bias.sub_(shift).mul_(scale)
    return network


@cache
def runtime_of(backbone: str, name: str, precision: Precision = "32") -> Runtime:
    if name == "openvino":
        pytest.importorskip(
            "openvino", reason='OPENVINO ABSENT: pip install "bocage[openvino]" to test the runtime "openvino"'
        )
    return choose_runtime(
        network_of(backbone), "torch" if name == "torch" else "openvino", precision=precision, edge=EDGE
    )


@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "resnet50"])
def test_runtimes_agree_within_2_of_255(backbone: str) -> None:
    images, valid = images_of(5)
    with torch.inference_mode():
        plain = torch.sigmoid(network_of(backbone)(torch.from_numpy(images), torch.from_numpy(valid))).numpy()
    assert plain[valid].min() < 0.02
    assert plain[valid].max() > 0.98
    assert ((plain > 0.1) & (plain < 0.9)).mean() > 0.1, "few pixels could show a difference"
    for name in ("torch", "openvino"):
        found = runtime_of(backbone, name).run(images, valid)
        assert found.dtype == np.float32
        assert np.abs(found - plain).max() * 255 < 2, name


@pytest.mark.parametrize("name", ["torch", "openvino"])
@settings(deadline=None, max_examples=8)
@given(st.permutations(range(5)), st.integers(1, 5), st.integers(0, 3))
def test_image_does_not_depend_on_its_batch(name: str, order: list[int], size: int, seed: int) -> None:
    """Law 2, to the last bit: any order, any batch size, with a remainder."""
    runtime = runtime_of("efficientnet_lite0", name)
    images, valid = images_of(5, seed)
    whole = runtime.run(images, valid)
    for start in range(0, 5, size):
        part = order[start : start + size]
        np.testing.assert_array_equal(runtime.run(images[part], valid[part]), whole[part])


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_image_does_not_depend_on_what_other_threads_ask(name: str) -> None:
    """Law 2, to the last bit: more threads at once than the runtime has lanes for, with batches of other sizes."""
    runtime = runtime_of("efficientnet_lite0", name)
    images, valid = images_of(5)
    whole = runtime.run(images, valid)
    parts = [slice(first, first + size) for size in (1, 2, 3, 4, 5) for first in range(5)]
    with ThreadPoolExecutor(runtime.at_once + 1) as threads:
        found = list(threads.map(lambda part: runtime.run(images[part], valid[part]), parts))
    for part, answer in zip(parts, found, strict=True):
        np.testing.assert_array_equal(answer, whole[part])


def test_a_call_that_fails_leaves_the_runtime_as_it_was() -> None:
    runtime = runtime_of("efficientnet_lite0", "openvino")
    images, valid = images_of(3)
    before = runtime.run(images, valid)
    for _ in range(runtime.at_once + 1):
        with pytest.raises(Exception, match=r"(?i)shape|channel|dimension"):
            runtime.run(images[:, :3], valid)
    np.testing.assert_array_equal(runtime.run(images, valid), before)


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_value_of_an_invalid_pixel_does_not_matter(name: str) -> None:
    runtime = runtime_of("efficientnet_lite0", name)
    images, valid = images_of(2)
    other = np.where(valid[:, np.newaxis], images, 255).astype(np.uint8)
    np.testing.assert_array_equal(runtime.run(images, valid), runtime.run(other, valid))


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_images_of_other_shapes_and_views_are_taken(name: str) -> None:
    images, valid = images_of(2)
    runtime, plain = runtime_of("efficientnet_lite0", name), runtime_of("efficientnet_lite0", "torch")
    images, valid = images[:, :, :32, ::-1], valid[:, :32, ::-1]
    assert not images.flags.c_contiguous
    assert np.abs(runtime.run(images, valid) - plain.run(images, valid)).max() * 255 < 2
    read_only = np.broadcast_to(np.uint8(9), (1, 4, 32, 32))
    assert runtime.run(read_only, np.ones((1, 32, 32), np.bool_)).shape == (1, 32, 32)


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_bf16_is_another_map_and_says_so(name: str) -> None:
    images, valid = images_of(2)
    exact = runtime_of("resnet50", name)
    try:
        rough = runtime_of("resnet50", name, "bf16")
    except ModelError as error:
        pytest.skip(f"NO BF16: {error.problem}")
    assert exact.name.endswith("32 bits")
    assert rough.name.endswith("16 bits")
    difference = np.abs(exact.run(images, valid) - rough.run(images, valid))
    assert 0 < difference.mean() * 255 < 20
    segmenter = TorchSegmenter(network_of("resnet50"), bands=BANDS, resolution=2.0, digest="a" * 64)
    assert segmenter.prepare("torch").digest == "a" * 64
    assert segmenter.prepare("torch", precision="bf16").digest != "a" * 64


def test_batches_of_a_gpu_are_filled_up_to_one_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, ...]] = []

    def compile_(forward: object, **options: object) -> object:
        assert options == {"mode": "reduce-overhead", "dynamic": False}

        def spy(images: Tensor, valid: Tensor) -> Tensor:
            shapes.append(tuple(images.shape))
            return forward(images, valid)  # type: ignore[operator,no-any-return]

        return spy

    monkeypatch.setattr(torch, "compile", compile_)
    images, valid = images_of(5)
    runtime = TorchRuntime(network_of("efficientnet_lite0"), compiled=True, whole=True)
    found = np.concatenate([runtime.run(images[part], valid[part]) for part in (slice(0, 3), slice(3, 5))])
    assert shapes == [(3, 4, EDGE, EDGE)] * 2
    plain = runtime_of("efficientnet_lite0", "torch").run(images, valid)
    assert np.abs(found - plain).max() * 255 < 1


class Stubborn(nn.Module):
    """Computes what cannot be traced."""

    def forward(self, images: Tensor, valid: Tensor) -> Tensor:
        raise TypeError("type Tensor doesn't define __round__ method")


def test_auto_takes_openvino_where_it_can(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    pytest.importorskip("openvino", reason='OPENVINO ABSENT: pip install "bocage[openvino]"')
    assert choose_runtime(network_of("efficientnet_lite0"), edge=EDGE).name.startswith("OpenVINO 20")
    with caplog.at_level(logging.WARNING, logger="bocage"):
        assert choose_runtime(Stubborn(), edge=EDGE).name.startswith("torch ")
    assert "OpenVINO does not take this network" in caplog.text
    with pytest.raises(ModelError, match=r"(?s)does not take this network.*mapping\.runtime"):
        choose_runtime(Stubborn(), "openvino", edge=EDGE)


def test_openvino_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.delitem(sys.modules, "bocage.models.runtimes.openvino", raising=False)
    assert choose_runtime(network_of("efficientnet_lite0"), edge=EDGE).name.startswith("torch ")
    with pytest.raises(MissingExtraError, match=r"bocage\[openvino\]"):
        choose_runtime(network_of("efficientnet_lite0"), "openvino", edge=EDGE)


def test_gpu_goes_before_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[dict[str, object]] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("bocage.models.runtimes.torch.TorchRuntime", lambda _, **options: chosen.append(options))
    choose_runtime(network_of("efficientnet_lite0"))
    assert chosen == [{"precision": "32", "compiled": True}]
