"""What to say of the data sets that have an entry."""

from collections.abc import Sequence

from mssbench.aligned import aligned
from mssbench.data.catalogue import CATALOGUE, Entry
from mssbench.data.disk import size


def listing(own: Sequence[Entry] = ()) -> str:
    """Return a table of the known data sets, and what to cite, to mind and to do for each.

    Args:
        own: data sets beside those of the catalogue.
    """
    rows: list[tuple[str, ...]] = [("NAME", "TRAIN", "TEST", "DOWNLOAD", "LICENCE")]
    remarks = []
    for known in (*CATALOGUE.values(), *own):
        songs = ["any" if number is None else str(number) for number in (known.train, known.test)]
        fetched = sum(archive.bytes for archive in known.archives)
        rows.append((known.name, *songs, size(fetched) if fetched else "-", known.licence))
        remarks.append(
            f"{known.name}: {known.note}\n  cite:  {known.citation}\n"
            f"  stems: {', '.join(known.sources) or 'those that its songs have'}\n"
            f"  needs: {needs(known)}\n  get:   {how_to_get(known)}"
        )
        remarks += [f"  fault: {erratum.song}: {erratum.what}" for erratum in known.errata]
    return "\n".join([*aligned(rows), "", *remarks])


def needs(known: Entry) -> str:
    """Return what a data set asks of the machine."""
    room = sum(archive.disk for archive in known.archives)
    asked = [f"{size(room)} of disk, archive and songs together"] if room else []
    if known.layout == "stems":
        asked.append("ffmpeg")
    return "; ".join(asked) or "nothing"


def how_to_get(known: Entry) -> str:
    """Return what to do to have a data set."""
    if known.is_rendered:
        return "compute it: mssbench data render (see its --help)"
    if known.layout == "own":
        return linking(known)
    if not known.archives:
        return f"{known.availability}; with a copy at hand, {linking(known)}"
    doubt = f" ({known.availability})" if known.availability else ""
    return f"mssbench data download {known.name}{doubt}; or, with a copy at hand, {linking(known)}"


def linking(known: Entry) -> str:
    """Return the command that uses a copy of a data set, and the one that does without a copy."""
    link = f"mssbench data link {known.file or known.name} PATH"
    if not known.rebuilt_by:
        return link
    return (
        f"{link}; or, with a copy of MUSDB18-HQ, which holds the same songs: "
        f"mssbench data link {known.rebuilt_by} PATH"
    )
