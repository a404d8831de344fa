"""The settings of the learning curve: the ``[benchmark]`` section of the settings file."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from bocage.settings.run import RunSettings
from bocage.settings.section import Count, Positive, Section

# What an arm may have of its own: the model, what it begins with, and the recipe by which it learns. The rest is
# shared, so that the data, their variation, the loss and the number of steps are the same for all.
_OWN = frozenset(
    {
        "name",
        "backbone",
        "pretrained",
        "start",
        "recipe",
        "unfreeze",
        "learning_rate",
        "trunk_learning_rate",
        "layer_decay",
        "weight_decay",
        "self_training",
        "teachers",
    }
)
_ARMS = (
    RunSettings(name="forest_per_image", backbone="forest_per_image", select="last"),
    RunSettings(name="forest", backbone="forest", select="last"),
    RunSettings(name="unet_resnet50", backbone="resnet50", pretrained=False, select="last"),
    RunSettings(name="lite0_random", backbone="efficientnet_lite0", pretrained=False, select="last"),
    RunSettings(name="lite0_imagenet", backbone="efficientnet_lite0", select="last"),
)


class BenchmarkSettings(Section):
    """The learning curve: which models are compared, on how many annotations, and how often.

    An annotation is a square of ``unit`` metres of a training chip, of which ``minimum_decided`` or more has a label;
    without a unit it is a whole chip with any label. ``run`` is what the arms share; each arm names what it has of its
    own: its backbone, what that begins with, and the recipe by which it learns. Every arm trains for the same number of
    steps of as many crops, whatever the budget, and one with ``self_training`` for as many again in each of its rounds.

    ``factor`` and ``margin`` are those of the test "IoU of the candidate with N / factor annotations is that of the
    ``baseline`` with N, less the margin".
    """

    unit: Positive | None = None
    minimum_decided: Annotated[float, Field(gt=0, le=1)] = 0.5
    budgets: Annotated[tuple[Count, ...], Field(min_length=1)] = (5, 25, 125, 500)
    orders: Count = 5
    seed: Annotated[int, Field(ge=0)] = 0
    run: RunSettings = RunSettings(select="last")
    arms: tuple[RunSettings, ...] = _ARMS
    baseline: str = "unet_resnet50"
    factor: Annotated[float, Field(gt=1)] = 20.0
    margin: Annotated[float, Field(ge=0, lt=1)] = 0.01
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    resamples: Annotated[int, Field(ge=100)] = 2000
    workers: Count = 1

    @model_validator(mode="before")
    @classmethod
    def _arms_share_the_run(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        run = content.get("run", {})
        arms = content.get("arms", [arm.model_dump(exclude_unset=True) for arm in _ARMS])
        if not (isinstance(run, dict) and isinstance(arms, list | tuple)):
            # Settings that were made already share the run, and the fields refuse what is neither.
            return content
        shared = {"select": "last", **run}
        return content | {
            "run": shared,
            "arms": [{**shared, **arm} if isinstance(arm, dict) else arm for arm in arms],
        }

    @model_validator(mode="after")
    def _fair(self) -> Self:
        names = [arm.name for arm in self.arms]
        if len(set(names)) != len(names):
            raise ValueError(f"two arms share a name: {sorted(names)}")
        if self.baseline not in names:
            raise ValueError(f"baseline {self.baseline!r} is not an arm; they are {', '.join(names)}")
        if list(self.budgets) != sorted(set(self.budgets)):
            raise ValueError("budgets must rise")
        for arm in self.arms:
            if arm.select != "last":
                raise ValueError(
                    f"arm {arm.name!r} selects its weights by validation labels, which its budget does not count"
                )
            shared = set(RunSettings.model_fields) - _OWN
            unequal = sorted(name for name in shared if getattr(arm, name) != getattr(self.run, name))
            if unequal:
                raise ValueError(
                    f"arm {arm.name!r} has its own {', '.join(unequal)}; arms that are compared share them in "
                    "[benchmark.run]"
                )
        return self
