#!/usr/bin/env bash
# Compare models and the phase vocoder with the packages of envs/others.txt, which are installed into
# a folder of their own where they are missing. The arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
others=.venv/others
pinned=$(sha256sum <envs/others.txt)
if [ "$(cat "$others/installed" 2>/dev/null)" != "$pinned" ]; then
    rm -rf "$others"
    VIRTUAL_ENV="$PWD/.venv" .venv/bin/uv pip install --quiet --no-deps --target "$others" \
        -r envs/others.txt
    echo "$pinned" >"$others/installed"
fi
export PYTHONPATH="$PWD/$others${PYTHONPATH:+:$PYTHONPATH}"
python -m pytest tests/test_conv_tasnet.py tests/test_demucs.py tests/test_phase_vocoder.py "$@"
