"""``mssbench separate``: separate songs of a rendition, or recordings of one's own."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mssbench.commands.options import choose_device, positive, read_config
from mssbench.errors import UserError

if TYPE_CHECKING:
    from mssbench.data.rendition import Rendition, RenditionSong

# What a configuration must have; a trained model's has what it was trained with, too.
PARTS = ("rendition", "model", "separation")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    own = parser.add_argument_group("recordings of one's own")
    own.add_argument("songs", nargs="*", type=Path, metavar="SONG", help="audio files of any kind")
    own.add_argument(
        "--run",
        metavar="RUN",
        help="what separates them: a training run's folder, name or MLflow id, its .safetensors "
        "file, or an untrained method",
    )
    own.add_argument(
        "--segment", type=positive, help="length the model hears at once (samples at its rate)"
    )
    own.add_argument(
        "--overlap",
        type=float,
        help="share of it that is cross-faded (default: 0 with the usual context, else 0.25)",
    )
    own.add_argument(
        "--context",
        type=int,
        help="samples at both ends of a segment that are heard only (default: as many as an "
        "estimate depends on, so that segments say what the whole recording would; 0 where that "
        "is all of it, as with recurrent layers or norms over time, or where --segment is given)",
    )
    own.add_argument(
        "--output", help="which estimate: final (default), or HTMD-Net's intermediate one"
    )
    own.add_argument(
        "--exact-sum",
        action="store_true",
        help="let the files add up to the recording: what they lack goes to the accompaniment",
    )
    own.add_argument(
        "--shifts",
        type=int,
        default=0,
        metavar="N",
        help="average over N copies of the recording, delayed at random (default: 0, none)",
    )
    own.add_argument(
        "--rescale",
        action="store_true",
        help="give the estimates the levels that make up the recording best; needs it whole, a "
        "long one in a temporary file",
    )
    own.add_argument(
        "--soft-mask",
        type=float,
        metavar="A",
        help="make the estimates shares of the recording's spectrum by their magnitudes to the A",
    )
    own.add_argument(
        "--wiener",
        type=int,
        metavar="N",
        help="filter the recording by the estimates' powers and directions, found N times",
    )
    own.add_argument(
        "--threshold",
        action="store_true",
        help="silence segments in which an estimate or the recording has little energy",
    )
    stage = parser.add_argument_group("a stage of the pipeline")
    stage.add_argument("--config", metavar="JSON|FILE", help="the resolved configuration")
    stage.add_argument("--rendition", type=Path, help="a rendition's manifest.json")
    stage.add_argument("--weights", type=Path, help="a trained model's .safetensors")
    parser.add_argument(
        "--out",
        type=Path,
        help="of recordings: the folder for a folder each (default: separated); in the pipeline: "
        "the estimates.json to write, beside which each song's WAV files go into a folder",
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=positive, default=1, help="CPU threads (default: 1)")


def run(args: argparse.Namespace) -> None:
    """Separate recordings, or the songs of a rendition that a configuration asks for.

    Raises:
        UserError: options are missing or do not go together, or what they name does not fit.
    """
    given = {name for name in ("config", "rendition", "weights") if getattr(args, name)}
    if args.songs or args.run:
        if given and args.run:
            raise UserError(
                "recordings go with --run alone, without --config, --rendition or --weights"
            )
        if not (args.songs and args.run):
            raise UserError("give recordings and --run, which says what separates them")
        from mssbench.commands.separate_recordings import separate_recordings

        separate_recordings(args)
        return
    if not {"config", "rendition"} <= given or not args.out:
        raise UserError("give recordings and --run; or --config, --rendition and --out")
    separate_rendition(args)


def separate_rendition(args: argparse.Namespace) -> None:
    """Separate the test songs, or those held out from training, and write what was made last.

    What an attempt before has left undone is done, where it was one of the same.

    Raises:
        UserError: configuration, rendition, weights or device do not fit each other.
    """
    import torch

    from mssbench.commands.separate_songs import separate_songs
    from mssbench.data.rendition import Rendition
    from mssbench.kept_songs import KeptSongs, made_from
    from mssbench.models.base import Separator
    from mssbench.models.weights import load_model
    from mssbench.separation import SeparationConfig
    from mssbench.training.config import ModelConfig
    from mssbench.training.structure import structure

    config = read_config(args.config)
    missing = [part for part in PARTS if part not in config]
    if missing:
        raise UserError(f"--config lacks the key {missing[0]!r}; needed are {', '.join(PARTS)}")
    separation = structure(SeparationConfig, config["separation"], "separation")
    structure(ModelConfig, config["model"], "model")
    for part in {"rendition", "split", "training"} & config.keys():
        if not isinstance(config[part], dict):
            raise UserError(f"{part} is {config[part]!r}; it must be a map of keys")
    rendition = Rendition.open(args.rendition)
    check_rendition(rendition, config["rendition"], args.rendition)
    songs = chosen_songs(rendition, config, args.rendition)
    torch.set_num_threads(args.threads)
    trained = {key: value for key, value in config.items() if key != "separation"}
    model = load_model(trained, args.weights)
    device = "cpu"
    if isinstance(model, Separator):
        # Not for the others: they would hold a GPU that a training could use.
        device = choose_device(args.device)
        model.to(device)
    for leftover in args.out.parent.glob("*/.*.partial.wav"):
        leftover.unlink()  # of a killed run
    normalise = config.get("training", {}).get("normalise") == "song"
    kept = KeptSongs(
        args.out.parent, made_from(config, args.weights, rendition, device, args.threads)
    )
    separate_songs(
        model,
        rendition,
        songs,
        separation,
        args.out,
        kept=kept,
        device=device,
        normalise=normalise,
    )


def check_rendition(rendition: "Rendition", wanted: dict[str, Any], manifest: Path) -> None:
    """Check that a rendition is the wanted one.

    Raises:
        UserError: its rate, channels or format are others.
    """
    rate, channels, stored_as = rendition.rate, rendition.channels, rendition.sample_format
    found = {"rate": rate, "channels": channels, "format": stored_as}
    # Where sources stand is part of the rendition's name alone.
    asked = {key: value for key, value in wanted.items() if key != "panning"}
    if found != {"format": "float32"} | asked:
        raise UserError(
            f"{manifest} is {rate} Hz {channels} {stored_as}, the configuration's rendition "
            f"is {wanted}; prepare that one, or change the configuration"
        )


def chosen_songs(
    rendition: "Rendition", config: dict[str, Any], manifest: Path
) -> list["RenditionSong"]:
    """Return the songs to separate: no song that has trained the model is among them.

    Args:
        rendition: has the songs.
        config: the resolved configuration, whose ``separation.songs`` and ``split`` decide.
        manifest: the rendition's file, which messages name.

    Raises:
        UserError: there is none, or the split holds none out.
    """
    from mssbench.data.splits import split_songs
    from mssbench.scored_songs import HELD_OUT, scored_songs

    subset = "test"
    if scored_songs(config) == HELD_OUT:
        if "split" in config:
            return list(split_songs(rendition, config["split"]).held_out)
        subset = "train"
    # Changed copies are none of the data set's songs.
    songs = [song for song in rendition.songs if song.subset == subset and song.origin is None]
    if not songs:
        raise UserError(
            f"{manifest} has no song of the subset {subset}; give a data set that has some"
        )
    return songs
