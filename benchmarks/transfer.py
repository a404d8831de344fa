"""Few annotations with a model that has learnt trees elsewhere as the start, and with self-training.

A model of trees in Californian cities is trained from ImageNet's weights on points of trees. With it as the start, and
with self-training, the Ohio example is learnt from 25 squares of 153.6 m and from all 86 of them, beside the U-Net from
scratch, which gets the same recipe of self-training in an arm of its own.

    python benchmarks/transfer.py [--json] [--folder DIR] [--budgets A,B] [--orders N] [--arms a,b] [--no-train]

The folder keeps the Californian model and the cells of the curve, so that a benchmark that was interrupted goes on. It
needs the imagery in ``BOCAGE_DATA``.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import rasterio
from imitations import data_folder
from learning_curve import EXAMPLE, measure, print_scores
from numpy.typing import NDArray

from bocage.errors import SettingsError
from bocage.files import write_text

# Of the Californian labels: metres from the nearest point of a tree, and the index of vegetation, which is that of the
# bytes, smoothed over a metre. A crown's edge is unknown, so a ring around each point is undecided.
CROWN, WIDE_CROWN, NEAR, FAR = 2.4, 5.0, 6.0, 10.0
GREEN, NOT_GREEN, BARE = 0.15, 0.10, -0.05
SMOOTH = 1.5
OTHER, TREE, UNKNOWN = 0, 1, 255

# An equal-area projection of California, whose tiles lie in two zones. Two cities are kept apart.
CALIFORNIA = """# Trees in Californian cities: airborne imagery of 0.6 m (USDA NAIP, public domain), labels from points
# of trees (Ventura et al. 2024, CC BY 4.0).

[project]
name = "california"

[grid]
crs = "EPSG:3310"
resolution = 1.2
tile_size = 1500.0
cell_size = 30000.0

[scenes]
paths = ["${BOCAGE_DATA}/california/images/*.tif"]
bands = ["red", "green", "blue", "nir"]
stretch = "none"

[[reference.layers]]
kind = "classes"
paths = ["points/*.tif"]
tree = [1]
ignore = [255]

[samples]
count = 1000
cell_size = 614.4
minimum_valid = 0.005
split = "scenes"
test_scenes = [{chico}]
validation_scenes = [{eureka}]

[[training.runs]]
name = "trees"
backbone = "efficientnet_lite0"
steps = 500
batch_size = 8
crop = 96
learning_rate = 2e-3
trunk_learning_rate = 2e-4
average = 0.98
select = "last"
zoom = 1.5
exchange = 0.3
"""
BENCHMARK = """[benchmark]
unit = 153.6
budgets = [25, 86]
factor = 3.44
orders = 5
workers = 2
baseline = "{baseline}"

