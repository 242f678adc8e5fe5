import os
import webbrowser
import zipfile

import pytest

from mssbench.cli import main


@pytest.fixture
def opened(monkeypatch):
    """What the browser is asked to show."""
    pages = []
    monkeypatch.setattr(webbrowser, "open", pages.append)
    return pages


def make_results(folder, text="first"):
    page = folder / "synthetic" / "demo" / "studies" / "overview" / "listening" / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("page")
    with zipfile.ZipFile(folder / "report.zip", "w") as archive:
        archive.writestr("report/report.html", text)
    return page


def test_without_results_each_is_said_in_one_line(tmp_path, capsys, opened):
    assert main(["report", "--results", str(tmp_path), "--open"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all("yet; 'make reproduce' makes it" in line for line in lines)
    assert opened == []


def test_it_says_where_both_are_and_opens_nothing_unasked(tmp_path, capsys, opened):
    page = make_results(tmp_path)
    assert main(["report", "--results", str(tmp_path)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [f"report: {tmp_path}/report.zip", f"listening page of overview: {page}"]
    assert opened == []
    assert not (tmp_path / "report").exists()


def test_it_opens_the_unpacked_report_and_the_page(tmp_path, opened):
    page, report = make_results(tmp_path), tmp_path / "report" / "report.html"
    main(["report", "--results", str(tmp_path), "--open"])
    assert opened == [report.as_uri(), page.as_uri()]
    assert report.read_text() == "first"


def test_a_newer_report_is_unpacked_again_and_an_old_one_is_not(tmp_path, opened):
    make_results(tmp_path)
    command = ["report", "--results", str(tmp_path), "--open"]
    main(command)
    report, archive = tmp_path / "report" / "report.html", tmp_path / "report.zip"
    report.write_text("kept")
    main(command)
    assert report.read_text() == "kept"
    (report.parent / "leftover").write_text("")
    make_results(tmp_path, "second")
    later = report.stat().st_mtime + 10
    os.utime(archive, (later, later))
    os.utime(report, (later - 20, later - 20))
    main(command)
    assert report.read_text() == "second"
    assert not (report.parent / "leftover").exists()


def test_a_damaged_report_is_named_and_the_page_stands(tmp_path, opened, caplog):
    make_results(tmp_path)
    (tmp_path / "report.zip").write_bytes(b"PK")
    assert main(["report", "--results", str(tmp_path), "--open"]) == 2
    assert "report.zip is no whole archive; make it again" in caplog.text
    assert opened == []
