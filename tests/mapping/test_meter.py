import threading
from pathlib import Path

import pytest

from bocage.grid import Window
from bocage.mapping import meter
from bocage.mapping.meter import Meter, MeteredReader
from tests.mapping.fakes import FakeReader

AREA = Window(-70, 140, 180, 150)


@pytest.mark.skipif(not Path("/proc/thread-self/io").exists(), reason="THIS SYSTEM DOES NOT COUNT what a thread reads")
def test_bytes_are_those_of_the_work_and_of_no_other_thread(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.write_bytes(bytes(300_000))
    other.write_bytes(bytes(5_000_000))
    count = Meter()

    def read_both(path: Path) -> bytes:
        thread = threading.Thread(target=other.read_bytes)
        thread.start()
        thread.join()
        return path.read_bytes()

    assert len(count.count(read_both, mine)) == 300_000
    assert count.bytes is not None
    assert 300_000 <= count.bytes < 400_000
    with pytest.raises(FileNotFoundError):
        count.count(Path.read_bytes, tmp_path / "none")


def test_a_system_that_does_not_count_is_told_from_one_that_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "_COUNTS", Path("/nowhere/io"))
    count = Meter()
    reader = FakeReader("a", AREA)
    assert MeteredReader(reader, count).window == AREA
    assert MeteredReader(reader, count).read(AREA).valid.any()
    assert count.bytes is None
