"""Deliveries in archives, as the service hands them out, and archives that nobody honest would make."""

import errno
import io
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bocage.errors import ProductError, StorageError
from bocage.products.conformance import Verdict, check_products
from tests.products.conformance.conftest import Copy
from tests.products.conformance.test_checking import PUBLISHED, told
from tests.products.conformance.well_formed import FM, SWF


def zipped(folder: Path, path: Path, below: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, f"{below}{file.relative_to(folder)}")
    return path


def by_rule(verdicts: list[Verdict], *outcomes: str) -> dict[str, str]:
    return {verdict.file: verdict.rule for verdict in verdicts if verdict.outcome in outcomes}


def test_an_archive_is_tested_like_the_folder_that_it_holds(copy: Copy, tmp_path: Path) -> None:
    folder = copy(2021)
    plain = check_products(folder)
    (tmp_path / "delivered").mkdir()
    archive = zipped(folder, tmp_path / "delivered" / "e43n30.zip", "e43n30/")
    for target, prefix in ((archive, "e43n30.zip/e43n30/"), (archive.parent, "e43n30.zip/e43n30/")):
        verdicts = check_products(target)
        assert told(verdicts, "error", "warning") == set()
        assert sorted((verdict.rule, verdict.outcome) for verdict in verdicts) == sorted(
            (verdict.rule, verdict.outcome) for verdict in plain
        )
        assert f"{prefix}{SWF}.tif" in {verdict.file for verdict in verdicts}


def test_tar_archives_and_archives_in_archives_are_tested(copy: Copy, tmp_path: Path) -> None:
    folder = copy(2021)
    (folder / f"{FM}.tif").write_bytes(b"not a raster")
    inner = zipped(folder, tmp_path / "inner.zip")
    outer = tmp_path / "outer.tar.gz"
    with tarfile.open(outer, "w:gz") as archive:
        archive.add(inner, "all/inner.zip")
    assert by_rule(check_products(outer), "error") == {f"outer.tar.gz/all/inner.zip/{FM}.tif": "file.readable"}


def test_nothing_of_an_archive_stays_behind(copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(room))
    archive = zipped(copy(2021), tmp_path / "a.zip")
    check_products([archive, archive])
    assert list(room.iterdir()) == []


def hostile(name: str, mode: int = 0o100644) -> Callable[[zipfile.ZipFile], None]:
    def write(archive: zipfile.ZipFile) -> None:
        member = zipfile.ZipInfo("placeholder")
        member.filename = name
        member.external_attr = mode << 16
        archive.writestr(member, b"II*\0")

    return write


def twice(archive: zipfile.ZipFile) -> None:
    for _ in range(2):
        archive.writestr(f"{SWF}.tif", b"II*\0")


