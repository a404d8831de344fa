"""The settings of one training run: a ``[[training.runs]]`` of the settings file."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bocage.settings.section import Count, Positive, Section, Share


class RunSettings(Section):
    """One training run: the backbone and what differs from the defaults.

    Beginning: the published weights of the trunk, or random ones where not ``pretrained``. ``start`` is a model to go
    on from instead, decoder and all: a training run, or the path or ``s3://`` URL of a package on the same backbone.

    Length and batch: ``steps`` of ``batch_size`` crops of ``crop`` pixels; a validation and the state to resume from
    every ``validate_every`` steps. ``select`` keeps the "best" weights of all validations or the "last" ones, which
    needs no validation labels. ``patience`` stops the run after that many validations without a better one; 0 never.

    Recipe: "full" trains all; "frozen" leaves the trunk as it is; "probe" is frozen with a linear head; "gradual"
    begins frozen and lets the trunk learn from its deepest part to its first at the steps of ``unfreeze``, by default
    evenly over the first half. ``trunk_learning_rate`` is that of the trunk, by default ``learning_rate``, and
    ``layer_decay`` multiplies it once more with every part nearer to the input (0.65 to 0.75 is usual, 1 is none).
    ``warm_up`` is the share of the steps in which the rates rise. ``average`` is what the average of the weights,
    which is what is kept, retains of itself at a step.

    Loss: "cross_entropy" or "cross_entropy_dice" over the decided pixels. ``weights`` names what a pixel counts by: the
    "confidence" of its label, the "sample" weight of its chip, both or neither. Pixels within ``boundary`` pixels of
    the other class are ignored.

    Variation of the crops: ``augmentation`` is the strength of that of light, ``zoom`` the largest factor by which a
    crop is enlarged or reduced, ``coarsen`` the largest factor by which one is made coarser and resampled back,
    ``band_dropout`` the share of crops that lose the near infrared (at least 3 % times ``augmentation``), and
    ``exchange`` of those that take on the histograms of another scene.

    ``self_training`` is how often networks that have learnt label the pixels that have no label, and another one learns
    from both, for as many steps again; 0 never. Half of the crops are then of the annotated ground. ``teachers`` is how
    many networks label together: what they say is their mean.

    ``precision`` is that of the network's arithmetic: "32", "bf16", or "auto", which is bf16 where machine and network
    are faster in it (decision 18). ``devices`` is how many GPUs (without any: processes) share a batch.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] = "slf"
    backbone: str = "efficientnet_lite0"
    pretrained: bool = True
    start: str = ""
    steps: Count = 2000
    batch_size: Count = 8
    crop: Annotated[int, Field(ge=64, multiple_of=32)] = 256
    validate_every: Count = 200
    select: Literal["best", "last"] = "best"
    patience: Annotated[int, Field(ge=0)] = 0
    recipe: Literal["full", "frozen", "probe", "gradual"] = "full"
    unfreeze: tuple[Count, ...] = ()
    learning_rate: Positive = 1e-3
    trunk_learning_rate: Positive | None = None
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    warm_up: Annotated[float, Field(ge=0, lt=1)] = 0.15
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2
    average: Share = 0.99
    loss: Literal["cross_entropy", "cross_entropy_dice"] = "cross_entropy_dice"
    weights: tuple[Literal["confidence", "sample"], ...] = ()
    boundary: Annotated[int, Field(ge=0, le=2)] = 0
    augmentation: Annotated[float, Field(ge=0, le=2)] = 1.0
    zoom: Annotated[float, Field(ge=1, le=4)] = 1.0
    coarsen: Annotated[float, Field(ge=1, le=8)] = 1.0
    band_dropout: Share = 0.0
    exchange: Share = 0.0
    self_training: Annotated[int, Field(ge=0, le=5)] = 0
    teachers: Annotated[int, Field(ge=1, le=20)] = 1
    precision: Literal["auto", "32", "bf16"] = "auto"
    devices: Count = 1
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.select == "last" and self.patience:
            raise ValueError('patience counts validations, and select = "last" makes none; drop one of the two')
        if self.unfreeze and self.recipe != "gradual":
            raise ValueError('unfreeze is of recipe = "gradual" only')
        if list(self.unfreeze) != sorted(set(self.unfreeze)) or any(step >= self.steps for step in self.unfreeze):
            raise ValueError(f"unfreeze is rising steps below steps = {self.steps}")
        if self.batch_size % self.devices:
            raise ValueError(f"batch_size {self.batch_size} is not a multiple of devices {self.devices}")
        if self.self_training and "confidence" in self.weights:
            raise ValueError(
                'self_training labels pixels of which no confidence is known; drop "confidence" from weights'
            )
        if self.recipe == "gradual" and self.devices > 1:
            raise ValueError('recipe = "gradual" changes what learns as it goes, which needs devices = 1')
        return self