[benchmark.run]
steps = 300
batch_size = 8
crop = 128
learning_rate = 2e-3
average = 0.98
"""
BASELINES = ("unet_resnet50", "unet_self_trained")
UNET = 'backbone = "resnet50"\npretrained = false\ntrunk_learning_rate = 5e-4\nlayer_decay = 0.7\n'
LITE0 = 'backbone = "efficientnet_lite0"\ntrunk_learning_rate = 2e-4\n'
START = 'start = "california/models/trees"\n'
AGAIN = "self_training = 1\nteachers = 3\n"
ARMS = {
    "unet_resnet50": UNET,
    "unet_self_trained": UNET + AGAIN,
    "lite0_imagenet": LITE0,
    "lite0_self_trained": LITE0 + AGAIN,
    "lite0_california": LITE0 + START,
}


def label(image: NDArray[np.uint8], points: NDArray[np.float64], pixel: float) -> NDArray[np.uint8]:
    """Return a label (rows, columns) of an image (4, rows, columns), given points of trees (n, 2) in pixels.

    A tree is what lies close to a point, or less close and is green; something else is what lies far from all, or less
    far and is not green, or is bare. The rest is unknown. All trees of a tile have a point.
    """
    red, infrared = image[0].astype(np.float32), image[3].astype(np.float32)
    index = cv2.GaussianBlur((infrared - red) / np.maximum(infrared + red, 1), (0, 0), SMOOTH)
    far = np.full(image.shape[1:], np.inf, np.float32)
    if len(points):
        columns, rows = np.clip(points.astype(int), 0, np.array(image.shape[:0:-1]) - 1).T
        free = np.ones(image.shape[1:], np.uint8)
        free[rows, columns] = 0
        far = np.asarray(cv2.distanceTransform(free, cv2.DIST_L2, 5), np.float32) * pixel
    result = np.full(image.shape[1:], UNKNOWN, np.uint8)
    result[((far > NEAR) & (index < NOT_GREEN)) | (far > FAR) | (index < BARE)] = OTHER
    result[((far <= CROWN) | ((far <= WIDE_CROWN) & (index > GREEN))) & (index >= BARE)] = TREE
    return result


def prepare_california(folder: Path, data: Path) -> None:
    """Write the labels of the Californian tiles and the settings of their project."""
    (folder / "points").mkdir(parents=True, exist_ok=True)
    tiles = sorted((data / "california" / "images").glob("*.tif"))
    text = CALIFORNIA
    for city in ("chico", "eureka"):
        names = ", ".join(f'"{path.stem}"' for path in tiles if path.stem.startswith(f"{city}_"))
        text = text.replace(f"{{{city}}}", names)
    if _is_there(folder / "bocage.toml", text):
        return
    for path in tiles:
        with (data / "california" / "trees" / f"{path.stem}.csv").open(encoding="utf-8", newline="") as file:
            points = np.array([(row["x"], row["y"]) for row in csv.DictReader(file)], np.float64).reshape(-1, 2)
        with rasterio.open(path) as source:
            labels = label(source.read(), points, source.res[0])
            place = {"crs": source.crs, "transform": source.transform}
        rows, columns = labels.shape
        form = {"driver": "GTiff", "width": columns, "height": rows, "count": 1, "dtype": "uint8", "nodata": UNKNOWN}
        with rasterio.open(folder / "points" / path.name, "w", **form, **place) as target:
            target.write(labels, 1)
    write_text(folder / "bocage.toml", text)


def prepare(folder: Path, baseline: str) -> None:
    """Write the settings of the Ohio project: those of the example with another benchmark."""
    text = (EXAMPLE / "bocage.toml").read_text(encoding="utf-8")
    head, rest = text.partition("[benchmark]\n")[::2]
    # What the example says of its own benchmark stands before it.
    lines = head.rstrip().splitlines()
    while lines[-1].startswith("#"):
        lines.pop()
    arms = "".join(f'\n[[benchmark.arms]]\nname = "{name}"\n{arm}' for name, arm in ARMS.items())
    own = "\n".join([*lines, BENCHMARK.replace("{baseline}", baseline)]) + f"{arms}\n{rest[rest.index('[mapping]') :]}"
    known = {own.replace(f'baseline = "{baseline}"', f'baseline = "{one}"') for one in BASELINES}
    if not any(_is_there(folder / "bocage.toml", one, refuses=False) for one in known):
        _is_there(folder / "bocage.toml", own)
    write_text(folder / "bocage.toml", own)


def _is_there(path: Path, text: str, *, refuses: bool = True) -> bool:
    """Return whether a file holds that text; another text in its place is refused, since its figures would be others.

    Raises
    ------
    SettingsError
        If it holds another text, unless that is only asked.
    """
    if not path.is_file():
        return False
    same = path.read_text(encoding="utf-8") == text
    if not same and refuses:
        raise SettingsError(f"{path} is of other settings than these", "name another --folder")
    return same


def compare(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Train what is missing, and return the score of the Californian model, the table and what it says."""
    california = folder / "california"
    if not arguments.no_train:
        prepare_california(california, data_folder())
        bocage = [sys.executable, "-m", "bocage", "run", "--project", str(california), "--json", "--until", "train"]
        subprocess.run(bocage, stdout=subprocess.DEVNULL, check=True)
    receipt = json.loads((california / "models" / "trees" / "training.json").read_text(encoding="utf-8"))
    given = arguments.arms.split(",") if arguments.arms else list(ARMS)
    options = ["--budgets", arguments.budgets, "--orders", str(arguments.orders)]
    look = ["--no-train"]
    if not arguments.no_train:
        prepare(folder, BASELINES[0])
        measure(folder, [*options, "--arms", ",".join(given)], pretrains=False)
    # Who has trained twice is compared with a U-Net that has, too.
    again, beside = [name for name in given if AGAIN in ARMS[name]], {}
    if BASELINES[1] in again and len(again) > 1:
        prepare(folder, BASELINES[1])
        twice = measure(folder, [*options, "--arms", ",".join(again), *look], pretrains=False)
        beside = {"verdicts_beside_unet_self_trained": twice["verdicts"]}
    # Last, so that the page in the folder is that of all arms.
    prepare(folder, BASELINES[0])
    figures = measure(folder, [*options, "--arms", ",".join(given), *look], pretrains=False)
    result = {name: figures[name] for name in ("table", "verdicts", "missing") if name in figures} | beside
    return {"rival_ratio": _ratio(result["table"]), "california_iou": receipt["figures"]["test"]["iou"], **result}


def _ratio(table: list[dict[str, str]]) -> float | None:
    """Return the IoU of self-trained ImageNet weights with the fewest annotations over that of the U-Net with most."""
    few = [row for row in table if row["model"] == "lite0_self_trained" and row["iou"]]
    many = [row for row in table if row["model"] == BASELINES[0] and row["iou"]]
    return round(float(few[0]["iou"]) / float(many[-1]["iou"]), 3) if few and many else None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", type=Path, help="a temporary one without it")
    parser.add_argument("--budgets", default="25,86")
    parser.add_argument("--orders", type=int, default=5)
    parser.add_argument("--arms")
    parser.add_argument("--no-train", action="store_true", help="only print what is in the folder")
    arguments = parser.parse_args()
    if arguments.no_train and arguments.folder is None:
        parser.error("--no-train needs the --folder that holds the cells")
    os.environ.setdefault("BOCAGE_DATA", str(data_folder()))
    with tempfile.TemporaryDirectory() as temporary:
        figures = compare(arguments, arguments.folder or Path(temporary) / "transfer")
    if arguments.json:
        print(json.dumps(figures))
        return
    print(f"the Californian model in a city that it never saw: IoU {figures['california_iou']:.3f}")
    print_scores(figures["table"], 30)
    for name in ("verdicts", "verdicts_beside_unet_self_trained"):
        for words in figures.get(name, {}).values():
            print(words)


if __name__ == "__main__":
    main()