def huge(archive: zipfile.ZipFile) -> None:
    archive.writestr("a.tif", bytes(1000))
    archive.filelist[0].file_size = 10**12


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("write", "words"),
    [
        (hostile("../../escaped.tif"), "may lead out of the archive"),
        (hostile("/escaped.tif"), "may lead out of the archive"),
        (hostile("a/..\\escaped.tif"), "may lead out of the archive"),
        (hostile("link.tif", 0o120777), "a link or device"),
        (twice, "two members of the name"),
        (huge, "100 times its size"),
        (lambda archive: None, "holds no file"),
        (hostile(".hidden.tif"), "holds no file"),
    ],
)
def test_hostile_archives_are_unreadable_and_write_nothing(
    write: Callable[[zipfile.ZipFile], None], words: str, copy: Copy, tmp_path: Path
) -> None:
    folder = copy(2021)
    with zipfile.ZipFile(folder / "bad.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        write(archive)
    before = sorted(path for path in tmp_path.rglob("*"))
    for target in (folder, folder / "bad.zip"):
        verdicts = check_products(target)
        assert by_rule(verdicts, "error") == {"bad.zip": "file.readable"}
        assert words in next(verdict.detail for verdict in verdicts if verdict.file == "bad.zip")
    assert sorted(path for path in tmp_path.rglob("*")) == before
    assert not list(Path(tmp_path.anchor).glob("escaped.tif"))


def test_damaged_and_endless_archives_are_unreadable(copy: Copy, tmp_path: Path) -> None:
    archive = zipped(copy(2021), tmp_path / "a.zip")
    content = bytearray(archive.read_bytes())
    content[200:260] = bytes(60)
    archive.write_bytes(content)
    assert by_rule(check_products(archive), "error") == {"a.zip": "file.readable"}
    archive.write_bytes(archive.read_bytes()[:-400])
    assert by_rule(check_products(archive), "error") == {"a.zip": "file.readable"}
    inner = b""
    for _ in range(5):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as nested:
            nested.writestr("a.zip", inner)
        inner = buffer.getvalue()
    archive.write_bytes(inner)
    (verdict,) = check_products(archive)
    assert (verdict.file, verdict.outcome) == ("a.zip/a.zip/a.zip/a.zip", "error")
    assert "too deep" in verdict.detail


def test_a_fault_of_an_archive_is_told_with_its_own_mend(copy: Copy, tmp_path: Path) -> None:
    archive = zipped(copy(2021), tmp_path / "a.zip")
    content = bytearray(archive.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 8] |= 1  # the flag of encryption of the first member
    archive.write_bytes(content)
    (verdict,) = check_products(archive)
    assert "is encrypted" in verdict.detail
    assert verdict.mend == "deliver it without a password"


def test_damaged_archives_of_one_name_are_told_one_by_one(tmp_path: Path) -> None:
    archives = [tmp_path / year / "e43n30.zip" for year in ("2018", "2021")]
    for archive in archives:
        archive.parent.mkdir()
        archive.write_bytes(b"damaged")
    assert [verdict.outcome for verdict in check_products(archives)] == ["error", "error"]


def test_a_disk_without_room_is_no_fault_of_the_archive(
    copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = zipped(copy(2021), tmp_path / "a.zip")
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    with monkeypatch.context() as patch:
        patch.setattr("bocage.products.conformance.archives.shutil.disk_usage", lambda _: usage)
        with pytest.raises(StorageError, match=r"(?s)has room for 100.*set TMPDIR"):
            check_products(archive)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("bocage.products.conformance.archives.shutil.copyfileobj", full)
    with pytest.raises(StorageError, match=r"no more room for what a\.zip holds"):
        check_products(archive)


def test_files_of_other_formats_are_told_and_companions_are_not(copy: Copy, tmp_path: Path) -> None:
    folder = copy(2021)
    (folder / "readme.txt").write_text("hello")
    (folder / "old.img").write_bytes(b"")
    (folder / f"{SWF}.tfw").write_text("5")
    notes = [verdict for verdict in check_products(folder) if verdict.rule == "file.other"]
    assert [(verdict.outcome, verdict.detail) for verdict in notes] == [
        ("information", "2 files are left out: old.img, readme.txt")
    ]
    (tmp_path / "unrelated").mkdir()
    (tmp_path / "unrelated" / "readme.txt").touch()
    with pytest.raises(ProductError, match=r"only files of other formats \(1\)"):
        check_products(tmp_path / "unrelated")


@pytest.mark.real
def test_published_archives_get_the_verdicts_of_what_they_hold(data_folder: Path) -> None:
    found: dict[str, dict[str, str]] = {}
    for verdict in check_products(data_folder / "clms"):
        own = found.setdefault(verdict.file, {})
        if verdict.outcome not in {"pass", "not tested"}:
            own[verdict.rule] = verdict.outcome
    # The same files, unpacked by hand: there each archive is a folder of its name.
    expected = {
        file if "/" not in file else f"{file.partition('/')[0]}.zip/{file.partition('/')[2]}": rules
        for file, rules in PUBLISHED.items()
    }
    assert found == expected
