"""DSD100's songs and their subsets, found again among MUSDB18's by name.

MUSDB18 holds all 100 songs of DSD100, but 46 of them are its test songs, 54 train. Here they are
assigned as in DSD100's folders ``Dev`` and ``Test``: the track list of the dsdtools package
(faroit/dsdtools, configs/tracklist.csv) tells each song's subset, and it numbers the songs as the
folders do. The names are spelled as in MUSDB18's folders; the list has "Set Free Me" for "Set Me
Free".
Whether the audio of the two data sets agrees bit for bit is unverified.
"""

from collections.abc import Sequence
from dataclasses import replace

from mssbench.data.songs import Song
from mssbench.errors import UserError

TEST = (
    "ANiMAL - Clinic A",
    "ANiMAL - Rockshow",
    "Actions - One Minute Smile",
    "Al James - Schoolboy Facination",
    "Angela Thomas Wade - Milk Cow Blues",
    "Atlantis Bound - It Was My Fault For Waiting",
    "BKS - Too Much",
    "Bill Chudziak - Children Of No-one",
    "Bobby Nobody - Stitch Up",
    "Carlos Gonzalez - A Place For Us",
    "Cnoc An Tursa - Bannockburn",
    "Dark Ride - Burning Bridges",
    "Drumtracks - Ghost Bitch",
    "Fergessen - Back From The Start",
    "Fergessen - The Wind",
    "Forkupines - Semantics",
    "Girls Under Glass - We Feel Alright",
    "Hollow Ground - Ill Fate",
    "James Elder & Mark M Thompson - The English Actor",
    "James May - Dont Let Go",
    "James May - On The Line",
    "Johnny Lokke - Promises & Lies",
    "Jokers, Jacks & Kings - Sea Of Leaves",
    "Leaf - Come Around",
    "Leaf - Wicked",
    "Louis Cressy Band - Good Time",
    "M.E.R.C. Music - Knockout",
    "Motor Tapes - Shore",
    "Nerve 9 - Pray For The Rain",
    "Patrick Talbot - A Reason To Leave",
    "Phre The Eon - Everybody's Falling Apart",
    "Raft Monk - Tiring",
    "Sambasevam Shanmugam - Kaathaadi",
    "Secretariat - Over The Top",
    "Signe Jakobsen - What Have You Done To Me",
    "Skelpolu - Resurrection",
    "Speak Softly - Broken Man",
    "Spike Mullings - Mike's Sulking",
    "Swinging Steaks - Lost My Way",
    "The Long Wait - Back Home To Blue",
    "The Mountaineering Club - Mallory",
    "The Wrong'Uns - Rothko",
    "Timboz - Pony",
    "Tom McKenzie - Directions",
    "Traffic Experiment - Sirens",
    "Triviul - Dorothy",
    "Voelund - Comfort Lives In Belief",
    "We Fell From The Sky - Not You",
    "Young Griffo - Facade",
    "Zeno - Signs",
)
"""Songs 001 to 050, the folder ``Test``."""

DEV = (
    "AM Contra - Heart Peripheral",
    "ANiMAL - Easy Tiger",
    "Actions - Devil's Words",
    "Actions - South Of The Water",
    "Angels In Amplifiers - I'm Alright",
    "Arise - Run Run Run",
    "BKS - Bulldozer",
    "Ben Carrigan - We'll Talk About It All Tonight",
    "Black Bloc - If You Want Success",
    "Buitraker - Revo X",
    "Chris Durban - Celebrate",
    "Cristina Vane - So Easy",
    "Detsky Sad - Walkie Talkie",
    "Enda Reilly - Cur An Long Ag Seol",
    "Fergessen - Nos Palpitants",
    "Flags - 54",
    "Georgia Wonder - Siren",
    "Giselle - Moss",
    "Hollow Ground - Left Blind",
    "James May - All Souls Moon",
    "James May - If You Say",
    "Jay Menon - Through My Eyes",
    "Johnny Lokke - Whisper To A Scream",
    "Juliet's Rescue - Heartbeats",
    "Leaf - Summerghost",
    "Little Chicago's Finest - My Own",
    "Lyndsey Ollard - Catching Up",
    "Moosmusic - Big Dummy Shake",
    "Mu - Too Bright",
    "North To Alaska - All The Same",
    "Patrick Talbot - Set Me Free",
    "Punkdisco - Oral Hygiene",
    "Remember December - C U Next Time",
    "Secretariat - Borderline",
    "Side Effects Project - Sing With Me",
    "Skelpolu - Human Mistakes",
    "Skelpolu - Together Alone",
    "Speak Softly - Like Horses",
    "St Vitus - Word Gets Around",
    "The Doppler Shift - Atrophy",
    "The Long Wait - Dark Horses",
    "The Sunshine Garcia Band - For I Am The Moon",
    "Tim Taler - Stalker",
    "Titanium - Haunted Age",
    "Traffic Experiment - Once More (With Feeling)",
    "Triviul - Angelsaint",
    "Triviul feat. The Fiend - Widow",
    "Wall Of Death - Femme",
    "Young Griffo - Blood To Bone",
    "Young Griffo - Pennies",
)
"""Songs 051 to 100, the folder ``Dev``: what systems are trained on."""

SUBSETS = {"test": TEST, "train": DEV}


def as_dsd100(songs: Sequence[Song]) -> list[Song]:
    """Return DSD100's songs among ``songs``, in DSD100's subsets and order.

    Args:
        songs: of MUSDB18-HQ (or MUSDB18), in whichever subset.

    Raises:
        UserError: some of the 100 songs are not there.
    """
    known = {song.name: song for song in songs}
    missing = [name for names in SUBSETS.values() for name in names if name not in known]
    if missing:
        raise UserError(
            f"{len(missing)} of DSD100's 100 songs are not there, such as {missing[0]!r}; give the "
            "folder of a whole MUSDB18-HQ"
        )
    return [
        replace(known[name], subset=subset) for subset, names in SUBSETS.items() for name in names
    ]
