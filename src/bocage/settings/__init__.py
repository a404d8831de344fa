"""The settings of a project, one section per stage, as they stand in ``bocage.toml``.

An unknown key is an error: a misspelt setting that is silently ignored costs a production its week.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from bocage.settings.benchmark import BenchmarkSettings as BenchmarkSettings
from bocage.settings.context import ContextSettings as ContextSettings
from bocage.settings.machine import MachineSettings as MachineSettings
from bocage.settings.place import MapFolder
from bocage.settings.products import ProductsSettings as ProductsSettings
from bocage.settings.run import RunSettings as RunSettings
from bocage.settings.section import Count, Positive, Section, Share

BandName = Literal["red", "green", "blue", "nir", "other"]


class ProjectSettings(Section):
    """What the project is called."""

    name: str = "bocage"


class GridSettings(Section):
    """The working lattice."""

    crs: str = "EPSG:3035"
    resolution: Positive = 2.0
    tile_size: Positive = 10_000.0
    cell_size: Positive = 100_000.0

    @field_validator("crs")
    @classmethod
    def _in_metres(cls, crs: str) -> str:
        from pyproj import CRS  # a field that is not given is not validated, so most starts do without the import
        from pyproj.exceptions import CRSError

        try:
            known = CRS.from_user_input(crs)
        except CRSError as error:
            raise ValueError("PROJ knows no such coordinate reference system; set one such as EPSG:3035") from error
        if not known.is_projected:
            raise ValueError(f"{known.name} is not projected, and pixels are squares of metres; set one that is")
        # A height of a compound system may have a unit of its own; the lattice is flat.
        units = {axis.unit_name for axis in known.axis_info[:2] if axis.unit_conversion_factor != 1}
        if units:
            raise ValueError(f"{known.name} counts in {', '.join(sorted(units))}; set a system in metres")
        return crs

    @model_validator(mode="after")
    def _whole_pixels(self) -> Self:
        for name, size in (("tile_size", self.tile_size), ("cell_size", self.cell_size)):
            pixels = size / self.resolution
            if abs(pixels - round(pixels)) > 1e-4:
                problem = f"{name} {size} m is not a whole number of {self.resolution} m pixels"
                raise ValueError(f"{problem}; {self._nearest()}")
        if abs(self.cell_size / self.tile_size - round(self.cell_size / self.tile_size)) > 1e-9:
            problem = f"cell_size {self.cell_size} m is not a multiple of tile_size {self.tile_size} m"
            raise ValueError(f"{problem}; {self._nearest()}")
        return self

    def _nearest(self) -> str:
        """Return sizes near those given that fit the pixels and each other, in words.

        They are kilometres where the pixels allow it, since products begin on kilometres.
        """
        pixel = Fraction(str(self.resolution))
        kilometres = Fraction(lcm(pixel.numerator, 1000 * pixel.denominator), pixel.denominator)
        step = kilometres if kilometres <= 2 * self.tile_size else pixel
        tile = max(round(Fraction(self.tile_size) / step), 1) * step
        cell = max(round(Fraction(self.cell_size) / tile), 1) * tile
        return f"sizes near by that fit: tile_size = {float(tile):.10g}, cell_size = {float(cell):.10g}"


class AreaSettings(Section):
    """The area to work on: a rectangle in the grid's units, or all that the scenes cover."""

    bbox: tuple[float, float, float, float] | None = None

    @model_validator(mode="after")
    def _holds_area(self) -> Self:
        if self.bbox is not None and not (self.bbox[0] < self.bbox[2] and self.bbox[1] < self.bbox[3]):
            raise ValueError("bbox is left, bottom, right, top, with left < right and bottom < top")
        return self


