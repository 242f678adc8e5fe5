"""What a table or figure says of itself: data, metric, counts, sources and deviations."""

from collections.abc import Iterable

from mssbench.report.aggregate import WHOLE_SONG_NAMES
from mssbench.report.config import PAPER_SCALE, Experiment, Published, ReportConfig
from mssbench.report.scores import Scoring
from mssbench.report.tables import Table
from mssbench.scoring.measures import measure

MEANINGS = {
    "song-wise median": "median over songs of each song's median over windows",
    "mean of song medians": "mean over songs of each song's median over windows",
    "median of song means": "median over songs of each song's mean over windows",
    "mean of song means": "mean over songs of each song's mean over windows",
    "segment-wise median": "median over all windows of all songs",
    "segment-wise mean": "mean over all windows of all songs",
    "segment-wise MAD": "median absolute deviation from the median over all windows of all songs",
    "segment-wise SD": "standard deviation over all windows of all songs",
}

# What MUSDB18 papers separate and score, unless they say otherwise.
USUAL_AUDIO = "stereo 44.1 kHz"


def data_line(config: ReportConfig) -> str:
    """Return the data: ``data set synthetic, demo scale, mono 22.05 kHz``."""
    return ", ".join([f"data set {config.dataset}", f"{config.scale} scale", *audio(config)])


def audio(config: ReportConfig) -> list[str]:
    """Return the channels and sampling rates of the study's rows, as in ``mono 22.05 kHz``."""
    # How the samples are stored changes no score.
    parts = [row.rendition.split("-")[:2] for row in config.rows if row.rendition]
    return list(dict.fromkeys(f"{channels} {int(rate) / 1000:g} kHz" for rate, channels in parts))


def warning(config: ReportConfig, protocol: Scoring | None = None) -> str:
    """Return what keeps the values from being compared with others; empty if nothing does.

    Args:
        config: the study.
        protocol: how the scores were made; None where that is no matter.
    """
    parts = []
    if not config.comparable:
        parts.append(
            "Not comparable with published values, which need the MUSDB18 test songs and "
            f"training at {PAPER_SCALE} scale."
        )
    unusual = [name for name in audio(config) if name != USUAL_AUDIO]
    if unusual:
        parts.append(
            f"Scores of {' and '.join(unusual)} audio are not comparable with those of "
            f"{USUAL_AUDIO} audio."
        )
    if protocol is not None and protocol.rate and protocol.channels:
        meant = f"{protocol.channels} {protocol.rate / 1000:g} kHz"
        unlike = [name for name in audio(config) if name != meant]
        if unlike:
            parts.append(
                f"The protocol {protocol.protocol} is for {meant} audio: scores of "
                f"{' and '.join(unlike)} audio are not comparable with others of it."
            )
    return " ".join(parts)


def caption(table: Table) -> str:
    """Return the caption: title, data, metric, unit, seeds and, where it is due, the warning."""
    songs = span((cell.songs for cell in table.cells), "song")
    parts = [
        f"{table.title.rstrip('.')}.",
        f"D{data_line(table.config)[1:]}, {songs}.",
        f"{table.protocol}; {units(table)}.",
        seeds_line(table),
        warning(table.config, table.protocol),
    ]
    return " ".join(part for part in parts if part)


def units(table: Table) -> str:
    """Return the units of the table's values and whether higher or lower ones are better."""
    others = [name for name in table.metrics if measure(name).unit != "dB"]
    lower = [name for name in table.metrics if measure(name).lower]
    text = "all values in dB"
    if others:
        text = ", ".join(["values in dB", *(f"{name} in {measure(name).unit}" for name in others)])
    if len(lower) == len(table.metrics):
        return f"{text}, lower is better"
    return f"{text}, higher is better" + (f", of {' and '.join(lower)} lower" if lower else "")


