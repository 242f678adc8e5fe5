"""``mssbench figures``: a study's figures from scores, learning histories and estimates."""

import argparse
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mssbench.commands.named_files import by_name
from mssbench.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mssbench.report.config import ReportConfig

log = logging.getLogger(__name__)

# Kind of figure -> the keys that its definition may have beside title and kind.
KINDS = {
    "boxes": ("rows", "targets", "metrics"),
    "learning_curves": ("rows",),
    "excerpt": ("rows", "target", "seconds", "song", "start"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    named = "each in a folder of its row's name, or as NAME=PATH"
    parser.add_argument(
        "--config", required=True, help="the study, its rows and figures: JSON or a JSON file"
    )
    parser.add_argument(
        "--scores", nargs="*", default=[], type=Path, help="the score tables of the rows"
    )
    parser.add_argument(
        "--histories", nargs="*", default=[], help=f"the history.csv of trained rows, {named}"
    )
    parser.add_argument("--rendition", type=Path, help="the manifest.json of the true sources")
    parser.add_argument(
        "--estimates", nargs="*", default=[], help=f"the estimates.json of the rows, {named}"
    )
    parser.add_argument(
        "--out", required=True, type=Path, help="folder for <figure>.svg and <figure>.png"
    )


def run(args: argparse.Namespace) -> None:
    """Draw every figure that the configuration defines."""
    from mssbench.report.config import read_config
    from mssbench.report.figures.style import save, style

    config = read_config(args.config)
    if not config.figures:
        raise UserError("--config: it defines no figure; give a map of at least one as its figures")
    for name, definition in config.figures.items():
        with style():
            save(draw(definition, config, args), args.out, name, definition["title"])
        log.info("wrote %s.svg and .png", args.out / name)


def draw(
    definition: Mapping[str, Any], config: "ReportConfig", args: argparse.Namespace
) -> "Figure":
    """Draw one figure; only what its kind needs is imported and read.

    Raises:
        UserError: the kind or a key of it is unknown, or an option that it needs is missing.
    """
    from mssbench.report.aggregate import require

    kind = definition["kind"]
    require("kinds of figures", [kind], KINDS)
    require(f"keys of {kind}", definition, ("title", "kind", *KINDS[kind]))
    match kind:
        case "boxes":
            from mssbench.report.figures.boxes import draw_boxes
            from mssbench.report.scores import gather_scores

            return draw_boxes(definition, config, *gather_scores(args.scores))
        case "learning_curves":
            from mssbench.report.figures.learning_curves import draw_learning_curves

            return draw_learning_curves(definition, config, by_name(args.histories))
        case "excerpt":
            from mssbench.data.rendition import Rendition
            from mssbench.report.excerpt import cut_excerpt
            from mssbench.report.figures.excerpt import draw_excerpt

            if args.rendition is None:
                raise UserError("--rendition is missing; an excerpt needs a manifest.json")
            rendition = Rendition.open(args.rendition)
            excerpt = cut_excerpt(definition, config, rendition, by_name(args.estimates))
            return draw_excerpt(excerpt, config)
    raise AssertionError(kind)