class ScenesSettings(Section):
    """Where the scenes lie and how they become 8 bits."""

    paths: tuple[str, ...] = ("scenes/*",)
    bands: tuple[BandName, ...] | None = None
    stretch: Literal["percentile", "minmax", "reflectance", "none"] = "percentile"
    percentiles: tuple[Share, Share] = (0.005, 0.995)
    harmonise: Literal["none", "histogram", "invariant"] = "none"
    clouds: Literal["delivered", "detect"] = "delivered"
    mask_saturated: bool = False
    verify: Literal["structure", "pixels"] = "structure"

    @model_validator(mode="after")
    def _low_first(self) -> Self:
        if self.percentiles[0] >= self.percentiles[1]:
            raise ValueError("percentiles are two shares of 0 to 1, the low one first")
        return self

    @model_validator(mode="after")
    def _bytes_mean_one_thing(self) -> Self:
        if self.harmonise != "none" and self.stretch in {"reflectance", "none"}:
            raise ValueError(
                f'harmonise = "{self.harmonise}" changes the stretch of each scene, and with stretch = '
                f'"{self.stretch}" the bytes would no longer mean the same in every scene; drop one of the two'
            )
        return self


LayerKind = Literal[
    "classes",
    "tree_cover_density",
    "small_woody_features",
    "small_woody_density",
    "canopy_height",
    "crop_types",
    "clc_backbone",
    "worldcover",
    "forest_mask",
    "crop_mask",
    "urban",
    "environmental_zones",
]


class LayerSettings(Section):
    """A reference layer: its kind decides what its values mean and how they vote.

    ``paths`` are rasters, folders, patterns, archives as delivered (``a.zip``, or ``a.zip!/member*.tif`` for some of
    its rasters), indexes of tiles (GeoParquet, GeoPackage, GeoJSON or CSV with a column of paths) and vector files of
    polygons; local or ``s3://``.

    ``tree``, ``other`` and ``ignore`` are the code table of a map of one's own (``classes``). Without ``other`` every
    code that is not listed is no tree; with it the table is complete, and a code outside it is an error. A code of both
    ``tree`` and ``ignore`` is ignored. ``environmental_zones`` takes ``other`` as the list of zones of one's own.

    ``release`` is that of canopy height, "v1" by default; in "v2" a height of 0 is unknown, since it also marks what
    was never imaged, and enters no mean. Of polygons ``column`` names the column of codes, and ``background`` is the
    code of the ground between them within their extent; without it that ground is unknown.

    ``licence`` and ``attribution`` go into the card of the dataset.
    """

    kind: LayerKind
    paths: tuple[str, ...]
    year: int | None = None
    licence: str | None = None
    attribution: str | None = None
    release: Literal["v1", "v2"] | None = None
    tree: tuple[int, ...] = ()
    other: tuple[int, ...] = ()
    ignore: tuple[int, ...] = ()
    column: str | None = None
    background: int | None = None

    @model_validator(mode="after")
    def _codes(self) -> Self:
        if self.kind == "classes" and not self.tree:
            raise ValueError('a layer of kind "classes" needs tree = [codes that mean tree]')
        tables = {"classes": ("tree", "other", "ignore"), "environmental_zones": ("other", "ignore")}
        lists = {"tree": self.tree, "other": self.other, "ignore": self.ignore}
        for name, codes in lists.items():
            if codes and name not in tables.get(self.kind, ()):
                raise ValueError(
                    f'{name} is a code table, and a layer of kind "{self.kind}" has its own; use kind "classes" for a '
                    "map of your own"
                )
        if twice := sorted(set(self.other) & {*self.tree, *self.ignore}):
            raise ValueError(f"codes {twice} of other are in tree or ignore, too; list each once")
        return self

    @model_validator(mode="after")
    def _of_the_kind(self) -> Self:
        if self.release is not None and self.kind != "canopy_height":
            raise ValueError('release is of layers of kind "canopy_height" only')
        return self