def seeds_line(table: Table) -> str:
    """Return how many seeds a learned experiment's value stands for."""
    blocks = table.blocks[:1]
    learned = [
        line for block in blocks for line in block.lines if line.experiment.kind == "trained"
    ]
    seeds = [len(line.experiment.rows) for line in learned]
    if not seeds:
        return ""
    if max(seeds) == 1:
        return "One seed."
    return f"Mean ± standard deviation over {span(seeds, 'seed')}."


def notes(table: Table) -> list[str]:
    """Return the notes below the table, one sentence or two each."""
    used = dict.fromkeys(block.aggregation for block in table.blocks)
    found = [
        *(f"{name.capitalize()}: {MEANINGS[name]}." for name in used),
        "NaN: windows without a value, in which a source or an estimate is silent, of all "
        "windows of all seeds. They enter no median and no mean.",
        *(f"{name}: {note}." for name in table.metrics if (note := table.protocol.note(name))),
        *whole_song_notes(table),
        *nan_song_notes(table),
        *imported_notes(line.experiment for block in table.blocks[:1] for line in block.lines),
    ]
    if table.ranking is not None:
        found.insert(0, f"Rank: by the {table.ranking}, mean over seeds, the highest first.")
    if table.config.citation:
        found.append(f"Study: {table.config.title}. {table.config.citation.rstrip('.')}.")
    return found + [f"Deviation: {text}" for text in table.config.deviations]


def whole_song_notes(table: Table) -> list[str]:
    """Return what the aggregations mean for each metric that has one value a song."""
    found = []
    for metric in whole_song_metrics(table):
        used = dict.fromkeys(block.aggregation for block in table.blocks)
        meanings: dict[str, list[str]] = {}
        for name in used:
            meanings.setdefault(WHOLE_SONG_NAMES[name], []).append(name)
        parts = [f"{meaning} under {' and '.join(names)}" for meaning, names in meanings.items()]
        found.append(f"{metric} has one value a song: the {', the '.join(parts)}.")
    return found


def imported_notes(experiments: Iterable[Experiment]) -> list[str]:
    """Return one sentence on the experiments whose scores others have made; none if none has."""
    rows = [row for experiment in experiments for row in experiment.rows if row.imported]
    if not rows:
        return []
    named = ", ".join(f"{row.label} ({row.imported})" for row in rows)
    return [f"Imported from museval's files, of windows like the others': scores of {named}."]


def nan_song_notes(table: Table) -> list[str]:
    """Return which experiments have songs without any value."""
    found: dict[str, None] = {}
    for block in table.blocks:
        for line in block.lines:
            for metric, cell in line.cells.items():
                if cell is not None and cell.nan_songs:
                    songs = span([cell.nan_songs], "song")
                    found[
                        f"{line.experiment.label}: {songs} over all seeds without any value of "
                        f"{metric} ({block.target}), left out of its medians and means."
                    ] = None
    return list(found)


def whole_song_metrics(table: Table) -> list[str]:
    """Return the table's metrics that have one value a song."""
    lines = [line for block in table.blocks for line in block.lines]
    cells = [item for line in lines for item in line.cells.items()]
    return list(dict.fromkeys(metric for metric, cell in cells if cell and cell.whole_song))


def source_line(entry: Published) -> str:
    """Return where a published value is from and how far it can be trusted."""
    doubts = []
    if entry.aggregation is None:
        doubts.append("aggregation not stated, shown beside the first one here")
    if not entry.verified:
        doubts.append("value not verified in the source itself")
    return entry.source.rstrip(".") + (f" ({'; '.join(doubts)})." if doubts else ".")


def span(numbers: Iterable[int], unit: str = "") -> str:
    """Return ``12 songs`` or, where the numbers differ, ``11 to 12 songs``."""
    ordered = sorted(numbers) or [0]
    low, high = ordered[0], ordered[-1]
    text = f"{low}" if low == high else f"{low} to {high}"
    plural = "" if not unit or high == 1 else "s"
    return f"{text} {unit}{plural}".strip()
