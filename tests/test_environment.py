import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "envs" / "requirements.txt").read_text()


def locked():
    """The lock's pins: name -> versions (one a marker)."""
    pins = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", LOCK, flags=re.MULTILINE):
        pins.setdefault(canonicalize_name(name), []).append(version)
    return pins


def test_lock_holds_a_version_in_every_range_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = locked()
    for text in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        wanted = Requirement(text)
        versions = pins[canonicalize_name(wanted.name)]
        assert all(version in wanted.specifier for version in versions), text


def test_conda_environment_pins_the_same_versions():
    environment = yaml.safe_load((ROOT / "envs" / "environment.yaml").read_text())
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    pins = {}
    for text in pip:
        pin = Requirement(text)
        pins.setdefault(canonicalize_name(pin.name), []).append(
            str(pin.specifier).removeprefix("==")
        )
    assert pins == locked()
    names = [entry.split()[0] for entry in environment["dependencies"] if isinstance(entry, str)]
    assert {"python", "ffmpeg", "pip"} <= set(names)


def test_every_pin_has_a_hash_and_no_file_an_address():
    blocks = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(blocks) > 100
    assert all("--hash=sha256:" in block for block in blocks)
    for path in (ROOT / "envs").iterdir():
        assert not re.search(r"https?://|--index|--find-links", path.read_text()), path.name


def test_setup_begins_with_the_uv_of_the_lock():
    uv = (ROOT / "envs" / "uv.txt").read_text()
    assert uv in LOCK
    assert uv.startswith("uv==")
