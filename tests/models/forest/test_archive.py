"""The package of a forest: what is saved is what is loaded; anything else is refused in words."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load
from torch import Tensor

from bocage.errors import ModelError
from bocage.files import digest_file
from bocage.models import ModelDescription, load_model, read_description, save_package
from bocage.models.forest import ARCHITECTURE, FORESTS
from bocage.models.forest.archive import open_forest, pack, tensors_of
from bocage.models.forest.growing import Forest
from bocage.models.forest.segmenter import ForestSegmenter
from bocage.scenes.bands import BANDS
from tests.models.forest.scenery import QUICK, scenery


def _grown(backbone: str) -> ForestSegmenter:
    chips = [(*scenery(seed), scene) for seed, scene in ((0, "a"), (1, "a"), (2, "b"))]
    return Forest.fit(chips, per_image=backbone == "forest_per_image", seed=0, resolution=1.2, recipe=QUICK)


def _describe(backbone: str) -> ModelDescription:
    return ModelDescription(
        name="rival",
        backbone=backbone,
        architecture=ARCHITECTURE,
        framework="scikit-learn",
        bands=BANDS,
        resolution=1.2,
        stretch="percentile",
        chip=128,
    )


@pytest.fixture(scope="module", params=FORESTS)
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ForestSegmenter]:
    folder = tmp_path_factory.mktemp(request.param)
    model = _grown(request.param)
    save_package(folder, tensors_of(model), _describe(request.param))
    return folder, model


def _open(tensors: Mapping[str, Tensor], resolution: float = 1.2) -> ForestSegmenter:
    description = replace(_describe("forest"), resolution=resolution)
    return open_forest(Path("model.safetensors"), tensors, description, "")


def test_a_loaded_forest_predicts_as_the_saved_one(package: tuple[Path, ForestSegmenter]) -> None:
    folder, model = package
    loaded = load_model(folder)
    images = np.stack([scenery(seed)[0] for seed in (2, 8)])
    valid = np.ones((2, 40, 40), np.bool_)
    np.testing.assert_array_equal(loaded.predict(images, valid), model.predict(images, valid))
    assert (loaded.bands, loaded.resolution, loaded.stretch, loaded.multiple) == (BANDS, 1.2, "percentile", 1)
    assert loaded.digest == model.digest == digest_file(folder / "model.safetensors")


def test_the_item_says_what_it_is(package: tuple[Path, ForestSegmenter]) -> None:
    folder, _ = package
    properties = json.loads((folder / "model.json").read_text(encoding="utf-8"))["properties"]
    assert properties["mlm:architecture"] == "GEOBIA forest"
    assert properties["mlm:framework"] == "scikit-learn"
    assert properties["bocage:multiple"] == 1
    assert read_description(folder)[0].backbone in FORESTS


def test_a_tampered_file_is_refused(package: tuple[Path, ForestSegmenter], tmp_path: Path) -> None:
    folder, _ = package
    for name in ("model.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    content = bytearray((tmp_path / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="damaged or was altered"):
        load_model(tmp_path)


def test_what_is_no_forest_is_refused(package: tuple[Path, ForestSegmenter]) -> None:
    _, model = package
    tensors = load(pack(model))
    assert pack(_open(tensors)) == pack(model)
    with pytest.raises(ModelError, match="holds no forest"):
        _open({})
    with pytest.raises(ModelError, match="holds no forest"):
        _open({name: tensor for name, tensor in tensors.items() if name != "0.value"})
    with pytest.raises(ModelError, match="decision trees"):
        _open(tensors | {"0.children": tensors["0.children"] + 10**6})
    with pytest.raises(ModelError, match=r"grown at 1\.2 m"):
        _open(tensors, resolution=0.6)


def test_features_of_another_version_are_refused(
    package: tuple[Path, ForestSegmenter], monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = tensors_of(package[1])
    monkeypatch.setattr("bocage.models.forest.archive.VERSION", 0)
    with pytest.raises(ModelError, match="features of version"):
        _open(tensors)


def test_the_digest_follows_all_that_predictions_depend_on(package: tuple[Path, ForestSegmenter]) -> None:
    _, model = package
    recipe = replace(model.recipe, smallest=model.recipe.smallest + 1)
    assert pack(replace(model, recipe=recipe)) != pack(model)