class ReferenceSettings(Section):
    """The layers that the labels are fused from, how they are fused, and the thresholds of the vote.

    ``method`` is "rules", points of evidence from a table with a reason for each, or "latent", which learns from the
    agreement of three or more layers how often each one errs. ``tree_height``, ``ground_height`` (metres) and
    ``dense_cover`` (per cent) are the thresholds of the rules; the second method starts from them.

    ``year`` is the year that the labels describe; without it that of the newest layer that names its year. A layer of
    another year votes weaker: a pixel is taken to have changed with the probability ``yearly_change`` in each year
    between. The second method needs no such assumption.

    ``anchor`` is how much the rules count beside the agreement of the layers while the second method learns; 0 leaves
    agreement alone. ``certainty`` is the probability from which it decides; it is lowered where a smaller share than
    ``least_decided`` would be decided of the pixels at which a layer speaks that knows trees and open ground. The rules
    use none of the three.
    """

    layers: tuple[LayerSettings, ...] = ()
    corrections: str | None = None
    method: Literal["rules", "latent"] = "rules"
    tree_height: Positive = 3.0
    ground_height: Positive = 1.0
    dense_cover: Annotated[int, Field(ge=1, le=100)] = 50
    year: int | None = None
    yearly_change: Annotated[float, Field(ge=0, lt=0.5)] = 0.01
    anchor: Annotated[float, Field(ge=0, le=10)] = 0.5
    certainty: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    least_decided: Share = 0.9

    @model_validator(mode="after")
    def _ground_below_trees(self) -> Self:
        if self.ground_height >= self.tree_height:
            raise ValueError(
                f"ground_height {self.ground_height} m is not below tree_height {self.tree_height} m: what is lower "
                "than the one is no tree, what reaches the other is one"
            )
        return self


class SamplesSettings(Section):
    """How many cells are drawn, how large, and how they are split.

    ``minimum_per_stratum`` holds as far as a stratum has cells; where ``count`` is too small for it, each stratum gets
    1 and the rest is shared. Fewer samples than strata are refused. ``allocation`` shares the count by their size, by
    size and ``deviations`` (a CSV with the columns stratum and deviation; without it the tree shares of the label
    tiles) or by size to the ``power``.

    ``minimum_distance`` and ``buffer`` are metres from edge to edge: between any two drawn cells, and between the
    test and the rest. Without a ``buffer`` it is one cell, and 0 where ``split`` is "scenes". Where they leave no room
    for ``count`` cells fewer are drawn, with a warning; a stratum or split that they would leave empty is refused.

    Strata are zone x sensor x urban or rural. ``zones`` and ``urban`` name a layer in any form that
    ``[[reference.layers]]`` takes, read with the codes of the kinds ``environmental_zones`` and ``urban``. Without them
    the registered layers of these kinds serve, the newest first; where there is none either, all ground is one zone,
    and rural. Zones of one's own are registered, with ``other = [codes]``.
    """

    count: Count = 10_000
    cell_size: Positive = 2560.0
    seed: int = 0
    minimum_valid: Share = 0.5
    minimum_per_stratum: Count = 2
    allocation: Literal["proportional", "neyman", "power"] = "proportional"
    power: Share = 0.5
    deviations: str | None = None
    minimum_distance: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    split: Literal["blocks", "scenes"] = "blocks"
    block_size: Positive = 10_240.0
    buffer: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    test_share: Share = 0.1
    validation_share: Share = 0.1
    test_scenes: tuple[str, ...] = ()
    validation_scenes: tuple[str, ...] = ()
    zones: str | None = None
    urban: str | None = None

    @model_validator(mode="after")
    def _every_split_has_a_share(self) -> Self:
        # Whole scenes are split by name, whatever the shares are.
        if self.split == "blocks":
            for name, share in (("test_share", self.test_share), ("validation_share", self.validation_share)):
                if share == 0:
                    raise ValueError(
                        f"{name} is 0, and no split may be empty: training chooses by validation, and the "
                        "map is assessed on the test; set a share above 0"
                    )
            if self.test_share + self.validation_share >= 1:
                raise ValueError(
                    f"test_share {self.test_share} and validation_share {self.validation_share} leave nothing to train "
                    "with; let the two sum to less than 1"
                )
        return self


class TrainingSettings(Section):
    """The training runs; mapping uses the one that ``mapping.model`` names."""

    runs: Annotated[tuple[RunSettings, ...], Field(min_length=1)] = (RunSettings(),)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [run.name for run in self.runs]
        if len(set(names)) != len(names):
            raise ValueError(f"two runs share a name: {sorted(names)}")
        return self


