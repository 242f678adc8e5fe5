"""``mssbench figures``: a study's figures from scores, histories, estimates and weights."""

import argparse
import logging
from pathlib import Path

from mssbench.commands.named_files import by_name
from mssbench.commands.options import choose_device
from mssbench.errors import UserError

log = logging.getLogger(__name__)


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
    parser.add_argument(
        "--runs", nargs="*", default=[], help=f"the run.json of trained rows, {named}"
    )
    parser.add_argument("--rendition", type=Path, help="the manifest.json of the true sources")
    parser.add_argument(
        "--estimates", nargs="*", default=[], help=f"the estimates.json of the rows, {named}"
    )
    parser.add_argument(
        "--weights",
        nargs="*",
        default=[],
        help=f"the model.safetensors of trained rows, for figures of models, {named}",
    )
    parser.add_argument(
        "--device",
        choices=["auto", "cpu", "cuda"],
        default="auto",
        help="where those figures run their models; pictures may differ a little (default: auto)",
    )
    parser.add_argument(
        "--out", required=True, type=Path, help="folder for <figure>.svg and <figure>.png"
    )


def run(args: argparse.Namespace) -> None:
    """Draw every figure that the configuration defines.

    Raises:
        UserError: a kind or a key of it is unknown, or what it needs is missing.
    """
    from mssbench.report.aggregate import require
    from mssbench.report.config import read_config
    from mssbench.report.figures.kinds import KINDS
    from mssbench.report.figures.needs import KEYS
    from mssbench.report.figures.style import save, style
    from mssbench.report.sources import Sources

    config = read_config(args.config)
    if not config.figures:
        raise UserError("--config: it defines no figure; give a map of at least one as its figures")
    sources = Sources(
        scores=tuple(args.scores),
        histories=by_name(args.histories),
        runs=by_name(args.runs),
        estimates=by_name(args.estimates),
        manifest=args.rendition,
        weights=by_name(args.weights),
        device=choose_device(args.device) if args.weights else "cpu",
    )
    for name, definition in config.figures.items():
        kind = definition["kind"]
        require("kinds of figures", [kind], KINDS)
        require(f"keys of {kind}", definition, ("title", "kind", *KEYS[kind]))
        with style():
            figure = KINDS[kind].draw(definition, config, sources)
            save(figure, args.out, name, definition["title"])
        log.info("wrote %s.svg and .png", args.out / name)
