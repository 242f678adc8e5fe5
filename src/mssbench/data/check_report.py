"""What to say of a check of a data set: a table of the songs, a line a finding, a verdict."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal, get_args

from mssbench.aligned import aligned
from mssbench.data.catalogue import Erratum
from mssbench.data.check import FAULTS, Finding, SongCheck

NAMED = 5
"""So many songs are named in the verdict."""

Mark = Literal["broken", "fault", "remark", "known"]

MARKS: tuple[Mark, ...] = get_args(Mark)
"""The first words of the findings' lines, the worst first."""

HEAD = ("SUBSET", "SECONDS", "HZ", "CHANNELS", "DIFF dBFS", "DIFF dB", "SILENT", "CLIPPED", "SONG")

LEGEND = (
    "DIFF: mixture minus sum of the sources; its largest sample, and its energy relative to the\n"
    "mixture's in the worse channel. CLIPPED: samples of all stems."
)


def report(checks: Sequence[SongCheck], errata: Sequence[Erratum] = ()) -> str:
    """Return the table of all songs and, below it, one line for each finding and known fault.

    Such a line begins with ``broken`` for what makes a song unusable, ``fault`` for what spoils
    training or scores, ``remark`` for what a user should know, and ``known`` for a fault of the
    data set that its users have reported: the finding that it explains, or its description alone.

    Args:
        checks: what was found of each song.
        errata: the known faults of the data set's songs.
    """
    lines = [*aligned([HEAD, *map(row, checks)]), "", LEGEND, ""]
    for check in checks:
        name = f"{check.song.subset}/{check.song.name}"
        lines += [f"{mark(f, check, errata):6}  {name}: {f.text}" for f in check.findings]
        known = [erratum.what for erratum in errata if erratum.song == check.song.name]
        lines += [f"known   {name}: {what}" for what in known]
    worst = Counter(worst_mark(check, errata) for check in checks)
    lines.append(
        f"{len(checks)} songs: {worst['broken']} broken, {worst['fault']} more with faults, "
        f"{worst['remark']} more with remarks"
    )
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


def mark(finding: Finding, check: SongCheck, errata: Sequence[Erratum]) -> Mark:
    """Return the first word of a finding's line."""
    if finding.is_broken:
        return "broken"
    if any(e.song == check.song.name and e.shows == finding.kind for e in errata):
        return "known"
    return "fault" if finding.kind in FAULTS else "remark"


def worst_mark(check: SongCheck, errata: Sequence[Erratum]) -> Mark | None:
    """Return the worst of the marks of a song's findings, or None if there is no finding."""
    marks = {mark(finding, check, errata) for finding in check.findings}
    return next((mark for mark in MARKS if mark in marks), None)


def verdict(
    checks: Sequence[SongCheck], errata: Sequence[Erratum] = (), is_strict: bool = False
) -> str | None:
    """Return why the data set does not pass, in one line that names songs, or None if it does.

    Songs that are broken and songs with faults that are not known do not pass.

    Args:
        checks: what was found of each song.
        errata: the known faults of the data set's songs.
        is_strict: whether a remark is a reason too.
    """
    refused = MARKS[: 3 if is_strict else 2]
    unfit = [
        f"{check.song.subset}/{check.song.name}"
        for check in checks
        if worst_mark(check, errata) in refused
    ]
    if not unfit:
        return None
    more = f" and {len(unfit) - NAMED} more" if len(unfit) > NAMED else ""
    what = "broken, have faults or remarks" if is_strict else "broken or have faults"
    return (
        f"{len(unfit)} of {len(checks)} songs are {what}: {', '.join(unfit[:NAMED])}{more}; the "
        "list above says what is wrong: mend, replace or remove these songs and make the "
        "dataset.json anew with 'mssbench data'"
    )
