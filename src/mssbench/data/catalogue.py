"""The data sets that are known by name: what each holds, where it comes from, who may use it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

from mssbench.data.dsd100_songs import DEV, TEST, as_dsd100
from mssbench.data.songs import SOURCES, Song
from mssbench.errors import UserError

ZENODO = "https://zenodo.org/records"

# The archive and what comes out of it lie on the disk together. MUSDB18-HQ's WAV files take
# 1.4 times the archive's length, MP4 files take as much as their archive.
DISK_FACTOR = 2.5


@dataclass(frozen=True)
class Archive:
    """A zip file that holds a data set, or a part of one.

    Attributes:
        url: where it is fetched from.
        bytes: its length, in bytes; rounded where no exact one is published.
        checksums: ``"<algorithm>:<hex digits>"``, with an algorithm of ``hashlib``; each must
            agree.
    """

    url: str
    bytes: int
    checksums: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """The name of the file, without folder."""
        return PurePosixPath(urlsplit(self.url).path).name

    @property
    def disk(self) -> int:
        """Room for the file and for what is unpacked from it, in bytes (an upper bound)."""
        return int(DISK_FACTOR * self.bytes)


@dataclass(frozen=True)
class Erratum:
    """What is known to be wrong with one song.

    Attributes:
        song: the song's name.
        what: the fault, in short.
        shows: the kind of the finding by which ``mssbench data check`` meets the fault too; None
            for a fault that only a listener finds.
    """

    song: str
    what: str
    shows: Literal["sum", "clipped", "silent"] | None = None


@dataclass(frozen=True)
class Entry:
    """A data set that is known by name.

    Attributes:
        name: as the command line and the configuration spell it.
        layout: how a song lies on disk: ``"wav"`` is a folder of WAV files, one a stem;
            ``"stems"`` is one MP4 file with five audio streams; ``"dsd"`` is WAV files in a
            folder of mixtures and one of sources; ``"own"`` is a folder of files with any stems.
        train: the number of songs in ``train/``; None where the user chooses it.
        test: the number of songs in ``test/``; None where the user chooses it.
        licence: the terms, in short.
        citation: what a paper that uses the data set cites.
        archives: what to fetch; empty for a data set that is not downloaded.
        note: what a user should know before choosing it.
        availability: why its archive may not be had, or cannot be; empty where nothing is known
            to stand in the way.
        errata: what is known to be wrong with single songs.
        rebuilt_by: the name of the entry that finds its songs in a copy of MUSDB18-HQ.
        is_rendered: whether its audio is computed here.
        sources: the stems of a song beside the mixture; empty where its files tell.
        select: chooses among the songs found and assigns their subsets; None takes all as they
            lie.
        file: the YAML file that describes it; None for an entry of this module.
    """

    name: str
    layout: Literal["wav", "stems", "dsd", "own"]
    train: int | None
    test: int | None
    licence: str
    citation: str
    archives: tuple[Archive, ...] = field(default=())
    note: str = ""
    availability: str = ""
    errata: tuple[Erratum, ...] = ()
    rebuilt_by: str | None = None
    is_rendered: bool = False
    sources: tuple[str, ...] = SOURCES
    select: Callable[[Sequence[Song]], list[Song]] | None = None
    file: Path | None = None


MUSDB_TERMS = (
    "academic, non-commercial use only; of MUSDB18's 150 songs 48 are CC BY-NC-SA, 102 restricted"
)
DSD_TERMS = "academic, non-commercial use only; all 100 songs are restricted"

# As MUSDB18's page at sigsep.github.io lists them.
MUSDB_ERRATA = (
    Erratum("Al James - Schoolboy Facination", "synthesised vocals are in other"),
    Erratum("BKS - Bulldozer", "a cowbell is in other, from 1:12 on"),
    Erratum("Chris Durban - Celebrate", "other instruments bleed into vocals"),
    Erratum("Detsky Sad - Walkie Talkie", "a part of other is in drums"),
    Erratum("Enda Reilly - Cur An Long Ag Seol", "someone speaks at the start of other"),
    Erratum("Hop Along - Sister Cities", "other instruments bleed into vocals"),
    Erratum("Leaf - Wicked", "an electric guitar is in drums, at 2:20 and 3:02"),
    Erratum("PR - Oh No", "in the left channel the sources do not sum to the mixture", "sum"),
)

ENTRIES = (
    Entry(
        name="synthetic",
        layout="wav",
        train=None,
        test=None,
        licence="none needed: the audio is computed",
        citation="none",
        note="songs made by rule from a seed; for trying the pipeline, not for papers",
        is_rendered=True,
    ),
    Entry(
        name="musdb18-7s",
        layout="stems",
        train=94,
        test=50,
        licence=MUSDB_TERMS,
        citation="Rafii, Liutkus, Stöter, Mimilakis, Bittner: The MUSDB18 corpus for music "
        "separation, 2017, doi:10.5281/zenodo.1117372 (excerpts: doi:10.5281/zenodo.3270814)",
        archives=(
            Archive(
                url=f"{ZENODO}/3270814/files/MUSDB18-7-STEMS.zip?download=1",
                bytes=147_209_385,
                checksums=("md5:dc2bdfac5b46ce742bd60009866758a5",),
            ),
        ),
        note="excerpts of 7 s; six of MUSDB18's training songs are missing",
    ),
    Entry(
        name="musdb18",
        layout="stems",
        train=100,
        test=50,
        licence=MUSDB_TERMS,
        citation="Rafii, Liutkus, Stöter, Mimilakis, Bittner: The MUSDB18 corpus for music "
        "separation, 2017, doi:10.5281/zenodo.1117372",
        archives=(
            Archive(
                url=f"{ZENODO}/1117372/files/musdb18.zip?download=1",
                bytes=4_684_228_845,
                checksums=("md5:af06762477334799bfc5abf237648207",),
            ),
        ),
        note="AAC at 256 kbit/s, band-limited to about 16 kHz; "
        "the mixture is not exactly the sum of the stems",
        errata=MUSDB_ERRATA,
    ),
    Entry(
        name="musdb18hq",
        layout="wav",
        train=100,
        test=50,
        licence=MUSDB_TERMS,
        citation="Rafii, Liutkus, Stöter, Mimilakis, Bittner: MUSDB18-HQ, an uncompressed version "
        "of MUSDB18, 2019, doi:10.5281/zenodo.3338373",
        archives=(
            Archive(
                url=f"{ZENODO}/3338373/files/musdb18hq.zip?download=1",
                bytes=22_656_664_047,
                checksums=(
                    "md5:12d4f2ecd55245a4688754dd76363103",
                    "sha256:baac80d0483c61d74b2e5f3be75fa557eec52898339e6aa45c1fa48833c5d21d",
                ),
            ),
        ),
        note="44.1 kHz, 16 bit; a song's length differs a little from MUSDB18's: "
        "never mix references and estimates of the two",
        errata=MUSDB_ERRATA,
    ),
    Entry(
        name="dsd100",
        layout="dsd",
        train=50,
        test=50,
        licence=DSD_TERMS,
        citation="Liutkus, Stöter, Rafii, Kitamura, Rivet, Ito, Ono, Fontecave: The 2016 signal "
        "separation evaluation campaign, LVA/ICA 2017",
        archives=(
            Archive(
                url="http://liutkus.net/DSD100.zip",
                bytes=14_000_000_000,
                checksums=("md5:e8964d97d6f320962647e24ebc6773e3",),
            ),
        ),
        note="Dev is train, Test is test; MUSDB18 holds the same songs, assigned to train and test "
        "in another way: a model trained on one must not be tested on the other",
        availability="the archive may be gone from its only known address, liutkus.net",
        rebuilt_by="dsd100-from-musdb18hq",
    ),
    Entry(
        name="dsd100-from-musdb18hq",
        layout="wav",
        train=50,
        test=50,
        licence=DSD_TERMS,
        citation="as musdb18hq for the audio, as dsd100 for the assignment of the songs",
        note="DSD100's songs, found by name in a copy of MUSDB18-HQ and assigned to train (Dev) "
        "and test (Test) as in DSD100; whether the audio is that of DSD100 to the bit is unknown",
        availability="it is made from a copy of MUSDB18-HQ",
        errata=tuple(erratum for erratum in MUSDB_ERRATA if erratum.song in DEV + TEST),
        select=as_dsd100,
    ),
    Entry(
        name="msd100",
        layout="dsd",
        train=50,
        test=50,
        licence=DSD_TERMS,
        citation="Ono, Rafii, Kitamura, Ito, Liutkus: The 2015 signal separation evaluation "
        "campaign, LVA/ICA 2015",
        note="DSD100's songs with mixtures that are sums of their sources; Dev is train, Test is "
        "test; a mono source fills both channels of its stereo mixture, at the gain of its file",
        availability="no address of its archive, and no checksum, could be confirmed",
        rebuilt_by="dsd100-from-musdb18hq",
    ),
)

CATALOGUE = {entry.name: entry for entry in ENTRIES}


def entry(name: str) -> Entry:
    """Return the data set called ``name``.

    Raises:
        UserError: there is none; names those there are.
    """
    try:
        return CATALOGUE[name]
    except KeyError:
        known = ", ".join(CATALOGUE)
        raise UserError(f"there is no data set {name!r}; known are {known}") from None
