import pytest

from mssbench.cli import main
from mssbench.cluster.used import (
    NO_COMMENT,
    parse_attempts,
    parse_megabytes,
    parse_seconds,
    rule_of,
    table,
)

# A training that timed out, with steps, and was put back into the queue; one that never began; the
# job of another folder; and a group's job.
ACCOUNTING = """\
5|mss_1|TIMEOUT|rule_train_wildcards_x|{folder}|7200|4|04:00:00|8000M|
5.batch|batch|CANCELLED||/|7205|4|00:01||
5.0|python|CANCELLED||/|7200|4|03:59:59||4194304K
5|mss_1|COMPLETED|rule_train_wildcards_x|{folder}|3600|4|1-00:00:00|16000M|
5.0|python|COMPLETED||/|3600|4|1-00:00:00||2048M
6|mss_1|CANCELLED by 0|rule_train_wildcards_y|{folder}|0|0|00:00:00|8000M|
7|mss_1|COMPLETED|rule_train_wildcards_z|{folder}/other|3600|4|04:00:00|8000M|
7.0|python|COMPLETED||/|3600|4|04:00:00||100G
8|mss_1|COMPLETED|rule_test_score_separate|{folder}|60|1|00:30.500|6500M|
9|wrap|COMPLETED||{folder}|60|1|00:30.500|6500M|
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """SLURM's commands; its accounting is the argument."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)

    def write(accounting, code=0):
        (tmp_path / "said").write_text(accounting)
        sacct = f'echo "$*" >{tmp_path}/asked; cat {tmp_path}/said; exit {code}'
        bodies = {"sinfo": "echo slurm 23", "scontrol": "echo UP", "sacct": sacct}
        for name, body in bodies.items():
            (folder / name).write_text(f"#!/bin/bash\n{body}\n")
            (folder / name).chmod(0o755)

    return write


def test_attempts_of_a_folder_with_what_their_steps_took(tmp_path):
    first, second, group = parse_attempts(ACCOUNTING.format(folder=tmp_path), tmp_path)
    assert (first.rule, first.state, first.seconds, first.cores) == ("train", "TIMEOUT", 7200, 4)
    assert (first.core_seconds, first.asked, first.most) == (14_400, 8000, 4096)
    assert (second.state, second.core_seconds, second.most) == ("COMPLETED", 86_400, 2048)
    assert (group.rule, group.core_seconds, group.most) == ("test_score_separate", 30.5, 0)


def test_a_comment_with_bars_is_one_comment(tmp_path):
    line = f"1|mss_1|COMPLETED|rule_train_wildcards_a|b|{tmp_path}|10|1|00:05|100M|"
    (attempt,) = parse_attempts(line, tmp_path)
    assert (attempt.rule, attempt.seconds) == ("train", 10)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", 0), ("00:30.500", 30.5), ("01:02:03", 3723), ("2-00:00:01", 172_801)],
)
def test_times_as_slurm_writes_them(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "megabytes"), [("", 0), ("2048K", 2), ("8000M", 8000), ("16Gn", 16_384), ("1T", 2**20)]
)
def test_memory_as_slurm_writes_it(text, megabytes):
    assert parse_megabytes(text) == megabytes


def test_where_the_site_keeps_no_comments_there_is_no_rule():
    assert rule_of("") == NO_COMMENT


def test_a_line_a_rule_the_longest_first(tmp_path):
    head, train, group = table(parse_attempts(ACCOUNTING.format(folder=tmp_path), tmp_path))
    assert train.startswith("train")
    assert "1 COMPLETED, 1 TIMEOUT" in train
    # Two and one hours; 28 of 12 core hours; 4 GB of 16000 MB.
    assert train.split()[-6:] == ["1.50", "2.00", "233", "%", "4.0", "15.6"]
    assert group.split()[-3:] == ["%", "?", "6.3"]
    assert len({len(line) for line in (head, train, group)}) == 1


def test_the_command_asks_for_more_than_today(slurm, tmp_path, capsys):
    slurm(ACCOUNTING.format(folder=tmp_path))
    assert main(["cluster", "used", "--days", "7"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("train")
    assert "--starttime=now-7days" in (tmp_path / "asked").read_text()


def test_without_jobs_it_says_so(slurm, capsys):
    slurm("")
    assert main(["cluster", "used"]) == 0
    assert "no job of" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [(["--days", "0"], 0, "--days: found 0"), ([], 1, "sacct does not answer")],
)
def test_what_cannot_be_told_is_one_line(slurm, caplog, words, code, complaint):
    slurm("", code)
    assert main(["cluster", "used", *words]) == 2
    assert complaint in caplog.text
