"""Fetch an archive: continued after a cut, checked before it takes its name."""

import hashlib
import logging
import os
import time
from pathlib import Path

import requests

from mssbench.data.catalogue import Archive
from mssbench.data.disk import require_free, size
from mssbench.errors import UserError
from mssbench.progress import Progress, clock

log = logging.getLogger(__name__)

CHUNK = 1 << 18
"""Bytes that are read at a time; as much is lost at most when a connection is cut."""

TIMEOUT = (30.0, 60.0)
"""Seconds to wait for a connection and for the next bytes."""

BUSY = {408, 429}
"""HTTP statuses below 500 that ask to come back later."""


class UnavailableError(UserError):
    """The file cannot be had from its address, or is another one."""


class TransferError(Exception):
    """The server could not give the rest of a file; a later attempt may get it."""


def download(archive: Archive, folder: Path, attempts: int = 7, wait: float = 2.0) -> Path:
    """Fetch ``archive`` into ``folder``, unless it lies there complete.

    The bytes go to ``<file name>.part``. A later call asks the server for the rest; a server
    that cannot give only a part is asked for the whole file. The file takes its name when its
    checksums agree.

    Args:
        archive: what to fetch.
        folder: where to put it; made if it is missing.
        attempts: how often in a row the server may fail without giving a new byte.
        wait: pause before the second attempt, in seconds; it doubles with each further one.

    Returns:
        The path of the checked file.

    Raises:
        UnavailableError: the server has no such file or keeps failing, or a checksum differs.
        UserError: no room on the disk, or another file has the archive's name.
    """
    path = folder / archive.file_name
    part = path.with_name(f"{path.name}.part")
    if path.exists():
        wrong = differing_checksum(path, archive)
        if wrong:
            raise UserError(
                f"{path} is not the file of {archive.url}: {wrong}; "
                "move it away and run the same command again"
            )
        part.unlink(missing_ok=True)
        log.info("%s: complete, not fetched again", path)
        return path
    missing = archive.disk - length(part)
    require_free(folder, missing, f"downloading and unpacking {path.name}")
    fetch(archive, part, attempts, wait)
    wrong = differing_checksum(part, archive)
    if wrong:
        arrived = size(length(part))
        part.unlink()
        raise UnavailableError(
            f"{archive.url}: the {arrived} that arrived are not the expected file "
            f"({size(archive.bytes)}): {wrong}; they were removed: run the same command again, "
            f"and if that does not help, fetch the file by hand to {path}"
        )
    part.replace(path)
    return path


def length(file: Path) -> int:
    """Return the length of ``file`` in bytes, 0 if it does not exist."""
    return file.stat().st_size if file.exists() else 0


def fetch(archive: Archive, part: Path, attempts: int, wait: float) -> None:
    """Fetch what is missing of ``part``, with attempts that are further and further apart.

    Raises:
        UnavailableError: the server has no such file, or ``attempts`` in a row brought nothing
            new.
    """
    failures, furthest = 0, length(part)
    while length(part) != archive.bytes:
        try:
            receive(archive, part)
        except TransferError as error:
            reason = str(error)
        except requests.RequestException as error:
            reason = root_cause(error)
        else:
            return
        if length(part) > furthest:
            failures, furthest = 0, length(part)
        failures += 1
        if failures >= attempts:
            raise UnavailableError(
                f"cannot fetch {archive.url}: {reason}, {failures} times in a row; "
                f"{size(length(part))} of {size(archive.bytes)} are kept in {part}: run the same "
                f"command again to go on, or fetch the file by hand to {part.with_suffix('')}"
            )
        pause = wait * 2 ** (failures - 1)
        log.warning("%s: %s; next attempt in %s", archive.url, reason, clock(pause))
        time.sleep(pause)


def receive(archive: Archive, part: Path) -> None:
    """Ask the server once for what is missing of ``part`` and append it.

    Raises:
        TransferError: the server is busy, or it stopped before the end.
        requests.RequestException: the connection failed.
        UnavailableError: the server has no such file.
    """
    have = length(part)
    # A compressed transfer would count other bytes than the file's.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(archive.url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        if have and answer.headers.get("Content-Range") == f"bytes */{have}":
            return  # nothing is missing: the archive's length is known to the server alone
        check_status(answer, part)
        if answer.status_code == requests.codes.ok:
            have = 0
        announced = answer.headers.get("Content-Length")
        total = have + int(announced) if announced else archive.bytes
        progress = Progress(archive.file_name, total, "bytes", done=have)
        try:
            with part.open("ab" if have else "wb") as file:
                for chunk in answer.iter_content(CHUNK):
                    file.write(chunk)
                    progress.advance(len(chunk))
                file.flush()
                os.fsync(file.fileno())
        finally:
            progress.close()
    if length(part) < total:
        raise TransferError(f"the server stopped after {size(length(part))} of {size(total)}")


def check_status(answer: requests.Response, part: Path) -> None:
    """Check that the answer's body is the whole file or the rest that ``part`` lacks.

    Raises:
        TransferError: not this time; a ``part`` that the server's file cannot continue is removed.
        UnavailableError: the server refuses the request for good.
    """
    status = answer.status_code
    said = f"the server answers {status} {answer.reason}"
    start = f"bytes {length(part)}-"
    if status == requests.codes.ok:
        return
    if status == requests.codes.partial_content:
        if answer.headers.get("Content-Range", "").startswith(start):
            return
        part.unlink(missing_ok=True)
        raise TransferError("the server sent another part than the one asked for")
    if status == requests.codes.requested_range_not_satisfiable and part.exists():
        part.unlink()
        raise TransferError(f"{said} for the rest of {part}, which was removed")
    if status >= requests.codes.internal_server_error or status in BUSY:
        raise TransferError(said)
    raise UnavailableError(
        f"cannot fetch {answer.url}: {said}; see whether the address has changed, or fetch the "
        f"file by hand to {part.with_suffix('')} and run the same command again"
    )


def root_cause(error: BaseException) -> str:
    """Return the innermost reason: ``requests`` wraps it three times over."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__


def differing_checksum(file: Path, archive: Archive) -> str | None:
    """Return which of the archive's checksums ``file`` does not have, or None if it has all."""
    expected = dict(checksum.split(":", 1) for checksum in archive.checksums)
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in expected}
    progress = Progress(f"check {archive.file_name}", length(file), "bytes")
    with file.open("rb") as content:
        while chunk := content.read(1 << 20):
            for running in hashes.values():
                running.update(chunk)
            progress.advance(len(chunk))
    progress.close()
    for name, running in hashes.items():
        if running.hexdigest() != expected[name]:
            return f"{name} is {running.hexdigest()}, expected {expected[name]}"
    return None
