"""Reading the training data: crops a second, waiting for them, and preparing a rendition.

The songs are rendered once into a folder and found there again. A song of three minutes takes 3 s
of a core to render and 23 s to encode as ``.stem.mp4``, so fewer are encoded; 100 songs, 20 of them
encoded, need 47 GB with their renditions, or 24 GB for the part ``mono`` alone.
"""

import argparse
from pathlib import Path

import data_crops
import data_preparing
import data_waiting
from data_songs import stem_songs, wav_songs

RESULTS = Path(__file__).parents[1] / "results"
PARTS = ("crops", "mono", "waiting", "preparing")


def main() -> None:
    """Print a table for each part."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=RESULTS / "benchmarks" / "data")
    parser.add_argument("--songs", type=int, default=4, help="songs as WAV files")
    parser.add_argument("--stem-songs", type=int, default=4, help="songs as .stem.mp4 files")
    parser.add_argument("--seconds", type=float, default=30, help="length of a song")
    parser.add_argument("--lengths", type=int, nargs="+", default=[16384, 88200], help="of a crop")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scales", nargs="+", choices=data_waiting.STEPS, default=["demo"])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    args = parser.parse_args()
    folder = args.folder / f"{args.songs}x{args.seconds:g}"
    wavs = wav_songs(folder, args.songs, args.seconds)
    encoded = min(args.stem_songs, args.songs) if {"crops", "preparing"} & {*args.parts} else 0
    stems = stem_songs(folder, wavs, encoded)
    if "crops" in args.parts:
        data_crops.measure(folder, wavs, stems, args.lengths, args.rounds)
    if "mono" in args.parts:
        data_crops.measure_mono(folder, wavs, args.lengths, args.rounds)
    if "waiting" in args.parts:
        data_waiting.measure(folder, wavs, args.scales)
    if "preparing" in args.parts:
        data_preparing.measure(folder, stems, args.rounds)


if __name__ == "__main__":
    main()
