from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bocage.errors import SceneError
from bocage.scenes.deliveries import archive as module
from bocage.scenes.deliveries.archive import open_archive
from tests.object_store import ObjectStore
from tests.scenes.deliveries.images import tar_folder, zip_folder

KINDS = ("x.zip", "x.tar", "x.tar.gz", "x.tgz", "X.ZIP", "X.TAR")


def make(folder: Path, name: str) -> Path:
    content = folder / "content"
    for inner in ("DIM.XML", "a b/IMG ü.TIF", ".hidden", "__MACOSX/.x"):
        (content / inner).parent.mkdir(parents=True, exist_ok=True)
        (content / inner).write_text(inner * 1000)
    (content / "noise.bin").write_bytes(np.random.default_rng(0).bytes(5000))
    return (zip_folder if name.lower().endswith(".zip") else tar_folder)(content, folder / name)


def write_zip(path: Path, *names: str | zipfile.ZipInfo, content: bytes = b"1") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in names:
            target.writestr(name, content)
    return path


def write_tar(path: Path, *members: tarfile.TarInfo | str) -> Path:
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as target:
        for member in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            target.addfile(info, io.BytesIO(bytes(info.size)))
    return path


@pytest.mark.parametrize("name", KINDS)
def test_an_archive_is_a_tree_of_files(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    files = open_archive(str(path))
    assert files.names == ("DIM.XML", "a b/IMG ü.TIF", "noise.bin")
    assert files.root == str(path)
    assert files.read("a b/IMG ü.TIF").decode() == "a b/IMG ü.TIF" * 1000
    assert files.head("DIM.XML", 10) == b"DIM.XMLDIM"
    assert files.read_range("DIM.XML", 6995, 100) == b"M.XML"[-5:]
    assert files.read_range("DIM.XML", 70_000, 1) == b""
    assert files.state("DIM.XML").size == 7000
    assert files.href("DIM.XML") == f"{path}!/DIM.XML"
    with pytest.raises(SceneError, match=r"DIM\.TXT is not there"):
        files.read("DIM.TXT")
    with pytest.raises(SceneError, match="more than 6999 bytes"):
        files.read("DIM.XML", limit=6999)


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz"])
def test_an_archive_in_a_store_reads_the_same(tmp_path: Path, object_store: ObjectStore, name: str) -> None:
    path = make(tmp_path, name)
    here, there = open_archive(str(path)), open_archive(object_store.put(f"in/{name}", path))
    assert there.names == here.names
    assert there.href("DIM.XML") == f"{object_store.url}/in/{name}!/DIM.XML"
    assert all(there.read(inner) == here.read(inner) for inner in here.names)


@pytest.mark.parametrize(
    "name",
    ["../x.tif", "a/../../x.tif", "/etc/passwd", "a\\x.tif", "C:/x.tif", "c:x.tif", "a//x.tif", "a/./x", "a\nb", ".."],
)
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str, kind: str) -> None:
    path = (write_zip if kind == "zip" else write_tar)(tmp_path / f"x.{kind}", "good.tif", name)
    with pytest.raises(SceneError, match="may lead out of the archive"):
        open_archive(str(path))


def test_a_name_that_is_cut_by_a_zero_byte_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", "goodXtif")
    path.write_bytes(path.read_bytes().replace(b"goodXtif", b"good\0tif"))
    with pytest.raises(SceneError, match="may lead out of the archive"):
        open_archive(str(path))


@pytest.mark.parametrize("mode", [0o120777, 0o020666, 0o010666])
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, mode: int) -> None:
    info = zipfile.ZipInfo("link.tif")
    info.create_system = 3
    info.external_attr = mode << 16
    with pytest.raises(SceneError, match=r"link\.tif, a link or device"):
        open_archive(str(write_zip(tmp_path / "x.zip", info, content=b"/etc/passwd")))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
@pytest.mark.parametrize("ending", ["tar", "tgz"])
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes, ending: str) -> None:
    info = tarfile.TarInfo("link.tif")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(SceneError, match=r"link\.tif, a link, device"):
        open_archive(str(write_tar(tmp_path / f"x.{ending}", info)))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    for path in (
        write_zip(tmp_path / "x.zip", "a.tif", "b.tif", "a.tif"),
        write_tar(tmp_path / "x.tar", "a.tif", "b.tif", "./a.tif"),
    ):
        with pytest.raises(SceneError, match=r"two members of the name a\.tif"):
            open_archive(str(path))


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", "a.tif")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(SceneError, match="is encrypted"):
        open_archive(str(path))


def test_a_compression_that_gdal_does_not_read_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_LZMA) as target:
        target.writestr("a.tif", b"1")
    with pytest.raises(SceneError, match=r"a\.tif in a compression"):
        open_archive(str(tmp_path / "x.zip"))


