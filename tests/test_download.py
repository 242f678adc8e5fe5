import hashlib
import random
import shutil
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace

import pytest

from mssbench.data.catalogue import CATALOGUE, Archive
from mssbench.data.download import CHUNK, download
from mssbench.errors import UserError

BODY = random.Random(1).randbytes(5 * CHUNK + 17)


def names(folder):
    return [path.name for path in folder.iterdir()]


def start_of(handler):
    """The first byte that the request asks for."""
    asked = handler.headers.get("Range")
    return int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0


def send(handler, status, body, **headers):
    handler.send_response(status)
    handler.send_header("Content-Length", len(body))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body[: handler.limit])


def ranged(handler):
    start = start_of(handler)
    if "Range" not in handler.headers:
        send(handler, 200, BODY)
    elif start >= len(BODY):
        send(handler, 416, b"", Content_Range=f"bytes */{len(BODY)}")
    else:
        where = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
        send(handler, 206, BODY[start:], Content_Range=where)


def unranged(handler):
    send(handler, 200, BODY)


def other_range(handler):
    send(handler, 206, BODY[1:], Content_Range=f"bytes 1-{len(BODY) - 1}/{len(BODY)}")


def silent(handler):
    """The whole file, but its length is not announced: the closed connection is its end."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(BODY[: handler.limit])


def page(handler):
    send(handler, 200, b"<html>come back tomorrow</html>")


def status(code):
    return lambda handler: send(handler, code, b"")


def cut(chunks, answer=ranged):
    """Answer, but close the connection after so many chunks of the body."""

    def answer_partly(handler):
        handler.limit = chunks * CHUNK
        answer(handler)

    return answer_partly


@pytest.fixture
def server(monkeypatch):
    """Answers the n-th request by the n-th of `answers`; keeps the Range of each request."""
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)

    class Handler(BaseHTTPRequestHandler):
        limit = None

        def do_GET(self):
            asked.append(self.headers.get("Range"))
            answers[min(len(asked), len(answers)) - 1](self)

        def log_message(self, *_):
            pass

    asked, answers = [], [ranged]
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = f"http://127.0.0.1:{http.server_port}/records/1/files/songs.zip?download=1"
    yield SimpleNamespace(url=url, asked=asked, answers=answers)
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def pauses(monkeypatch):
    slept = []
    monkeypatch.setattr("mssbench.data.download.time.sleep", slept.append)
    return slept


def archive_at(url, checksums=None):
    right = (f"md5:{hashlib.md5(BODY).hexdigest()}", f"sha256:{hashlib.sha256(BODY).hexdigest()}")
    return Archive(url, len(BODY), checksums or right)


def test_a_whole_file_arrives_under_its_name_and_leaves_no_part(server, tmp_path):
    path = download(archive_at(server.url), tmp_path / "new")
    assert path == tmp_path / "new" / "songs.zip"
    assert path.read_bytes() == BODY
    assert names(path.parent) == ["songs.zip"]
    assert server.asked == [None]


def test_after_a_cut_only_the_missing_bytes_are_asked_for(server, tmp_path, pauses):
    server.answers[:] = [cut(3), ranged]
    assert download(archive_at(server.url), tmp_path).read_bytes() == BODY
    assert server.asked == [None, f"bytes={3 * CHUNK}-"]


def test_a_later_call_continues_what_an_earlier_one_left(server, tmp_path, pauses):
    server.answers[:] = [cut(2), status(503)]
    with pytest.raises(UserError, match=r"kept in .*songs\.zip\.part"):
        download(archive_at(server.url), tmp_path, attempts=2)
    server.answers[:] = [ranged]
    server.asked.clear()
    assert download(archive_at(server.url), tmp_path).read_bytes() == BODY
    assert server.asked == [f"bytes={2 * CHUNK}-"]


def test_a_server_without_ranges_sends_the_whole_file_again(server, tmp_path, pauses):
    server.answers[:] = [cut(2, unranged), unranged]
    assert download(archive_at(server.url), tmp_path).read_bytes() == BODY
    assert server.asked == [None, f"bytes={2 * CHUNK}-"]


def test_a_short_body_of_unknown_length_is_not_taken_for_the_file(server, tmp_path, pauses):
    server.answers[:] = [cut(2, silent), ranged]
    assert download(archive_at(server.url), tmp_path).read_bytes() == BODY
    assert server.asked == [None, f"bytes={2 * CHUNK}-"]


@pytest.mark.parametrize("bytes_known", [4 * CHUNK, 6 * CHUNK])
def test_a_rounded_length_does_for_a_whole_and_for_a_complete_part(
    server, tmp_path, pauses, bytes_known
):
    archive = Archive(server.url, bytes_known, (f"md5:{hashlib.md5(BODY).hexdigest()}",))
    assert download(archive, tmp_path).read_bytes() == BODY
    (tmp_path / "songs.zip").rename(tmp_path / "songs.zip.part")
    assert download(archive, tmp_path).read_bytes() == BODY
    assert server.asked == [None, f"bytes={len(BODY)}-"]
    assert pauses == []


@pytest.mark.parametrize("answer", [other_range, status(416)])
def test_a_part_that_the_server_cannot_continue_is_dropped(server, tmp_path, pauses, answer):
    (tmp_path / "songs.zip.part").write_bytes(BODY[:9])
    server.answers[:] = [answer, ranged]
    assert download(archive_at(server.url), tmp_path).read_bytes() == BODY
    assert server.asked == ["bytes=9-", None]


def test_a_part_that_is_complete_is_only_checked(server, tmp_path):
    (tmp_path / "songs.zip.part").write_bytes(BODY)
    assert download(archive_at(server.url), tmp_path).read_bytes() == BODY
    assert server.asked == []


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_busy_server_is_asked_again_after_longer_and_longer_pauses(
    server, tmp_path, pauses, code
):
    server.answers[:] = [status(code), status(code), ranged]
    assert download(archive_at(server.url), tmp_path, wait=2.0).read_bytes() == BODY
    assert pauses == [2.0, 4.0]


def test_attempts_are_bounded(server, tmp_path, pauses):
    server.answers[:] = [status(503)]
    with pytest.raises(UserError, match=r"503 .* 4 times in a row"):
        download(archive_at(server.url), tmp_path, attempts=4)
    assert len(server.asked) == 4


def test_attempts_without_new_bytes_are_bounded_too(server, tmp_path, pauses):
    server.answers[:] = [cut(2, unranged)]
    with pytest.raises(UserError, match="in a row"):
        download(archive_at(server.url), tmp_path, attempts=3)
    assert len(server.asked) == 3


def test_an_attempt_that_brings_bytes_does_not_use_up_the_patience(server, tmp_path, pauses):
    server.answers[:] = [cut(1)] * 5 + [ranged]
    assert download(archive_at(server.url), tmp_path, attempts=2).read_bytes() == BODY
    assert len(server.asked) == 6


def test_a_missing_file_is_said_at_once(server, tmp_path, pauses):
    server.answers[:] = [status(404)]
    with pytest.raises(UserError, match=r"404 Not Found.*by hand to .*songs\.zip and run"):
        download(archive_at(server.url), tmp_path)
    assert len(server.asked) == 1
    assert pauses == []


@pytest.mark.parametrize("wrong", ["md5", "sha256"])
def test_each_wrong_checksum_names_expected_and_found_and_removes_the_part(server, tmp_path, wrong):
    right = archive_at(server.url).checksums
    checksums = tuple(f"{wrong}:00ff" if sum_.startswith(wrong) else sum_ for sum_ in right)
    found = hashlib.new(wrong, BODY).hexdigest()
    with pytest.raises(UserError, match=f"{wrong} is {found}, expected 00ff"):
        download(archive_at(server.url, checksums), tmp_path)
    assert names(tmp_path) == []


def test_a_page_instead_of_the_file_is_not_taken_for_it(server, tmp_path):
    server.answers[:] = [page]
    with pytest.raises(UserError, match=r"the 31 bytes that arrived are not the expected file"):
        download(archive_at(server.url), tmp_path)
    assert names(tmp_path) == []


def test_a_complete_file_is_not_fetched_again(server, tmp_path):
    (tmp_path / "songs.zip").write_bytes(BODY)
    (tmp_path / "songs.zip.part").write_bytes(BODY[:9])
    assert download(archive_at(server.url), tmp_path).read_bytes() == BODY
    assert server.asked == []
    assert names(tmp_path) == ["songs.zip"]


def test_another_file_of_that_name_is_neither_used_nor_lost(server, tmp_path):
    (tmp_path / "songs.zip").write_bytes(b"the user's own")
    with pytest.raises(UserError, match="move it away"):
        download(archive_at(server.url), tmp_path)
    assert (tmp_path / "songs.zip").read_bytes() == b"the user's own"
    assert server.asked == []


def test_an_unreachable_server_is_named_with_the_reason(server, tmp_path, pauses):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/songs.zip"
        with pytest.raises(UserError, match=f"{url}: [^:]*Connection refused, 2 times in a row"):
            download(archive_at(url), tmp_path, attempts=2)


def test_a_full_disk_is_said_before_anything_is_fetched(server, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2_000_000))
    with pytest.raises(UserError, match=r"needs 3\.28 MB, but only 2 MB are free"):
        download(archive_at(server.url), tmp_path)
    assert server.asked == []


def test_bytes_that_are_there_need_no_room_again(server, tmp_path, monkeypatch):
    (tmp_path / "songs.zip.part").write_bytes(BODY[: 3 * CHUNK])
    free = 3_280_000 - 3 * CHUNK
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert download(archive_at(server.url), tmp_path).read_bytes() == BODY


def test_catalogue_checksums_have_the_length_of_their_algorithm():
    digits = {"md5": 32, "sha256": 64}
    for entry in CATALOGUE.values():
        for archive in entry.archives:
            assert archive.file_name.endswith(".zip")
            assert archive.bytes > 0
            assert archive.checksums
            for checksum in archive.checksums:
                algorithm, hexadecimal = checksum.split(":")
                assert len(bytes.fromhex(hexadecimal)) * 2 == digits[algorithm]
