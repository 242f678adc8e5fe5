"""Unpack a zip file that came from elsewhere: safely, and continued after a stop."""

import os
import stat
import zlib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath
from zipfile import BadZipFile, ZipFile, ZipInfo

from mssbench.atomic import atomic_path
from mssbench.data.disk import require_free
from mssbench.errors import UserError
from mssbench.progress import Progress

CHUNK = 1 << 20
ENCRYPTED = 1
DAMAGE = (BadZipFile, zlib.error, EOFError)


def unpack(archive: Path, target: Path) -> None:
    """Unpack the files of the zip file ``archive`` into the folder ``target``.

    All members are looked at before the first is written. A file that is there with the right
    length is kept, since each file appears only when it is complete. Files get the time of
    change that the archive notes (taken as UTC): unpacked again, they are the same to a digest
    over times.

    Raises:
        UserError: a member that would be written outside ``target``, or is a link, a device or
            encrypted; a damaged archive; no room on the disk.
    """
    try:
        with ZipFile(archive) as zipped:
            members = [info for info in zipped.infolist() if not info.is_dir()]
            for info in zipped.infolist():
                fault = refusal(info, target)
                if fault:
                    raise UserError(
                        f"{archive}: nothing was unpacked, since the member {info.filename!r} "
                        f"{fault}; use an archive from its first source"
                    )
            check_names(members, archive)
            missing = [info for info in members if not is_unpacked(info, target)]
            write(zipped, missing, target, sum(info.file_size for info in members))
    except DAMAGE as error:
        raise UserError(
            f"{archive} is damaged ({error}); remove it and run the same command again"
        ) from None


def refusal(info: ZipInfo, target: Path) -> str | None:
    """Return why the member must not be unpacked into ``target``, or None if it may be."""
    # Windows' rules split at "/" and "\\" and know drives: they are the stricter ones.
    path = PureWindowsPath(info.filename)
    file_types = (0, stat.S_IFREG, stat.S_IFDIR)  # 0: packed where files have no type
    outside = not (target / info.filename).resolve().is_relative_to(target.resolve())
    faults = (
        (not path.parts, "has no name"),
        (bool(path.anchor), "has an absolute path"),
        (".." in path.parts, "leads out of the folder by '..'"),
        (stat.S_IFMT(info.external_attr >> 16) not in file_types, "is a link or a device"),
        (bool(info.flag_bits & ENCRYPTED), "is encrypted"),
        (outside, f"leads out of the folder by a link that lies in {target}"),
    )
    return next((fault for found, fault in faults if found), None)


def check_names(members: list[ZipInfo], archive: Path) -> None:
    """Check that no name occurs twice: a continued run could not tell the two apart."""
    names = Counter(info.filename for info in members)
    repeated = [name for name, times in names.items() if times > 1]
    if repeated:
        raise UserError(
            f"{archive}: nothing was unpacked, since it holds {repeated[0]!r} more than once; "
            "use an archive from its first source"
        )


def is_unpacked(info: ZipInfo, target: Path) -> bool:
    """Return whether the member lies in ``target`` with its full length."""
    path = target / info.filename
    return path.is_file() and path.stat().st_size == info.file_size


def write(zipped: ZipFile, members: list[ZipInfo], target: Path, total: int) -> None:
    """Write ``members`` into ``target``.

    Args:
        zipped: the open archive.
        members: the files to write.
        target: the folder.
        total: the length of these files and of those that are there already, in bytes.
    """
    left = sum(info.file_size for info in members)
    what = f"unpacking {Path(zipped.filename or '').name}"
    require_free(target, left, what)
    progress = Progress(what, total, "bytes", done=total - left)
    try:
        for info in members:
            with atomic_path(target / info.filename) as temporary:
                with zipped.open(info) as packed, temporary.open("wb") as file:
                    while chunk := packed.read(CHUNK):
                        file.write(chunk)
                        progress.advance(len(chunk))
                changed = time_of_change(info)
                os.utime(temporary, (changed, changed))
    finally:
        progress.close()


def time_of_change(info: ZipInfo) -> float:
    """Return the member's time of change, in seconds since 1970; 1980 began if it has none."""
    try:
        return datetime(*info.date_time, tzinfo=UTC).timestamp()
    except ValueError:
        return datetime(1980, 1, 1, tzinfo=UTC).timestamp()
