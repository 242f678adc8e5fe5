#!/usr/bin/env bash
# Snakemake runs this after it has made the conda environment, in the folder of the checkout.
set -euo pipefail
python -m pip install --quiet --no-deps --no-build-isolation --editable .
