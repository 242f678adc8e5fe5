"""A whole run of `mssbench score`: many songs, one process a core."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import soundfile
from scoring_songs import CASES, estimates_of, song

STEMS = {2: ("vocals", "accompaniment"), 4: ("drums", "bass", "other", "vocals")}


def write_songs(folder: Path, name: str, seconds: float, songs: int, distinct: int) -> None:
    """Write true sources and estimates of songs, of which ``distinct`` differ.

    The others are links to these, so that a machine with less disk can score as many.
    """
    case = CASES[name]
    for number in range(songs):
        of = {kind: folder / kind / f"song {number:03d}" for kind in ("truth", "estimates")}
        for path in of.values():
            path.mkdir(parents=True)
        if number >= distinct:
            for path in of.values():
                for file in (path.parent / f"song {number % distinct:03d}").iterdir():
                    os.link(file, path / file.name)
            continue
        truth = song(case, seconds, seed=number)
        made = {"truth": truth, "estimates": estimates_of(truth, seed=number)}
        for kind, subtype in (("truth", "PCM_16"), ("estimates", "FLOAT")):
            for stem, audio in zip(STEMS[case.sources], made[kind], strict=True):
                soundfile.write(of[kind] / f"{stem}.wav", audio.T, case.rate, subtype)


def whole_run(name: str, seconds: float, songs: int, distinct: int, *, workers: int) -> str:
    """Return the table's line of a run: time, and memory of all its processes (PSS)."""
    case = CASES[name]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_songs(folder, name, seconds, songs, distinct)
        words = ["--references", "truth", "--estimates", "estimates", "--out", "scores"]
        command = [sys.executable, "-m", "mssbench.cli", "score", *words]
        start, peak = time.perf_counter(), 0
        spent: dict[int, float] = {}
        run = subprocess.Popen([*command, "--workers", str(workers)], cwd=folder)
        while run.poll() is None:
            memory, seconds_of = usage_of(run.pid)
            peak = max(peak, memory)
            spent.update(seconds_of)
            time.sleep(0.5)
        clock = time.perf_counter() - start
        if run.returncode:
            raise SystemExit(f"mssbench score ended with {run.returncode}")
    cells = [case.layout, case.sources, f"{seconds:g}", songs, workers]
    cells += [f"{clock:.0f}", f"{sum(spent.values()):.0f}", f"{peak / 2**20:.0f}"]
    return f"| {' | '.join(map(str, cells))} |"


def usage_of(pid: int) -> tuple[int, dict[int, float]]:
    """Return what a process and its children use now.

    Returns:
        Memory (bytes), what they share counted once, and the CPU seconds of each so far, by number:
        the workers are not the process's own children, so that nobody adds theirs up.
    """
    memory, spent = 0, {}
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            memory += process.memory_full_info().pss
            times = process.cpu_times()
            spent[process.pid] = times.user + times.system
    except psutil.NoSuchProcess:
        pass
    return memory, spent
