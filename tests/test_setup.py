import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NEEDED = ("bash", "cat", "dirname", "sha256sum")


@pytest.fixture
def machine(tmp_path):
    """A checkout and a PATH with nothing but a few programs and what a test adds."""
    checkout, programs = tmp_path / "checkout", tmp_path / "bin"
    shutil.copytree(ROOT / "envs", checkout / "envs")
    shutil.copy(ROOT / "pyproject.toml", checkout)
    programs.mkdir()
    for name in NEEDED:
        (programs / name).symlink_to(shutil.which(name))

    def add(name, script):
        (programs / name).write_text(f"#!{programs / 'bash'}\n{script}\n")
        (programs / name).chmod(0o755)

    def set_up():
        return subprocess.run(
            [programs / "bash", checkout / "envs" / "setup.sh"],
            env={"PATH": str(programs), "HOME": os.environ.get("HOME", "/")},
            capture_output=True,
            text=True,
            check=False,
        )

    add("id", "echo 1000")
    add("sudo", "exit 1")
    return checkout, add, set_up


def test_without_ffmpeg_and_the_right_to_install_it_the_command_is_shown(machine):
    checkout, _, set_up = machine
    done = set_up()
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "mssbench: museval and musdb need ffmpeg and ffprobe. "
        "Please type: sudo apt-get install ffmpeg"
    ]
    assert not (checkout / ".venv").exists()


def test_ffmpeg_is_installed_where_that_is_allowed(machine):
    checkout, add, set_up = machine
    add("sudo", 'while [ "$1" = -n ]; do shift; done; [ "$1" = true ] || "$@"')
    add("apt-get", f'echo "$@" >> {checkout}/asked')
    set_up()
    assert (checkout / "asked").read_text().splitlines()[0] == "install --yes --quiet ffmpeg"


def test_too_old_a_python_is_named(machine):
    checkout, add, set_up = machine
    for name in ("ffmpeg", "ffprobe"):
        add(name, "exit 0")
    add("python3", '[ "$1" = --version ] && echo Python 3.10.13; exit 1')
    done = set_up()
    assert done.returncode == 1
    assert "Python 3.11, 3.12 or 3.13 is needed, found Python 3.10.13" in done.stderr
    assert not (checkout / ".venv").exists()


def test_nothing_is_installed_twice(machine):
    checkout, add, set_up = machine
    for name in ("ffmpeg", "ffprobe"):
        add(name, "exit 0")
    add("python3", "echo called >&2; exit 1")
    files = ("pyproject.toml", "envs/requirements.txt", "envs/uv.txt")
    stamp = subprocess.run(
        f"cat {' '.join(files)} | sha256sum",
        shell=True,
        cwd=checkout,
        capture_output=True,
        check=True,
    )
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "installed").write_bytes(stamp.stdout)
    done = set_up()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (checkout / "envs" / "requirements.txt").write_text("another lock")
    assert set_up().returncode != 0, "another lock is installed anew"