class PretrainingSettings(Section):
    """Pretraining of a backbone on scenes without labels.

    ``patch`` is the edge in pixels of the squares that are hidden, ``hidden`` their share of a crop, ``apart``
    the share of crops in which each band has holes of its own. ``crop`` is a multiple of both the patch and 32.
    ``keep_test_unseen`` leaves out the scenes and the ground of test and validation.
    """

    steps: Count = 2000
    batch_size: Count = 16
    crop: Annotated[int, Field(ge=64, multiple_of=32)] = 128
    patch: Annotated[int, Field(ge=4)] = 8
    hidden: Annotated[float, Field(gt=0, lt=1)] = 0.6
    apart: Share = 0.5
    learning_rate: Positive = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    validate_every: Count = 200
    keep_test_unseen: bool = True
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _patches_fit(self) -> Self:
        patches = (self.crop // self.patch) ** 2
        if self.crop % self.patch:
            raise ValueError(f"crop {self.crop} is not a multiple of patch {self.patch}; set one that is")
        if not 0 < round(self.hidden * patches) < patches:
            raise ValueError(
                f"hidden {self.hidden} of the {patches} patches of a crop hides none or all of them; set another "
                "share, or a smaller patch"
            )
        return self


class MappingSettings(Section):
    """How the probability mosaic is made, and where it lies.

    ``model`` is a training run, or the path or ``s3://`` URL of a model package. ``folder`` is where the tiles and
    their receipts are written and read: a folder of its own, or ``s3://bucket/prefix``, which is reached by the
    ``AWS_*`` variables of the environment.

    ``runtime`` is what does the model's arithmetic. "auto" is torch where there is a GPU, else OpenVINO where it is
    installed (``pip install "bocage[openvino]"``) and takes the network, else torch. ``precision`` "bf16" is up to
    twice as fast where the machine has it, and gives another map (decision 21).

    A tile that fails, or whose worker dies, is tried ``tries`` times and then quarantined. A worker that has been at
    one tile for more than ``hang_minutes`` is replaced; 0 is never. One worker that maps up to 16 tiles shares the
    process of the command, where nothing can replace it. ``bocage map --plan`` reckons with the ``machines``.
    """

    model: str = "slf"
    folder: MapFolder = "map"
    chip: Annotated[int, Field(ge=64, multiple_of=32)] = 512
    overlap: Annotated[float, Field(ge=0, le=0.5)] = 0.25
    batch_size: Count = 4
    runtime: Literal["auto", "torch", "openvino"] = "auto"
    precision: Literal["32", "bf16"] = "32"
    engine: Literal["local", "ray"] = "local"
    workers: Annotated[int, Field(ge=0)] = 0
    tries: Count = 3
    hang_minutes: Annotated[float, Field(ge=0)] = 0.0
    machines: tuple[MachineSettings, ...] = ()

    @model_validator(mode="after")
    def _machines_have_names(self) -> Self:
        names = [machine.name for machine in self.machines]
        if len(set(names)) != len(names):
            raise ValueError(f"two machines share a name: {sorted(names)}")
        return self


class FeaturesSettings(Section):
    """From probability to features."""

    profile: Literal["2015", "2018", "2021", "2024"] = "2021"
    threshold: Share = 0.5
    resolution: Positive = 5.0
    context: ContextSettings = ContextSettings()


class AccuracySettings(Section):
    """What the map is compared with, and the size of the sample."""

    reference: LayerSettings | None = None
    population: Literal["area", "test"] = "test"
    count: Count = 1000
    minimum_per_stratum: Count = 100
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    seed: int = 0


class Settings(Section):
    """All settings of a project; every section has defaults."""

    project: ProjectSettings = ProjectSettings()
    grid: GridSettings = GridSettings()
    area: AreaSettings = AreaSettings()
    scenes: ScenesSettings = ScenesSettings()
    reference: ReferenceSettings = ReferenceSettings()
    samples: SamplesSettings = SamplesSettings()
    training: TrainingSettings = TrainingSettings()
    pretraining: PretrainingSettings = PretrainingSettings()
    benchmark: BenchmarkSettings = BenchmarkSettings()
    mapping: MappingSettings = MappingSettings()
    features: FeaturesSettings = FeaturesSettings()
    products: ProductsSettings = ProductsSettings()
    accuracy: AccuracySettings = AccuracySettings()
