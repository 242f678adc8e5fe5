# The two commands of the README, and what else one types often.
#   make reproduce             everything config.yaml asks for, then the report
#   make reproduce STUDIES=all every study, or those named, as in STUDIES="htmd_net projet"
#   make reproduce ARGS=-n     only say what would be done; ARGS goes to snakemake
#   make test                  the whole test suite
#   MSSBENCH_KILLS=50 make test ARGS=tests/faults/test_whole_study.py
#                              a study killed at 50 random moments in place of 2
#   make test-browser          the listening page in a Chromium
#   make test-others           against asteroid, demucs and librosa
#   make test-cluster          the workflow on a SLURM of its own

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help setup reproduce report dashboard test test-browser test-others test-cluster check format lock

ARGS ?=
CORES ?= all
PORT ?= 5000
# Instead of the studies of config.yaml. Snakemake's --config takes lists as YAML writes them.
STUDIES ?=
comma := ,
empty :=
space := $(empty) $(empty)
CHOSEN = $(if $(STUDIES),--config 'studies=$(if $(filter all,$(STUDIES)),all,[$(subst $(space),$(comma),$(strip $(STUDIES)))])')
# Snakemake and its jobs find the pinned programs first.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Each of hundreds of jobs would compile its packages anew, which takes longer than to load them.
unexport PYTHONDONTWRITEBYTECODE

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

setup:  ## make .venv with the pinned packages; does nothing the second time
	@bash envs/setup.sh

reproduce: setup  ## run the pipeline and make the report
	@snakemake --cores $(CORES) $(CHOSEN) $(ARGS)
	@bash workflow/make_report.sh $(CHOSEN) $(ARGS)

dashboard: setup  ## browse the runs in MLflow, on this machine only
	@mssbench track dashboard --port $(PORT)

test: setup  ## run all tests
	@python -m pytest -n auto --dist loadfile $(ARGS)

test-browser: setup  ## drive the listening page in Chromium, installed where missing (root, Debian)
	@bash tests/browser.sh $(ARGS)

test-others: setup  ## compare with asteroid, demucs and librosa, installed apart for it
	@bash tests/others.sh $(ARGS)

test-cluster: setup  ## run the workflow on a SLURM, installed for it where missing (root, Debian)
	@bash tests/cluster/run.sh $(ARGS)

check: setup  ## lint, format and types
	ruff check
	ruff format --check
	snakefmt --check Snakefile workflow
	mypy
	snakemake --lint

format: setup  ## format the Python and Snakemake files
	ruff check --fix
	ruff format
	snakefmt Snakefile workflow

lock: setup  ## pin the newest versions that pyproject.toml allows
	python envs/lock.py
