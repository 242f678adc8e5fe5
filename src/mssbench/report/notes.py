"""The notes below a table: what its values, marks and columns mean."""

from mssbench.report.aggregate import WHOLE_SONG_NAMES
from mssbench.report.captions import fold_notes, imported_notes, span
from mssbench.report.cells import Table
from mssbench.report.config import Experiment
from mssbench.report.intervals import POOLS
from mssbench.report.significance import BEST, WITHIN_SONG
from mssbench.report.statistics.bootstrap import MIN_SONGS_DRAWN, RESAMPLES

STAR = "*"
TESTS = {
    "mcnemar": "McNemar's tests",
    "wilcoxon": "Wilcoxon signed-rank tests",
    "conover": "Conover's comparisons of ranks",
}

COST_MEANINGS = {
    "parameters": "trainable parameters",
    "training": "time to train",
    "separation": "seconds to separate a second of music",
}

OF_PART = "those in this part of the model"

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


def notes(table: Table) -> list[str]:
    """Return the notes below the table, one sentence or two each."""
    used = dict.fromkeys(block.aggregation for block in table.blocks)
    found = [
        *(f"{name[0].upper()}{name[1:]}: {MEANINGS[name]}." for name in used),
        *interval_notes(table),
        *significance_notes(table),
        *literature_notes(table),
        *cost_notes(table),
        "NaN: windows without a value, in which a source or an estimate is silent, of all "
        "windows of all seeds. They enter no median and no mean.",
        *(f"{name}: {note}." for name in table.metrics if (note := table.protocol.note(name))),
        *whole_song_notes(table),
        *nan_song_notes(table),
        *imported_notes(experiments_of(table)),
        *fold_notes(experiments_of(table)),
    ]
    if table.ranking is not None:
        found.insert(0, f"Rank: by the {table.ranking}, mean over seeds, the highest first.")
    if table.config.citation:
        found.append(f"Study: {table.config.title}. {table.config.citation.rstrip('.')}.")
    return found + [f"Deviation: {text}" for text in table.config.deviations]


def interval_notes(table: Table) -> list[str]:
    """Return what the intervals are, and why some values have none; none without intervals."""
    if table.confidence is None:
        return []
    text = (
        f"Intervals: {100 * table.confidence:g} % confidence, by drawing whole songs anew "
        f"{RESAMPLES} times (bootstrap, percentiles), the same for all seeds."
    )
    if any(block.aggregation not in POOLS for block in table.blocks):
        text += " Measures of spread have none."
    in_pools = [block for block in table.blocks if block.aggregation in POOLS]
    cells = [cell for block in in_pools for line in block.lines for cell in line.cells.values()]
    if any(cell is not None and cell.interval is None for cell in cells):
        text += f" Values of fewer than {MIN_SONGS_DRAWN} songs have none."
    return [text]


def significance_notes(table: Table) -> list[str]:
    """Return what significance marks say, or why there are none; none where nothing is tested."""
    asked = table.significance
    if asked is None:
        return []
    made: dict[str, list[int]] = {}
    whys: dict[str, dict[str, None]] = {}
    for block in table.blocks:
        outcomes = [
            (metric, cell.outcome)
            for line in block.lines
            for metric, cell in line.cells.items()
            if cell is not None and cell.outcome is not None
        ]
        for metric, outcome in outcomes:
            if outcome.p is None:
                whys.setdefault(outcome.why, {})[f"{metric} ({block.target})"] = None
            else:
                over = WITHIN_SONG[block.aggregation] if outcome.segments is None else ""
                made.setdefault(over, []).append(outcome.segments or outcome.songs)
    found = []
    for within, counts in made.items():
        whom = "the best system of the column"
        pairs = "all pairs of systems"
        if asked.against != BEST:
            labels = {each.name: each.label for each in experiments_of(table)}
            whom, pairs = labels[asked.against], "the pairs with it"
        found.append(
            f"{STAR} differs from {whom}, p < {asked.alpha:g}: {TESTS[asked.kind]} of "
            f"{tested(within, counts)}, corrected for {pairs} (Holm)."
        )
    for why, which in whys.items():
        found.append(f"No test of {', '.join(which)}: {why}.")
    return found or ["No test: there are no two systems to compare."]


def tested(within: str, counts: list[int]) -> str:
    """Return of what values tests are: of songs, or of segments where ``within`` is empty."""
    if within:
        return (
            f"each song's {within} over windows, averaged over seeds, over "
            f"{span(counts, 'common song')}"
        )
    return (
        "whether a segment is right, all of its frames labelled as the source's, with more than "
        f"half of the seeds, over {span(counts, 'common segment')}; segments of a song are no "
        "independent pairs, so p is too small"
    )


def literature_notes(table: Table) -> list[str]:
    """Return that some systems are quoted alone; none where there is no such system."""
    lines = (line for block in table.blocks for line in block.literature)
    names = list(dict.fromkeys(line.system for line in lines))
    return [f"Not run here, quoted from the sources above: {', '.join(names)}."] if names else []


def cost_notes(table: Table) -> list[str]:
    """Return what the costs are and what they were measured on; none where there are none."""
    if not table.costs:
        return []
    costs = [
        cost for block in table.blocks[:1] for line in block.lines for cost in line.costs.items()
    ]
    folds = any(row.fold is not None for each in experiments_of(table) for row in each.rows)
    over = "seeds and folds" if folds else "seeds"
    parts = [
        f"{kind.capitalize()}: {COST_MEANINGS.get(kind, OF_PART)}, mean over {over}."
        for kind in table.costs
    ]
    devices = sorted({device for _, cost in costs for device in cost.devices})
    if devices:
        parts.append(f"Times on {' and '.join(devices)}.")
    if any(cost.value is None for _, cost in costs):
        parts.append("Empty: a bound, nothing to train, or imported scores.")
    return [" ".join(parts)]


def experiments_of(table: Table) -> list[Experiment]:
    """Return the table's experiments in their order."""
    return [line.experiment for block in table.blocks[:1] for line in block.lines]


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
    cells = [item for line in table.lines for item in line.cells.items()]
    return list(dict.fromkeys(metric for metric, cell in cells if cell and cell.whole_song))
