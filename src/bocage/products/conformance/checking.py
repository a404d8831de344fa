"""Testing products against every rule: the walk over files, layers and delivery units."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from pyogrio.errors import DataLayerError, DataSourceError
from rasterio.errors import RasterioError
from shapely.errors import GEOSException

from bocage.errors import ProductError
from bocage.products.conformance.archives import is_archive
from bocage.products.conformance.delivery import OWN_FOLDER, Source, find_sources
from bocage.products.conformance.delivery_rules import PAIR_RULES, UNIT_RULES, Drawn, Unit, pairs_of
from bocage.products.conformance.metadata import find_metadata
from bocage.products.conformance.metadata_rules import METADATA_RULES
from bocage.products.conformance.names import KINDS, Layer, parse_name
from bocage.products.conformance.naming_rules import NAMING_RULES, Named
from bocage.products.conformance.polygons import layer_names, read_polygons
from bocage.products.conformance.raster import open_raster
from bocage.products.conformance.raster_rules import RASTER_RULES
from bocage.products.conformance.rule import OWN, QC, Rule, judge_all, rule
from bocage.products.conformance.shape_rules import SHAPE_RULES
from bocage.products.conformance.table_rules import TABLE_RULES
from bocage.products.conformance.vector_rules import VECTOR_RULES
from bocage.products.conformance.verdict import Finding, Verdict
from bocage.progress import track

_VECTOR_FAULTS = (DataSourceError, DataLayerError, pa.ArrowException, GEOSException, OSError, ValueError)
_AGAIN = "deliver the file again"


@rule("file.readable", "error", "The file can be read to its end.", QC)
def _readable(fault: Finding | None) -> Finding | None:
    return fault


@rule("file.own", "information", f"What lies in folders {OWN_FOLDER} is no product of the service.", OWN)
def _own(files: list[str]) -> Finding | None:
    return _left_out(files)


@rule("file.other", "information", "Files are of a format that is tested, or belong to one that is.", OWN)
def _other(files: list[str]) -> Finding | None:
    return _left_out(files)


def _left_out(files: list[str]) -> Finding | None:
    if not files:
        return None
    count = "1 file is" if len(files) == 1 else f"{len(files)} files are"
    return Finding(f"{count} left out: {', '.join(files[:3])}{' ...' if len(files) > 3 else ''}", "")


FILE_RULES: tuple[Rule[Finding | None], ...] = (_readable,)
OWN_RULES: tuple[Rule[list[str]], ...] = (_own,)
OTHER_RULES: tuple[Rule[list[str]], ...] = (_other,)


def check_products(
    paths: Path | str | Iterable[Path | str], *, layer: str | None = None, year: int | None = None
) -> list[Verdict]:
    """Test products of the service, or such as claim to be, against every public rule.

    Parameters
    ----------
    paths
        Folders (with their subfolders), archives, single files or geodatabases. Archives, also such as lie in folders,
        are unpacked into a temporary folder.
    layer
        What the files are (``swf``, ``wvl``, ...), where their names do not say it; needs ``year``.
    year
        Product year whose rules are taken; by default that of each name.

    Returns
    -------
    list of Verdict
        One per file or delivery unit and rule, in the order of the files. A file whose name follows no pattern breaks
        "name.pattern" and is tested no further, since its name would say what it should be.

    Raises
    ------
    ProductError
        If a path is not there, or there is nothing to test, or no layer is called so.
    StorageError
        If the temporary folder has no room for what an archive holds.
    """
    places = [Path(place) for place in ([paths] if isinstance(paths, Path | str) else paths)]
    if layer is not None and year is None:
        raise ProductError("layer is given without a year", "say also which year it is of: --year 2021")
    if layer is not None and not any(kind.split()[0] == layer for kind in KINDS):
        known = ", ".join(dict.fromkeys(kind.split()[0] for kind in KINDS))
        raise ProductError(f"no layer is called {layer!r}", f"say one of {known}")
    verdicts: list[Verdict] = []
    with TemporaryDirectory(prefix="bocage-check-") as workspace:
        found = find_sources(places, Path(workspace))
        run = _Run(layer, year, any(place.is_dir() or is_archive(place.name) for place in places))
        for source in track(list(found.sources.values()), "checking products"):
            verdicts += run.raster(source) if source.raster else run.vectors(source)
        for shown, fault in found.unreadable:
            verdicts += judge_all(FILE_RULES, fault, shown, None)
        verdicts += run.across()
    if found.own:
        verdicts += judge_all(OWN_RULES, found.own, OWN_FOLDER, None)
    if found.others:
        verdicts += judge_all(OTHER_RULES, found.others, "other files", None)
    return verdicts


@dataclass(slots=True)
class _Run:
    """One check: what the caller said, and the delivery units so far."""

    layer: str | None
    year: int | None
    whole: bool
    units: dict[tuple[object, ...], Unit] = field(default_factory=dict)

    def raster(self, source: Source) -> Iterator[Verdict]:
        stem = source.path.stem
        if self.layer is None:
            said = parse_name(stem)
            yield from _judge_name(Named(source.path, stem, said, raster=True), source.shown)
            if said is None or said.pixel is None:
                return
            layer = self._by_year(said)
        else:
            layer = Layer(self.layer, "r5m", self._year, profile_of(self._year))
        try:
            file = open_raster(source.path, layer)
        except (RasterioError, OSError) as error:
            yield from judge_all(FILE_RULES, _fault(error, "it cannot be opened"), source.shown, layer)
            return
        if self.layer is not None:
            coarse = abs(file.transform.a) > 50  # the form that is nearer
            layer = self._forced(source, "r100m" if coarse else "r5m")
            file = replace(file, layer=layer)
            yield from _judge_name(Named(source.path, stem, layer, raster=True, forced=True), source.shown)
        yield from judge_all(FILE_RULES, None, source.shown, layer)
        yield from judge_all(RASTER_RULES, file, source.shown, layer)
        yield from judge_all(TABLE_RULES, file, source.shown, layer)
        epsg = file.epsg if file.epsg == (layer.epsg or file.epsg) else None
        metadata = find_metadata(source.path, stem, layer, source.top, file.bounds, epsg)
        yield from judge_all(METADATA_RULES, metadata, source.shown, layer)
        self._unit(layer).rasters.append(file)

    def vectors(self, source: Source) -> Iterator[Verdict]:
        try:
            names = layer_names(source.path)
        except _VECTOR_FAULTS as error:
            yield from self._unreadable(source, _fault(error, "it cannot be read"))
            return
        own = [name for name in names if parse_name(name) is not None]
        for name in names:
            shown = f"{source.shown}:{name}" if len(names) > 1 else source.shown
            # Among layers with names of the service one without is no second copy of the product.
            if own and name not in own and self.layer is None:
                yield from _judge_name(Named(source.path, name, None, raster=False), shown)
            else:
                yield from self._vector(source, name, shown)
        if not names:
            yield from self._unreadable(source, Finding("it holds no layer with geometries", _AGAIN))

    def _unreadable(self, source: Source, fault: Finding) -> Iterator[Verdict]:
        said = parse_name(source.path.stem)
        if said is None and self.layer is None:
            yield from _judge_name(Named(source.path, source.path.stem, None, raster=False), source.shown)
        yield from judge_all(FILE_RULES, fault, source.shown, None if said is None else self._by_year(said))

    def _vector(self, source: Source, name: str, shown: str) -> Iterator[Verdict]:
        inner = name if source.path.suffix.lower() in {".gpkg", ".gdb"} else ""
        # The tool reads the name of the layer; where that says nothing, the name of the file does.
        stem = inner if inner and parse_name(inner) is not None else source.path.stem
        said = parse_name(stem) if self.layer is None else self._forced(source, "vec")
        named = Named(source.path, stem, said, raster=False, inner=inner, forced=self.layer is not None)
        yield from _judge_name(named, shown)
        if said is None or said.pixel is not None:
            return
        layer = self._by_year(said)
        try:
            polygons = read_polygons(source.path, name, layer)
        except _VECTOR_FAULTS as error:
            yield from judge_all(FILE_RULES, _fault(error, "it cannot be read"), shown, layer)
            return
        yield from judge_all(FILE_RULES, None, shown, layer)
        yield from judge_all(VECTOR_RULES, polygons, shown, layer)
        yield from judge_all(SHAPE_RULES, polygons, shown, layer)
        epsg = polygons.epsg if polygons.epsg == (layer.epsg or polygons.epsg) else None
        metadata = find_metadata(source.path, stem, layer, source.top, polygons.bounds, epsg)
        yield from judge_all(METADATA_RULES, metadata, shown, layer)
        # Polygons are many: what the rules between layers need of them is their area.
        self._unit(layer).vectors.append(Drawn(source.path, layer, float(polygons.areas.sum())))

    def across(self) -> Iterator[Verdict]:
        """Judge the delivery units by the rules between layers."""
        for unit in self.units.values():
            for pair in pairs_of(unit):
                yield from judge_all(PAIR_RULES, pair, pair.vector.path.name, pair.vector.layer)
            yield from judge_all(UNIT_RULES, unit, unit.text, unit.layer)

    @property
    def _year(self) -> int:
        assert self.year is not None
        return self.year

    def _by_year(self, layer: Layer) -> Layer:
        """Return a layer under the rules that the caller asked for; its name stays one of its own year."""
        return layer if self.year is None else replace(layer, profile=profile_of(self.year))

    def _forced(self, source: Source, form: str) -> Layer:
        layer = Layer(self.layer or "", form, self._year, profile_of(self._year))
        if layer.kind not in KINDS:
            found = "polygons" if form == "vec" else f"a raster of {form.removeprefix('r')}"
            raise ProductError(f"{source.shown} holds {found}, and {self.layer} has no such form", "name another layer")
        return layer

    def _unit(self, layer: Layer) -> Unit:
        key = (layer.profile, layer.year, layer.since, *layer.place, layer.variable if layer.variable == "stl" else "")
        return self.units.setdefault(key, Unit(key, self.whole))


def profile_of(year: int) -> int:
    """Return the product year whose rules hold for a reference year: the next one, the last known ones after it."""
    return next((profile for profile in (2015, 2018, 2021) if year <= profile), 2021 if year < 2024 else 2024)


def _fault(error: Exception, otherwise: str) -> Finding:
    return Finding(str(error) or otherwise, _AGAIN)


def _judge_name(named: Named, shown: str) -> Iterator[Verdict]:
    rules = NAMING_RULES if named.layer is not None else NAMING_RULES[:1]
    yield from judge_all(rules, named, shown, named.layer)
