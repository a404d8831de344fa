"""The segmenter: probabilities that do not depend on the batch."""

import numpy as np
import pytest
import torch

from bocage.errors import ModelError
from bocage.models import Segmenter, TorchSegmenter, build_network
from bocage.scenes import BANDS


@pytest.fixture(scope="module")
def segmenter() -> TorchSegmenter:
    torch.manual_seed(0)
    network = build_network("efficientnet_lite0", pretrained=False)
    return TorchSegmenter(network, bands=BANDS, resolution=2.0, digest="a" * 64)


def test_it_is_what_mapping_takes(segmenter: TorchSegmenter) -> None:
    assert isinstance(segmenter, Segmenter)
    assert segmenter.multiple == 32


def test_probabilities_do_not_depend_on_the_companions(segmenter: TorchSegmenter) -> None:
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (5, 4, 64, 64), np.uint8)
    valid = rng.random((5, 64, 64)) < 0.9
    together = segmenter.predict(images, valid)
    alone = np.concatenate([segmenter.predict(images[i : i + 1], valid[i : i + 1]) for i in range(5)])
    assert together.dtype == np.float32
    assert together.shape == (5, 64, 64)
    assert 0 <= together.min() < together.max() <= 1
    np.testing.assert_allclose(together, alone, atol=2e-4)


def test_a_read_only_view_is_taken(segmenter: TorchSegmenter) -> None:
    images = np.broadcast_to(np.uint8(9), (1, 4, 32, 32))
    assert segmenter.predict(images, np.ones((1, 32, 32), np.bool_)).shape == (1, 32, 32)


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_what_is_no_bytes_is_refused_whatever_runs_the_network(segmenter: TorchSegmenter, runtime: str) -> None:
    if runtime == "openvino":
        pytest.importorskip("openvino", reason='OPENVINO ABSENT: pip install "bocage[openvino]"')
        segmenter = segmenter.prepare("openvino", edge=64)
    images, valid = np.random.default_rng(1).random((1, 4, 64, 64)), np.ones((1, 64, 64), np.bool_)
    for wrong in (images, images.astype(np.float32), (images * 3000).astype(np.uint16), images.astype(np.int8)):
        with pytest.raises(ModelError, match="takes bytes"):
            segmenter.predict(wrong, valid)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="not true or false"):
        segmenter.predict((images * 255).astype(np.uint8), valid.astype(np.uint8) * 255)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="red, green, blue, nir"):
        segmenter.predict(images[0].astype(np.uint8), valid)


def test_other_bands_or_edges_are_refused(segmenter: TorchSegmenter) -> None:
    valid = np.ones((1, 64, 64), np.bool_)
    with pytest.raises(ModelError, match="3 bands"):
        segmenter.predict(np.zeros((1, 3, 64, 64), np.uint8), valid)
    with pytest.raises(ModelError, match="multiples of 32"):
        segmenter.predict(np.zeros((1, 4, 50, 64), np.uint8), valid[:, :50])
    with pytest.raises(ModelError, match="validity"):
        segmenter.predict(np.zeros((1, 4, 32, 32), np.uint8), valid)
