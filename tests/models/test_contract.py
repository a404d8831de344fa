"""The contract: what does not suit a trunk is an error before it is a number."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bocage.errors import ModelError
from bocage.models import BACKBONES, build_network
from bocage.models.contract import InputContract
from bocage.models.probe import Probe
from bocage.scenes.bands import BANDS
from bocage.training.reconstruction import Reconstruction

CONTRACT = InputContract(largest=512)


def _valid(images: torch.Tensor) -> torch.Tensor:
    return torch.ones(len(images), *images.shape[2:], dtype=torch.bool)


@given(rows=st.integers(1, 20), columns=st.integers(1, 20))
def test_multiples_within_the_limits_are_taken_and_nothing_else(rows: int, columns: int) -> None:
    images = torch.zeros(1, 4, 32 * rows, 32 * columns, dtype=torch.uint8)
    if max(rows, columns) <= 16:
        CONTRACT.check(images, _valid(images))
    else:
        with pytest.raises(ModelError, match="does not suit this network"):
            CONTRACT.check(images, _valid(images))
    odd = images[:, :, :-1]
    with pytest.raises(ModelError, match="does not suit this network"):
        CONTRACT.check(odd, _valid(odd))


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), "not of 4 bands"),
        (torch.zeros(4, 64, 64, dtype=torch.uint8), "not of 4 bands"),
        (torch.rand(1, 4, 64, 64), "divided already"),
        (torch.rand(1, 4, 64, 64) * 10000, "are not bytes"),
        (torch.full((1, 4, 64, 64), 3000, dtype=torch.int16), "are not bytes"),
        (torch.full((1, 4, 64, 64), float("nan")), "are not bytes"),
        (torch.full((1, 4, 64, 64), -3000.0), "are not bytes"),
        (torch.linspace(-2.1, 2.6, 4 * 64 * 64).reshape(1, 4, 64, 64), "are not bytes"),
        (torch.full((1, 4, 64, 64), 300.0), "are not bytes"),
        (torch.full((1, 4, 64, 64), -5, dtype=torch.int8), "are not bytes"),
        (torch.zeros(1, 4, 64, 80, dtype=torch.uint8), "an edge of 80 pixels"),
    ],
)
def test_other_bands_sizes_and_scales_are_refused_whatever_the_backbone(images: torch.Tensor, words: str) -> None:
    for entry in BACKBONES.values():
        with pytest.raises(ModelError, match=words):
            entry.contract.check(images, torch.ones(len(images), *images.shape[-2:], dtype=torch.bool))


def test_every_way_into_a_trunk_asks_the_contract() -> None:
    network = build_network("efficientnet_lite0", pretrained=False)
    pretraining = Reconstruction(network)
    images, valid = torch.rand(1, 4, 64, 64), torch.ones(1, 64, 64, dtype=torch.bool)
    for forward in (
        network,
        network.features,
        lambda *given: pretraining(*given, torch.zeros(1, 4, 64, 64, dtype=torch.bool)),
        Probe(network),
    ):
        with pytest.raises(ModelError, match="divided already"):
            forward(images, valid)


def test_validity_is_true_or_false() -> None:
    with pytest.raises(ModelError, match="is not true or false"):
        CONTRACT.check(torch.zeros(1, 4, 64, 64), torch.ones(1, 64, 64))


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(1, 4, 64, 64),
        torch.ones(1, 4, 64, 64),
        torch.rand(1, 4, 64, 64) * 255,
        torch.randint(0, 2, (1, 4, 64, 64), dtype=torch.int16),
        torch.zeros(0, 4, 64, 64),
    ],
)
def test_bytes_of_any_number_type_are_taken_dark_ones_too(images: torch.Tensor) -> None:
    CONTRACT.check(images, _valid(images))


def test_validity_has_the_shape_of_the_images() -> None:
    with pytest.raises(ModelError, match="does not go with"):
        CONTRACT.check(torch.zeros(2, 4, 64, 64), torch.ones(2, 64, 32, dtype=torch.bool))


def test_bands_are_those_of_the_reader_in_its_order() -> None:
    CONTRACT.check_bands(BANDS)
    with pytest.raises(ModelError, match="nir, red, green, blue do not suit"):
        CONTRACT.check_bands(("nir", "red", "green", "blue"))


def test_a_contract_for_other_bands_or_of_other_lengths_cannot_be_made() -> None:
    with pytest.raises(ModelError, match="no image of Bocage has the bands swir"):
        InputContract(bands=("red", "swir"), mean=(0, 0), std=(1, 1))
    with pytest.raises(ModelError, match="one mean"):
        InputContract(bands=("red", "nir"))


def test_satlas_takes_bytes_by_255_and_nothing_else() -> None:
    contract = BACKBONES["satlas_aerial_si"].contract
    assert (contract.bands, set(contract.mean), set(contract.std)) == (("red", "green", "blue"), {0.0}, {1.0})
