"""Where files of weights lie on this machine, and whether they are the files they are called.

They come with an installed package, from a folder that the person names in the environment variable ``BOCAGE_WEIGHTS``,
or from the cache that ``bocage models fetch`` fills.

Of most files a SHA-256 is known, of some only the eight leading digits that their publisher put into the name. Those
tell a file from any other by accident; they are no protection against a forger, and none is needed to read a file of
tensors. Where nothing is known, a file is taken only if its SHA-256 lies beside it as ``FILE.sha256``: fetching with
``--digest`` or ``--unverified`` writes that, or the person does, by ``sha256sum FILE > FILE.sha256``.

A file that the person puts into the folder and calls ``NAME.safetensors`` or ``NAME.pth`` after the backbone is theirs:
its digest is not compared, and it loads as strictly as any.
"""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from bocage.errors import ModelError
from bocage.files import digest_file
from bocage.models.backbone import Backbone

WEIGHTS_VARIABLE = "BOCAGE_WEIGHTS"
STATED = ".sha256"
_CACHE_VARIABLE = "XDG_CACHE_HOME"
_DIGITS = 64


def weights_folder() -> Path:
    """Return the folder that ``BOCAGE_WEIGHTS`` names, else the user's cache."""
    given = os.environ.get(WEIGHTS_VARIABLE, "")
    if given:
        return Path(given)
    cache = os.environ.get(_CACHE_VARIABLE, "")
    return (Path(cache) if cache else Path.home() / ".cache") / "bocage" / "weights"


def locate_weights(backbone: Backbone) -> Path | None:
    """Return where the weights of a backbone lie, unchecked, or None.

    A file that the person calls ``NAME.safetensors`` or ``NAME.pth`` in the folder goes before the published one.
    """
    weights, folder = backbone.weights, weights_folder()
    candidates = [folder / f"{backbone.name}.safetensors", folder / f"{backbone.name}.pth"]
    if weights.package:
        # Not installed, the folder may still hold the file.
        with suppress(ModuleNotFoundError):
            candidates.append(Path(str(files(weights.package))) / weights.member)
    candidates.append(folder / weights.file)
    return next((path for path in candidates if path.is_file()), None)


def find_weights(backbone: Backbone) -> Path:
    """Return where the weights of a backbone lie, after checking their digest.

    Raises
    ------
    ModelError
        If they are not there, altered, or a file of which nothing is known.
    """
    path = locate_weights(backbone)
    if path is None:
        raise _absent(backbone)
    check_digest(backbone, path)
    return path


def is_own(backbone: Backbone, path: Path) -> bool:
    """Return whether a file of weights is one that the person called by the backbone's name, not the published one."""
    return path.stem == backbone.name and path.name != backbone.weights.file


def check_digest(backbone: Backbone, path: Path) -> None:
    """Refuse a file whose SHA-256 is not the known one, or is unknown and not stated beside it.

    Raises
    ------
    ModelError
        If it is another, or nobody has said that it may be used.
    """
    weights = backbone.weights
    if is_own(backbone, path):
        # The person called it by the backbone's name: that is the statement asked for below.
        return
    again = (
        f"see which one it is: bocage models check {shlex.quote(str(path))}; or remove it and fetch the right one: "
        f"bocage models fetch {backbone.name}"
    )
    if weights.size is not None and path.stat().st_size != weights.size:
        raise ModelError(
            f"{path} is not the file that Bocage knows: {path.stat().st_size} bytes instead of {weights.size}",
            again,
        )
    stated = path.with_name(f"{path.name}{STATED}")
    said = stated.read_text(encoding="utf-8", errors="replace") if stated.is_file() else ""
    known = weights.digest or said[:_DIGITS].strip()
    if not known:
        raise ModelError(
            f"the publisher of {path.name} states no SHA-256, so nobody can tell whether {path} is that file",
            f"if you trust it, say so: sha256sum {path} > {stated}",
        )
    if not digest_file(path).startswith(known.lower()):
        raise ModelError(
            f"{path} is not the file that Bocage knows: its SHA-256 differs",
            again,
        )


def _absent(backbone: Backbone) -> ModelError:
    weights = backbone.weights
    mend = f"put {weights.file} there yourself, or set pretrained = false for this run"
    if weights.url:
        mend = f"run: bocage models fetch {backbone.name}, {mend}"
    return ModelError(f"no pretrained weights for {backbone.name}: {weights_folder() / weights.file} is missing", mend)
