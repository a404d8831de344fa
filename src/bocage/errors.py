"""The one tree of errors that Bocage raises on purpose.

Each error names the scene, tile, setting or file, says what is wrong with it and how to mend it. Classes also inherit
the builtin that a Python caller would expect, so that ``except FileNotFoundError`` keeps working.
"""


class BocageError(Exception):
    """A refused input or a failed step, in words for the person who started it.

    Parameters
    ----------
    problem
        What is wrong, beginning with the name of the thing ("scenes/a.tif has no coordinate reference system").
    mend
        What the person can do about it, as an instruction ("assign one with gdal_edit").
    """

    def __init__(self, problem: str, mend: str = "") -> None:
        self.problem = problem
        self.mend = mend
        super().__init__(problem, mend)

    def __str__(self) -> str:
        return f"{self.problem}\n  mend: {self.mend}" if self.mend else self.problem

    def __reduce__(self) -> tuple[type["BocageError"], tuple[str, str]]:
        return type(self), (self.problem, self.mend)


class ProjectError(BocageError, FileNotFoundError):
    """The folder is not a project, or a stage was asked for before the one it reads from."""

    def __str__(self) -> str:
        return BocageError.__str__(self)


class SettingsError(BocageError, ValueError):
    """``bocage.toml`` cannot be read, holds an unknown key or a value out of range."""


class GridError(BocageError, ValueError):
    """A window, tile or resolution does not fit the lattice."""


class SceneError(BocageError, ValueError):
    """A delivery cannot be used: damaged, without georeference, bands unknown, stretched twice."""


class MetadataError(SceneError):
    """The metadata of a delivery cannot be read, contradict themselves or hold a value that cannot be true."""


class UnsupportedSensorError(SceneError):
    """The metadata are understood so far as to say that they are of a sensor which Bocage does not support."""


class LayerError(BocageError, ValueError):
    """A reference layer is missing, does not cover the area or holds codes that its table lacks."""


class SampleError(BocageError, ValueError):
    """No sample can be drawn or cut: empty frame, empty split, one class only."""


class ModelError(BocageError, ValueError):
    """A model package or checkpoint is damaged, of another architecture or for other bands."""


class TrainingError(BocageError, RuntimeError):
    """Training cannot start or does not converge to finite numbers."""


class MappingError(BocageError, RuntimeError):
    """Mapping cannot start, or tiles were quarantined."""


class FeatureError(BocageError, ValueError):
    """The mosaic cannot be turned into features."""


class ProductError(BocageError, ValueError):
    """A product cannot be written or breaks a rule of the service."""


class AccuracyError(BocageError, ValueError):
    """The sample for the assessment is empty or its responses are unusable."""


class StorageError(BocageError, OSError):
    """Writing failed: the disk is full or the folder is not writable. What was there before is untouched."""

    def __str__(self) -> str:
        return BocageError.__str__(self)


class MissingExtraError(BocageError, ImportError):
    """An optional part was asked for and is not installed."""

    def __str__(self) -> str:
        return BocageError.__str__(self)
