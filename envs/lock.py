"""Pin everything: write requirements.txt and environment.yaml from pyproject.toml's ranges.

Run it by ``make lock``. uv resolves for all Python versions and platforms at once, so one lock
serves machines with and without a GPU.
"""

import re
import subprocess
import sys
from pathlib import Path

ENVS = Path(__file__).parent
LOCK = ENVS / "requirements.txt"

HEADER = """\
# For conda users, and for `snakemake --sdm conda`. The pins are those of requirements.txt: both
# are written by `make lock`. The package itself is installed from the checkout, by hand with
# `pip install --no-deps -e .` or by environment.post-deploy.sh.
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python >=3.11,<3.14
  - ffmpeg
  - pip
  - pip:
"""


def compile_lock() -> None:
    """Resolve the ranges to pins with hashes; no address is written."""
    options = (
        "--quiet --generate-hashes --universal --python-version 3.11 --no-header --no-annotate"
    )
    uv = [Path(sys.executable).with_name("uv"), "pip", "compile", *options.split()]
    inputs = ["--upgrade", "--extra", "dev", ENVS.parent / "pyproject.toml"]
    subprocess.run([*uv, *inputs, "--output-file", LOCK], check=True)


def pins(lock: str) -> list[str]:
    """Return the lock's pins with their markers, without hashes."""
    return re.findall(r"^([\w.\-\[\]]+==[^\\\n]+?) *\\?$", lock, flags=re.MULTILINE)


def main() -> None:
    """Write both files, and the pin of uv that the set-up begins with."""
    compile_lock()
    lock = LOCK.read_text()
    lines = "".join(f'      - "{pin}"\n' for pin in pins(lock))
    (ENVS / "environment.yaml").write_text(HEADER + lines)
    uv = re.search(r"^uv==.*?(?=^\w|\Z)", lock, flags=re.MULTILINE | re.DOTALL)
    assert uv is not None, "uv is missing from the lock"
    (ENVS / "uv.txt").write_text(uv.group())


if __name__ == "__main__":
    main()
