"""Energy of the processors, where the kernel tells it: Linux's powercap (RAPL)."""

from pathlib import Path

ZONES = Path("/sys/class/powercap")
WH = 3.6e9  # microjoules


class ProcessorEnergy:
    """Sums up what all processors of the machine have taken, whoever used them.

    Many systems let the administrator alone read it, and virtual machines do not have it.

    Args:
        zones: the kernel's folder; a zone without a second colon in its name is a processor.
    """

    def __init__(self, zones: Path = ZONES) -> None:
        self._zones = sorted(zones.glob("intel-rapl:[0-9]*"))
        self._zones = [zone for zone in self._zones if zone.name.count(":") == 1]
        self._last = self._counters()
        self._total = 0

    def watt_hours(self) -> float | None:
        """Return the energy since this was made (Wh); None where it cannot be read."""
        now = self._counters()
        if not now or now.keys() != self._last.keys():
            self._last = now
            return None
        for zone, counter in now.items():
            used = counter - self._last[zone]
            if used < 0:  # the counter has begun anew
                used += _number(zone / "max_energy_range_uj") or 0
            self._total += max(used, 0)
        self._last = now
        return self._total / WH

    def _counters(self) -> dict[Path, int]:
        found = {zone: _number(zone / "energy_uj") for zone in self._zones}
        return {zone: counter for zone, counter in found.items() if counter is not None}


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
