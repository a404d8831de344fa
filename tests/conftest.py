"""Fixtures that every room shares."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The first example of a law may load a library; no test asserts a time.
settings.register_profile("bocage", deadline=None)
settings.load_profile("bocage")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The real imagery, or a loud skip: nothing of it is in the repository."""
    folder = Path(os.environ.get("BOCAGE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"REAL DATA ABSENT: {folder} is not there; set BOCAGE_DATA to run the tests on real imagery")
    return folder
