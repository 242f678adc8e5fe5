"""Whether published values are of the songs and the training that ours are of."""

from collections.abc import Sequence

from mssbench.report.config import PAPER_SCALE, Published, ReportConfig

SAME_SONGS = {"musdb18hq": "musdb18"}
"""Data set -> the one that it is another copy of, with the same test songs."""

FOR_TRYING = ("synthetic", "musdb18-7s")
"""Data sets that no paper has values of."""

UNSTATED = "a data set that the study does not state"


def unlike_published(config: ReportConfig, shown: Sequence[Published] = ()) -> str:
    """Return what keeps values from being compared with published ones; empty if nothing does.

    Args:
        config: the study.
        shown: the published values that stand beside; without any, all of the study count.
    """
    sets = dict.fromkeys(entry.dataset for entry in (shown or config.published))
    unlike = [each for each in sets if each is None or songs_of(each) != songs_of(config.dataset)]
    named = " and ".join(each or UNSTATED for each in unlike)
    is_small = config.scale != PAPER_SCALE
    if not sets:
        if not is_small and config.dataset not in FOR_TRYING:
            return ""
        return (
            "Not comparable with published values, which need the songs of a paper and training "
            f"at {PAPER_SCALE} scale."
        )
    if is_small:
        songs = f"the test songs of {named} and " if unlike else ""
        return (
            f"Not comparable with published values, which need {songs}training at {PAPER_SCALE} "
            "scale."
        )
    if not unlike:
        return ""
    alike = [each for each in sets if each not in unlike]
    if not alike:
        return f"Not comparable with published values, which need the test songs of {named}."
    return (
        f"Not comparable with published values of {named}, which need its test songs; those of "
        f"{' and '.join(str(each) for each in alike)} are of the same songs as here."
    )


def songs_of(dataset: str) -> str:
    """Return the data set whose songs those of ``dataset`` are."""
    return SAME_SONGS.get(dataset, dataset)
