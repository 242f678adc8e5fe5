"""One look for all figures, and files whose bytes depend on the data alone."""

import re
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from mssbench.atomic import atomic_path
from mssbench.report.config import Experiment

# Okabe and Ito, Color Universal Design (2008): told apart by colour-blind readers. Yellow is left
# out, since lines of it vanish on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY, DARK_GREY = "#8C8C8C", "#4D4D4D"

# Kind of a system -> its colour, and what a figure calls it.
KINDS = {
    "trained": (COLOURS[0], "blue", "learned"),
    "untrained": (COLOURS[1], "orange", "nothing learned"),
    "bound": (GREY, "grey", "bounds"),
}

# Inches. A text column and the full text width of the usual two-column papers.
COLUMN, PAGE = 3.4, 7.0
REMARK_CHARACTERS = 22  # of the remark's size fit in an inch

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
    "font.size": 8.0,
    "axes.labelsize": 8.0,
    "axes.titlesize": 8.0,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.0,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#D9D9D9",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.2,
    "figure.constrained_layout.w_pad": 0.08,
    "savefig.dpi": 300,
    # Without a salt of our own, the names of an SVG's parts would be random.
    "svg.hashsalt": "mssbench",
    "svg.fonttype": "path",
}


@contextmanager
def style() -> Iterator[None]:
    """Draw with this style on matplotlib's defaults, whatever the user's own matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def colour_of(place: int) -> str:
    """Return the colour of the ``place``-th system; they repeat after the sixth."""
    return COLOURS[place % len(COLOURS)]


def colour_of_kind(kind: str) -> str:
    """Return the colour of ``trained`` and ``untrained`` systems and of a ``bound``."""
    return KINDS[kind][0]


def kinds_line(systems: Iterable[Experiment]) -> str:
    """Return what the colours of systems mean, as in ``blue: learned; grey: bounds``."""
    there = {system.kind for system in systems}
    return "; ".join(f"{name}: {what}" for kind, (_, name, what) in KINDS.items() if kind in there)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of ``width`` x ``height`` inches that lays itself out."""
    return Figure(figsize=(width, height), layout="constrained")


def with_minus(text: str) -> str:
    """Return a number with a minus sign, which is as wide as a plus, instead of a hyphen."""
    return text.replace("-", "\N{MINUS SIGN}")


def remark(figure: Figure, text: str) -> None:
    """Write small lines below the figure; nothing where ``text`` is empty."""
    if text:
        # No line begins with the unit of a number.
        text = re.sub(r"(?<=\d) (?=(?:s|dB|Hz|kHz|bit)\b)", "\N{NO-BREAK SPACE}", text)
        lines = textwrap.fill(text, width=int(REMARK_CHARACTERS * figure.get_figwidth()))
        figure.supxlabel(lines, fontsize=6.0, color=DARK_GREY, x=0.005, ha="left")


def save(figure: Figure, folder: Path, name: str, title: str) -> None:
    """Write ``<name>.svg`` and ``<name>.png``; call it within ``style``.

    The same data gives the same bytes with the same versions of matplotlib and its fonts: no
    date, no version and no random name is written.

    Args:
        figure: the figure.
        folder: where the files go.
        name: their name without the ending.
        title: what the figure shows; stands in the files' metadata.
    """
    metadata = {
        "svg": {"Title": title, "Date": None, "Creator": None},
        "png": {"Title": title, "Software": None},
    }
    for suffix, entries in metadata.items():
        with atomic_path(folder / f"{name}.{suffix}") as path:
            figure.savefig(path, format=suffix, metadata=entries)