def test_a_zip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zip(tmp_path / "x.zip", "a.tif", content=bytes(4 << 20))
    assert open_archive(str(path)).names == ("a.tif",)
    monkeypatch.setattr(module, "_SLACK", 1 << 20)
    with pytest.raises(SceneError, match="more than 100 times its size"):
        open_archive(str(path))


def test_a_compressed_tar_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = tarfile.TarInfo("a.tif")
    large.size = 4 << 20
    path = write_tar(tmp_path / "x.tgz", large)
    assert open_archive(str(path)).names == ("a.tif",)
    monkeypatch.setattr(module, "_SLACK", 1 << 20)
    with pytest.raises(SceneError, match=r"a\.tif cannot be true"):
        open_archive(str(path))


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    # Overlapping members are how a small zip unpacks to petabytes without nesting.
    path = write_zip(tmp_path / "x.zip", "a.tif", "b.tif", content=np.random.default_rng(0).bytes(5000))
    content = path.read_bytes()
    first = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", first + 1)
    entries = [bytearray(content[first:second]) for _ in range(3)]
    for number, entry in enumerate(entries):
        entry[46:51] = f"{number}.tif".encode()
    directory = b"".join(entries)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 3, 3, len(directory), first, 0)
    path.write_bytes(content[:first] + directory + end)
    with pytest.raises(SceneError, match="members overlap"):
        open_archive(str(path))


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MEMBERS", 3)
    names = [f"{number}.tif" for number in range(4)]
    for path in (write_zip(tmp_path / "x.zip", *names), write_tar(tmp_path / "x.tar", *names)):
        with pytest.raises(SceneError, match="more than 3 members"):
            open_archive(str(path))


def test_a_member_larger_than_its_tar_is_refused(tmp_path: Path) -> None:
    large = tarfile.TarInfo("a.tif")
    large.size = 10 << 30
    (tmp_path / "x.tar").write_bytes(large.tobuf() + bytes(2048))
    with pytest.raises(SceneError, match=r"the size of a\.tif cannot be true"):
        open_archive(str(tmp_path / "x.tar"))


def test_a_header_of_absurd_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "METADATA_LIMIT", 1 << 16)
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 1 << 20
    (tmp_path / "x.tar").write_bytes(header.tobuf() + bytes(2 << 20))
    with pytest.raises(SceneError, match="the size of a header"):
        open_archive(str(tmp_path / "x.tar"))


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz"])
def test_a_truncated_archive_is_refused(tmp_path: Path, name: str) -> None:
    whole = make(tmp_path, name).read_bytes()
    # The end of a tar is two empty blocks and padding: cut before them.
    end = len(whole) if not name.endswith(".tar") else len(whole.rstrip(b"\0"))
    for length in {0, 1, 100, 512, 600, 1024, end // 3, end // 2, end // 512 * 512 - 512, end - 1}:
        (tmp_path / name).write_bytes(whole[:length])
        with pytest.raises(SceneError, match=r"x\.\S+ is damaged or truncated"):
            open_archive(str(tmp_path / name))


def test_a_tar_cut_between_two_members_is_refused(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar", "a.tif", "b.tif")
    path.write_bytes(path.read_bytes()[:512])
    with pytest.raises(SceneError, match="damaged or truncated"):
        open_archive(str(path))


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz"])
def test_a_flipped_bit_never_raises_an_error_of_another_library(tmp_path: Path, name: str) -> None:
    whole = make(tmp_path, name).read_bytes()
    random = np.random.default_rng(0)
    problems: list[str] = []
    for _ in range(150):
        content = bytearray(whole)
        content[random.integers(len(content))] ^= 1 << random.integers(8)
        (tmp_path / name).write_bytes(content)
        try:
            files = open_archive(str(tmp_path / name))
            for inner in files.names:
                files.read(inner)
        except SceneError as error:
            problems.append(error.problem)
    assert problems
    assert all(name in problem for problem in problems)


def test_a_member_that_gdal_cannot_name_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("ümlaut.tif")
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.PAX_FORMAT) as target:
        target.addfile(info)
    files = open_archive(str(tmp_path / "x.tar"))
    assert files.names == ("ümlaut.tif",)
    with pytest.raises(SceneError, match="cannot be read in place"):
        files.href("ümlaut.tif")


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    for name in ("x.zip", "x.tar", "x.tgz"):
        (tmp_path / name).write_bytes(b"II*\0" + bytes(3000))
        with pytest.raises(SceneError, match="damaged or truncated"):
            open_archive(str(tmp_path / name))
        with pytest.raises(SceneError, match="is not there"):
            open_archive(str(tmp_path / "no" / name))
