#!/usr/bin/env bash
# Bind all tables and figures into results/report.zip, when one of them is newer than it. The
# arguments are those of the snakemake call before, so that both speak of the same studies.
set -euo pipefail
report=results/report.zip

for argument in "$@"; do
    case $argument in -n | --dry-run | --dryrun) exit 0 ;; esac
done
newer=$(find results -path '*/studies/*' -newer "$report" -print -quit 2>/dev/null || true)
if [ ! -e "$report" ] || [ -n "$newer" ]; then
    # Written beside its place first: a killed call leaves the old report. The folder inside the
    # archive is named after the file.
    unfinished=$(mktemp -d results/.report.XXXXXX)
    trap 'rm -rf "$unfinished"' EXIT
    if ! said=$(snakemake --cores 1 --report "$unfinished/report.zip" "$@" 2>&1); then
        echo "$said" >&2
        exit 1
    fi
    mv "$unfinished/report.zip" "$report"
fi
echo "Tables, figures and sounds: results/<data set>/<scale>/studies/. All of them in one page: $report."
echo "To see and hear them: .venv/bin/mssbench report --open."
echo "Runs: make dashboard."
