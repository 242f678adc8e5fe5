"""What a run takes of its machine, now and then."""

import logging
import os
import shutil
import subprocess
import sys
import threading
import time

import psutil

from mssbench.tracking.energy import ProcessorEnergy
from mssbench.tracking.journal import Journal

log = logging.getLogger(__name__)

# Seconds between two samples, at first and after an hour: a run of minutes has a curve too, and
# one of days does not drown in points.
SHORTEST, LONGEST = 5.0, 60.0

# nvidia-smi's names, ours, and the factor between their units.
OF_A_GPU = {
    "utilization.gpu": ("gpu_percent", 1.0),
    "memory.used": ("gpu_memory_gb", 2**20 / 1e9),
    "power.draw": ("gpu_power_w", 1.0),
}


class Sampler(threading.Thread):
    """Records processor and memory of this process, and the GPU that it computes on.

    ``system/cpu_percent`` is of one core; ``memory_gb`` (10^9 bytes) is what the process has in
    memory. Of the GPU all processes count; ``gpu_energy_wh`` is the sum of its power since the
    process began to sample. A GPU is looked at once CUDA is in use, and where ``nvidia-smi`` is.
    ``processor_energy_wh`` is what all processors of the machine have taken since then.

    Args:
        journal: gets the samples.
        processors: tells that energy.
    """

    def __init__(self, journal: Journal, processors: ProcessorEnergy | None = None) -> None:
        super().__init__(name="samples", daemon=True)
        self._journal = journal
        self._ending = threading.Event()
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call only begins to count
        self._energy = 0.0
        self._processors = processors or ProcessorEnergy()
        self._last = time.monotonic()

    def run(self) -> None:
        """Sample until the job ends."""
        pause = SHORTEST
        while not self._ending.wait(pause):
            pause = min(1.1 * pause, LONGEST)
            try:
                self._journal.append("sample", metrics=self.sample())
            except OSError as error:
                log.debug("No more samples are recorded: %s", error)
                return

    def end(self) -> None:
        """Ask for the end; it is not waited for."""
        self._ending.set()

    def sample(self) -> dict[str, float]:
        """Return the values since the last call."""
        values = {
            "cpu_percent": self._process.cpu_percent(),
            "memory_gb": self._process.memory_info().rss / 1e9,
            **gpu(),
        }
        now = time.monotonic()
        if "gpu_power_w" in values:
            self._energy += values["gpu_power_w"] * (now - self._last) / 3600
            values["gpu_energy_wh"] = self._energy
        self._last = now
        of_processors = self._processors.watt_hours()
        if of_processors is not None:
            values["processor_energy_wh"] = of_processors
        return {f"system/{name}": value for name, value in values.items()}


def gpu() -> dict[str, float]:
    """Return use (%), memory (GB) and power (W) of the GPU; what is not told is left out."""
    torch = sys.modules.get("torch")
    program = shutil.which("nvidia-smi")
    if program is None or torch is None or not torch.cuda.is_initialized():
        return {}
    device = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0] or "0"
    query = f"--query-gpu={','.join(OF_A_GPU)}"
    command = [program, query, "--format=csv,noheader,nounits", f"--id={device}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        log.debug("nvidia-smi tells nothing: %s", error)
        return {}
    return read_gpu(done.stdout)


def read_gpu(text: str) -> dict[str, float]:
    """Read a line of nvidia-smi, as in ``87, 1024, 310.52``; ``[N/A]`` is left out."""
    values = {}
    for (name, factor), word in zip(OF_A_GPU.values(), text.split(","), strict=False):
        try:
            values[name] = factor * float(word)
        except ValueError:
            continue
    return values
