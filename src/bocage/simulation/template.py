"""The settings file of a simulated project."""

from __future__ import annotations

_TEXT = """\
# A simulated landscape: {size:.0f} x {size:.0f} m of Central European farmland, six takes of four sensor families,
# four reference layers with the faults of the real ones, and the exact truth in truth/.

[project]
name = "demo"

# The working lattice: the European reference grid at 2 m. Tiles are small so that a laptop shows several of them.
[grid]
crs = "EPSG:3035"
resolution = 2.0
tile_size = {tile:.0f}
cell_size = {cell:.0f}

# left, bottom, right, top in metres.
[area]
bbox = [{left:.0f}, {bottom:.0f}, {right:.0f}, {top:.0f}]

# Each folder holds a scene as its maker delivers it, with metadata that name the bands. Every band is stretched to
# 8 bits by its own percentiles.
[scenes]
paths = ["scenes/*"]
stretch = "percentile"

# The layers that the labels 0 / 1 / 255 are fused from.
[[reference.layers]]
kind = "tree_cover_density"
paths = ["layers/tcd.tif"]
year = 2021

[[reference.layers]]
kind = "small_woody_features"
paths = ["layers/swf.tif"]
year = 2018

[[reference.layers]]
kind = "canopy_height"
paths = ["layers/chm.tif"]
year = 2019

[[reference.layers]]
kind = "crop_types"
paths = ["layers/cty.tif"]
year = 2021

# Cells of 640 m are drawn; cells of one block share a split, so that no ground lies in two splits.
[samples]
count = 160
cell_size = 640
block_size = 1280
test_share = 0.2
validation_share = 0.15
seed = 1

# Two runs to compare: a small pretrained encoder, and the classic one.
[[training.runs]]
name = "slf"
backbone = "efficientnet_lite0"
steps = 300
batch_size = 8
crop = 128
validate_every = 75

[[training.runs]]
name = "unet-resnet50"
backbone = "resnet50"
pretrained = false   # no ImageNet weights of it come with the program
steps = 40
batch_size = 4
crop = 128
validate_every = 20

[mapping]
model = "slf"
chip = 256

[features]
profile = "2021"

# What features grow beside tells their type. These layers hold all there is here: no line means no stream.
[features.context]
streams = ["layers/streams.gpkg"]
roads = ["layers/roads.gpkg"]
fields = ["layers/fields.gpkg"]
built_up = ["layers/built_up.gpkg"]
complete = ["streams", "roads", "fields", "built_up"]

[products]
organisation = "Bocage demo"   # INSPIRE asks for a contact
email = "demo@example.org"

# The truth of the landscape is complete: 1 where a tree or shrub stands.
[accuracy]
count = 600
population = "test"     # only ground that training never saw

[accuracy.reference]
kind = "classes"
paths = ["truth/woody.tif"]
tree = [1]
year = 2021
"""


def settings_text(left: float, bottom: float, size: float) -> str:
    """Return the commented ``bocage.toml`` of a simulated square."""
    return _TEXT.format(
        size=size, left=left, bottom=bottom, right=left + size, top=bottom + size, tile=2000, cell=100_000
    )
