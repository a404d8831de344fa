"""``bocage map --plan``: machines are those of the settings, and a plan says in words what its figures say."""

from pathlib import Path

import pytest
from tests.cli.conftest import Bocage

from bocage.cli.mapping import in_words
from bocage.mapping.machines import Load, Machine, estimate
from bocage.mapping.rates import Rates

MACHINES = '[[mapping.machines]]\nname = "gpu"\nfactor = 20\n'


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--plan", "--machine", "gpu"), "is not NAME=COUNT"),
        (("--plan", "--machine", "gpu=0"), "is not NAME=COUNT"),
        (("--plan", "--machine", "gpu=many"), "is not NAME=COUNT"),
        (("--plan", "--machine", "cpu=2"), "is no machine of the settings"),
        (("--machine", "gpu=2"), "give --plan"),
    ],
)
def test_a_machine_that_is_not_there_or_not_asked_for(
    bocage: Bocage, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    (tmp_path / "bocage.toml").write_text(MACHINES, encoding="utf-8")
    status, _, err = bocage("map", *options, "--project", tmp_path)
    assert status == 2
    assert words in " ".join(err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("machines", "words"),
    [
        (MACHINES + "chips_per_second = 5\n", "give one of them"),
        (MACHINES + MACHINES, "share a name"),
        (MACHINES + "price = 5\n", "is not a setting"),
        (MACHINES + "count = 0\n", "greater than or equal to 1"),
    ],
)
def test_settings_of_machines_that_cannot_be(bocage: Bocage, tmp_path: Path, machines: str, words: str) -> None:
    (tmp_path / "bocage.toml").write_text(machines, encoding="utf-8")
    status, _, err = bocage("map", "--plan", "--project", tmp_path)
    assert status == 1
    assert words in " ".join(err.split())


@pytest.mark.parametrize("options", [(), ("--plan",)])
def test_a_plan_is_made_in_a_process_like_that_of_the_run(
    bocage: Bocage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    kept: list[bool] = []
    monkeypatch.setattr("bocage.cli.mapping.keep_memory", lambda: kept.append(True))
    (tmp_path / "bocage.toml").write_text("", encoding="utf-8")
    status, _, _ = bocage("map", *options, "--project", tmp_path)
    assert (status, kept) == (1, [True])


def test_a_plan_in_words() -> None:
    found = estimate(Load(3, 7200, 10), [Machine("gpu", 2, 1, 1.0, price=3.0)])
    figures = {
        "tiles_to_map": 3, "tiles_done": 1, "scenes": 2, "observations": 4, "bytes": 2_000_000_000,
        "bytes_of_scenes": 4_000_000_000, "chips": 7200,
        "rates": Rates(1.0, 5e6, 0.9, "a test", 1, 2.0, 0.05).as_dict(), **found.as_dict(),
    }  # fmt: skip
    words = in_words(figures)
    assert words["tiles"] == "3 to map, 1 in place"
    assert words["to read"] == "2 GB, blocks that tiles share more than once; the scenes have 4 GB"
    assert words["2 x gpu"] == "2 workers, 2 chips/s, held up by inference"
    assert (
        words["measured"] == "1 chips/s a worker, 5 MB/s, efficiency 0.90, 2 s a tile, 0.05 s a scene of it, by a test"
    )
    assert words["time"] == "80 min, 8.00 EUR"
    assert in_words({**figures, "hours": 0.05})["time"].startswith("3.0 min")
    assert in_words({**figures, "hours": 0.002})["time"].startswith("7.2 s")
    nothing = in_words({**figures, "rates": None, "tiles_to_map": 0})
    assert nothing["time"] == "nothing to map"
