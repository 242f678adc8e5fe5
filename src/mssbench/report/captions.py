"""What a table or figure says of itself: data, metric, counts, sources and deviations."""

from collections.abc import Iterable, Sequence

from mssbench.report.cells import Table
from mssbench.report.comparability import unlike_published
from mssbench.report.config import Experiment, Published, ReportConfig
from mssbench.report.scores import Scoring
from mssbench.scoring.measures import measure

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


def warning(
    config: ReportConfig, protocol: Scoring | None = None, shown: Sequence[Published] = ()
) -> str:
    """Return what keeps the values from being compared with others; empty if nothing does.

    Args:
        config: the study.
        protocol: how the scores were made; None where that is no matter.
        shown: the published values that stand beside; without any, all of the study count.
    """
    parts = [unlike_published(config, shown)]
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
    return " ".join(part for part in parts if part)


def caption(table: Table) -> str:
    """Return the caption: title, data, metric, unit, seeds and, where it is due, the warning."""
    songs = span((cell.songs for cell in table.cells), "song")
    parts = [
        f"{table.title.rstrip('.')}.",
        f"D{data_line(table.config)[1:]}, {songs}.",
        f"{table.protocol}; {units(table)}.",
        seeds_line(table),
        warning(table.config, table.protocol, table.sources),
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
    """Return how many seeds a trained experiment's value stands for."""
    blocks = table.blocks[:1]
    trained = [
        line for block in blocks for line in block.lines if line.experiment.kind == "trained"
    ]
    seeds = [len(line.experiment.scored) for line in trained]
    if not seeds:
        return ""
    if max(seeds) == 1:
        return "One seed."
    # Folds whose models are scored on test songs are values of their own, as seeds are.
    folds = any(row.fold is not None for line in trained for row in line.experiment.rows)
    return f"Mean ± standard deviation over {span(seeds, 'model' if folds else 'seed')}."


def imported_notes(experiments: Iterable[Experiment]) -> list[str]:
    """Return one sentence on the experiments whose scores others have made; none if none has."""
    rows = [row for experiment in experiments for row in experiment.rows if row.imported]
    if not rows:
        return []
    named = ", ".join(f"{row.label} ({row.imported})" for row in rows)
    return [f"Imported from museval's files, of windows like the others': scores of {named}."]


def fold_notes(experiments: Iterable[Experiment]) -> list[str]:
    """Return what the values of cross-validated experiments are of, one sentence a way."""
    labels: dict[str, list[str]] = {}
    for each in experiments:
        row = each.rows[0]
        if row.fold is None and not each.is_held_out:
            continue
        models = span([len({row.fold for row in each.rows})], "model")
        if row.fold is None:
            way = "scored on the training songs, as nothing is trained"
        elif not each.is_held_out:
            way = f"means over {models} a seed, each trained without one fold of the training songs"
        elif row.pool:
            way = (
                f"cross-validated with {models} a seed; each training song is scored once, by the "
                "model that was not trained on its fold, and all folds enter one value"
            )
        else:
            way = f"scored on fold {row.fold} of the training songs, which it was not trained on"
        labels.setdefault(way, []).append(each.label)
    return [f"{', '.join(names)}: {way}." for way, names in labels.items()]


def source_line(entry: Published) -> str:
    """Return where a published value is from and how far it can be trusted."""
    doubts = []
    if entry.dataset is not None and entry.dataset.lower() not in entry.source.lower():
        doubts.append(f"of {entry.dataset}")
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
