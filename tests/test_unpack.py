import os
import shutil
import stat
import struct
from types import SimpleNamespace
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest

from mssbench.data.unpack import unpack
from mssbench.errors import UserError

GOOD = {"README": b"read me", "train/A - B/bass.wav": b"b" * 3000, "test/C.stem.mp4": b"c" * 50}


def packed(path, files=GOOD, mode=stat.S_IFREG | 0o644, date=(2017, 12, 19, 10, 25, 16)):
    """Write a zip file; `files` is name -> content or a list of such pairs."""
    with ZipFile(path, "w", ZIP_DEFLATED) as zipped:
        for name, content in files.items() if isinstance(files, dict) else files:
            info = ZipInfo(name, date)
            info.external_attr = mode << 16
            info.compress_type = ZIP_DEFLATED
            zipped.writestr(info, content)
    return path


def names(folder):
    return [path.name for path in folder.iterdir()]


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_every_file_is_unpacked_in_its_folder(tmp_path):
    archive = packed(tmp_path / "a.zip", {"train/": b"", **GOOD})
    unpack(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == GOOD


def test_an_archive_from_a_system_without_file_types_is_unpacked(tmp_path):
    unpack(packed(tmp_path / "a.zip", mode=0), tmp_path / "out")
    assert contents(tmp_path / "out") == GOOD


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../evil", r"by '\.\.'"),
        ("train/../../evil", r"by '\.\.'"),
        ("train\\..\\..\\evil", r"by '\.\.'"),
        ("/tmp/evil", "absolute"),
        ("\\evil", "absolute"),
        ("C:\\evil", "absolute"),
        (".", "no name"),
    ],
)
def test_a_member_that_leads_out_is_refused_before_anything_is_written(tmp_path, name, said):
    archive = packed(tmp_path / "a.zip", {**GOOD, name: b"evil"})
    with pytest.raises(UserError, match=f"nothing was unpacked.*{said}"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert names(tmp_path) == ["a.zip"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path, kind):
    archive = packed(tmp_path / "a.zip", {"train": b"/etc"}, mode=kind | 0o777)
    with pytest.raises(UserError, match="'train' is a link or a device"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_link_in_the_target_does_not_lead_files_out(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "train").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="by a link that lies in"):
        unpack(packed(tmp_path / "a.zip"), tmp_path / "out")
    assert contents(tmp_path / "elsewhere") == {}
    assert names(tmp_path / "out") == ["train"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_occurs_twice_is_refused(tmp_path):
    archive = packed(tmp_path / "a.zip", [*GOOD.items(), ("README", b"another")])
    with pytest.raises(UserError, match="'README' more than once"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_encrypted_member_is_refused(tmp_path):
    archive = packed(tmp_path / "a.zip", {"a": b"a"})
    raw = bytearray(archive.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1  # the flag in the central directory
    archive.write_bytes(raw)
    with pytest.raises(UserError, match="'a' is encrypted"):
        unpack(archive, tmp_path / "out")


def test_a_truncated_archive_is_an_error_that_says_so(tmp_path):
    archive = packed(tmp_path / "a.zip")
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(UserError, match=r"a\.zip is damaged.*remove it"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_member_whose_checksum_is_wrong_does_not_appear(tmp_path):
    archive = packed(tmp_path / "a.zip")
    raw = bytearray(archive.read_bytes())
    where = raw.rindex(b"PK\x01\x02")  # the last member's entry in the central directory
    (crc,) = struct.unpack_from("<I", raw, where + 16)
    struct.pack_into("<I", raw, where + 16, crc ^ 1)
    archive.write_bytes(raw)
    with pytest.raises(UserError, match=r"damaged.*CRC.*test/C\.stem\.mp4"):
        unpack(archive, tmp_path / "out")
    intact = {name: content for name, content in GOOD.items() if name != "test/C.stem.mp4"}
    assert contents(tmp_path / "out") == intact


def test_damaged_compressed_bytes_are_an_error_that_says_so(tmp_path):
    archive = packed(tmp_path / "a.zip", {"a": os.urandom(5000)})
    raw = bytearray(archive.read_bytes())
    raw[31] = 0xFF  # the first byte of the data: a kind of block that does not exist
    archive.write_bytes(raw)
    with pytest.raises(UserError, match="is damaged"):
        unpack(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == {}


def test_a_second_run_writes_only_what_is_missing_or_short(tmp_path):
    archive, out = packed(tmp_path / "a.zip"), tmp_path / "out"
    unpack(archive, out)
    kept = (out / "README").stat().st_ino
    (out / "test/C.stem.mp4").unlink()
    (out / "train/A - B/bass.wav").write_bytes(b"cut")
    unpack(archive, out)
    assert contents(out) == GOOD
    assert (out / "README").stat().st_ino == kept


def test_unpacked_again_the_files_have_the_same_times(tmp_path):
    archive = packed(tmp_path / "a.zip")
    for name in ("one", "two"):
        unpack(archive, tmp_path / name)
    times = [(tmp_path / name / "README").stat().st_mtime_ns for name in ("one", "two")]
    assert times == [1513679116 * 10**9] * 2


def test_a_member_without_a_date_is_unpacked(tmp_path):
    archive = packed(tmp_path / "a.zip", date=(1980, 0, 0, 0, 0, 0))
    unpack(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == GOOD


def test_a_full_disk_is_said_before_anything_is_written(tmp_path, monkeypatch):
    archive, out = packed(tmp_path / "a.zip"), tmp_path / "out"
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3000))
    with pytest.raises(UserError, match=r"unpacking a\.zip needs 3\.06 kB, but only 3 kB are free"):
        unpack(archive, out)
    assert contents(out) == {}


def test_files_that_are_there_need_no_room_again(tmp_path, monkeypatch):
    archive, out = packed(tmp_path / "a.zip"), tmp_path / "out"
    unpack(archive, out)
    (out / "README").unlink()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=7))
    unpack(archive, out)
    assert contents(out) == GOOD
