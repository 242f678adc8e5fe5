#!/usr/bin/env bash
# Make .venv with the pinned packages, and install ffmpeg where it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

# As root, or with a sudo that asks no password, packages are installed. Otherwise the command to
# type is shown and the set-up stops.
need_package() {
    local package=$1 reason=$2 asker=()
    if [ "$(id -u)" -ne 0 ]; then
        asker=(sudo)
        if ! sudo -n true 2>/dev/null; then
            echo "mssbench: $reason. Please type: sudo apt-get install $package" >&2
            exit 1
        fi
    fi
    echo "mssbench: installing $package ($reason)"
    if ! { "${asker[@]}" apt-get install --yes --quiet "$package" >/dev/null 2>&1 ||
        { "${asker[@]}" apt-get update --quiet >/dev/null && "${asker[@]}" apt-get install --yes --quiet "$package" >/dev/null; }; }; then
        echo "mssbench: $package could not be installed ($reason). Please install it by hand, as with: sudo apt-get install $package" >&2
        exit 1
    fi
}

find_python() {
    local name
    for name in "${PYTHON:-python3}" python3 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    echo "mssbench: Python 3.11, 3.12 or 3.13 is needed, found $(python3 --version 2>&1). Please type: sudo apt-get install python3, or name one: make PYTHON=python3.12 ..." >&2
    exit 1
}

if ! command -v ffmpeg >/dev/null || ! command -v ffprobe >/dev/null; then
    need_package ffmpeg "museval and musdb need ffmpeg and ffprobe"
fi

stamp=$(cat pyproject.toml envs/requirements.txt envs/uv.txt | sha256sum)
if [ "$(cat .venv/installed 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi

python=$(find_python)
echo "mssbench: setting up .venv (once; about 7 GB with the GPU libraries)"
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    need_package "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv" "$python has no venv module"
fi
[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/uv.txt
export VIRTUAL_ENV="$PWD/.venv"
.venv/bin/uv pip install --quiet --require-hashes -r envs/requirements.txt
.venv/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .
echo "$stamp" >.venv/installed
