"""``mssbench separate``: separate the test songs of a rendition."""

import argparse
import logging
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mssbench.atomic import atomic_path, write_json
from mssbench.commands.options import choose_device, positive, read_config
from mssbench.errors import UserError
from mssbench.progress import track

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mssbench.data.rendition import Rendition, RenditionSong
    from mssbench.models.base import Model
    from mssbench.separation import Estimates, SeparationConfig

log = logging.getLogger(__name__)

# What a configuration must have; a trained model's has what it was trained with, too.
PARTS = ("rendition", "model", "separation")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--config", required=True, metavar="JSON|FILE", help="the resolved configuration"
    )
    parser.add_argument("--rendition", type=Path, required=True, help="a rendition's manifest.json")
    parser.add_argument("--weights", type=Path, help="a trained model's .safetensors")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="the estimates.json to write; each song's WAV files go into a folder beside it",
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=positive, default=1, help="CPU threads (default: 1)")


def run(args: argparse.Namespace) -> None:
    """Separate every test song and write what was made last.

    Raises:
        UserError: configuration, rendition, weights or device do not fit each other.
    """
    import torch

    from mssbench.data.rendition import Rendition
    from mssbench.models.base import Separator
    from mssbench.models.weights import load_model
    from mssbench.separation import SeparationConfig
    from mssbench.training.structure import structure

    config = read_config(args.config)
    missing = [part for part in PARTS if part not in config]
    if missing:
        raise UserError(f"--config lacks the key {missing[0]!r}; needed are {', '.join(PARTS)}")
    separation = structure(SeparationConfig, config["separation"], "separation")
    rendition = Rendition.open(args.rendition)
    check_rendition(rendition, config["rendition"], args.rendition)
    torch.set_num_threads(args.threads)
    device = choose_device(args.device)
    trained = {key: value for key, value in config.items() if key != "separation"}
    model = load_model(trained, args.weights)
    if isinstance(model, Separator):
        model.to(device)
    for leftover in args.out.parent.glob("*/.*.partial.wav"):
        leftover.unlink()  # of a killed run
    separate_songs(model, rendition, separation, args.out, device)


def check_rendition(rendition: "Rendition", wanted: dict[str, Any], manifest: Path) -> None:
    """Check that a rendition is the wanted one.

    Raises:
        UserError: its rate, channels or format are others, or it has no test song.
    """
    rate, channels, stored_as = rendition.rate, rendition.channels, rendition.sample_format
    found = {"rate": rate, "channels": channels, "format": stored_as}
    if found != {"format": "float32"} | wanted:
        raise UserError(
            f"{manifest} is {rate} Hz {channels} {stored_as}, the configuration's rendition "
            f"is {wanted}; prepare that one, or change the configuration"
        )
    if not test_songs(rendition):
        raise UserError(f"{manifest} has no song of the subset test; give a data set that has some")


def test_songs(rendition: "Rendition") -> list["RenditionSong"]:
    """Return the songs to separate; training songs never are."""
    return [song for song in rendition.songs if song.subset == "test"]


def separate_songs(
    model: "Model",
    rendition: "Rendition",
    separation: "SeparationConfig",
    out: Path,
    device: str,
) -> None:
    """Write the estimates of each song, then the list of them.

    Raises:
        UserError: the disk has too little space, or the model does not suit the audio.
    """
    from mssbench.data.disk import require_free
    from mssbench.separation import separate_song, targets_of

    songs = test_songs(rendition)
    targets, samples = targets_of(model), sum(song.samples for song in songs)
    require_free(out.parent, 4 * samples * rendition.channel_count * len(targets), "separating")
    entries = []
    start = time.monotonic()
    for song in track(songs, "separate", len(songs)):
        files = {target: f"{song.name}/{target}.wav" for target in targets}
        blocks = separate_song(model, rendition.audio(song), rendition.stems, separation)
        paths = {target: out.parent / file for target, file in files.items()}
        write_estimates(blocks, paths, rendition.rate, rendition.channel_count)
        entries.append({"name": song.name, "files": files, "samples": song.samples})
    seconds = time.monotonic() - start
    realtime_factor = seconds * rendition.rate / samples
    write_json(
        out,
        {
            "songs": entries,
            "targets": targets,
            "rate": rendition.rate,
            "device": device,
            # Of reading, separating and writing; a factor below 1 is faster than listening.
            "seconds": round(seconds, 3),
            "realtime_factor": round(realtime_factor, 6),
        },
    )
    log.info("%s: %d songs in %.3g times their length", out, len(songs), realtime_factor)


def write_estimates(
    blocks: "Iterable[Estimates]", files: dict[str, Path], rate: int, channels: int
) -> None:
    """Write a song's estimates block by block as float32 WAV.

    Args:
        blocks: consecutive parts of the estimates.
        files: target -> file.
        rate: sample rate (Hz).
        channels: audio channels.
    """
    import soundfile

    from mssbench.data.disk import telling_full_disk

    folder = next(iter(files.values())).parent
    folder.mkdir(parents=True, exist_ok=True)
    with telling_full_disk(folder), ExitStack() as stack:
        waves = {}
        for target, file in files.items():
            temporary = stack.enter_context(atomic_path(file))
            waves[target] = stack.enter_context(
                soundfile.SoundFile(temporary, "w", rate, channels, subtype="FLOAT")
            )
        for estimates in blocks:
            for target, wave in waves.items():
                wave.write(estimates[target].T)
