"""What to say of a check of a data set: a table of the songs, a line a finding, a verdict."""

import math
from collections.abc import Sequence

from mssbench.aligned import aligned
from mssbench.data.catalogue import Erratum
from mssbench.data.check import Finding, SongCheck

NAMED = 5
"""So many songs are named in the verdict."""

HEAD = ("SUBSET", "SECONDS", "HZ", "CHANNELS", "DIFF dBFS", "DIFF dB", "SILENT", "CLIPPED", "SONG")

LEGEND = (
    "DIFF: mixture minus sum of the sources; its largest sample, and its energy relative to the\n"
    "mixture's in the worse channel. CLIPPED: samples of all stems."
)


def report(checks: Sequence[SongCheck], errata: Sequence[Erratum] = ()) -> str:
    """Return the table of all songs and, below it, one line for each finding and known fault.

    Such a line begins with ``broken`` for what makes a song unusable, ``remark`` for what a user
    should know, and ``known`` for a fault of the data set that its users have reported: the
    finding that it explains, or its description alone.

    Args:
        checks: what was found of each song.
        errata: the known faults of the data set's songs.
    """
    lines = [*aligned([HEAD, *map(row, checks)]), "", LEGEND, ""]
    for check in checks:
        name = f"{check.song.subset}/{check.song.name}"
        faults = [erratum for erratum in errata if erratum.song == check.song.name]
        lines += [f"{mark(f, faults)}  {name}: {f.text}" for f in check.findings]
        lines += [f"known   {name}: {erratum.what}" for erratum in faults]
    broken = sum(is_broken(check) for check in checks)
    remarked = sum(bool(check.findings) and not is_broken(check) for check in checks)
    lines.append(f"{len(checks)} songs: {broken} broken, {remarked} more with remarks")
    return "\n".join(lines)


def row(check: SongCheck) -> tuple[str, ...]:
    """Return a song's cells of the table; ``-`` stands for what could not be measured."""
    levels = (check.difference, check.relative)
    return (
        check.song.subset,
        f"{check.samples / check.rate:.2f}" if check.rate else "-",
        str(check.rate or "-"),
        "/".join(map(str, sorted(set(check.channels)))) or "-",
        *("-" if math.isnan(value) else f"{value:.1f}" for value in levels),
        ",".join(check.silent) or "-",
        str(check.clipped or "-"),
        check.song.name,
    )


def mark(finding: Finding, faults: Sequence[Erratum]) -> str:
    """Return the first word of a finding's line, given the known faults of its song."""
    if finding.is_broken:
        return "broken"
    return "known " if any(fault.shows == finding.kind for fault in faults) else "remark"


def is_broken(check: SongCheck) -> bool:
    """Return whether the song cannot be used."""
    return any(finding.is_broken for finding in check.findings)


def verdict(
    checks: Sequence[SongCheck], errata: Sequence[Erratum] = (), is_strict: bool = False
) -> str | None:
    """Return why the data set does not pass, in one line that names songs, or None if it does.

    Args:
        checks: what was found of each song.
        errata: the known faults of the data set's songs.
        is_strict: whether a remark is a reason too, unless it is a known fault.
    """
    unfit = []
    for check in checks:
        faults = [erratum for erratum in errata if erratum.song == check.song.name]
        marks = {mark(finding, faults) for finding in check.findings}
        if "broken" in marks or (is_strict and "remark" in marks):
            unfit.append(f"{check.song.subset}/{check.song.name}")
    if not unfit:
        return None
    more = f" and {len(unfit) - NAMED} more" if len(unfit) > NAMED else ""
    what = "are broken or have remarks" if is_strict else "are broken"
    return (
        f"{len(unfit)} of {len(checks)} songs {what}: {', '.join(unfit[:NAMED])}{more}; the list "
        "above says what is wrong: mend, replace or remove these songs and make the "
        "dataset.json again with 'mssbench data'"
    )
