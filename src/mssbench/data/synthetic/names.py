"""Invented names of songs, ``Artist - Title``."""

import numpy as np

from mssbench.data.songs import SUBSETS

# Text to split is easier to read than columns of a hundred strings.
FIRST = (  # noqa: SIM905
    "Amber Ashen Blue Brass Calm Cedar Clay Copper Coral Crimson Distant Dusty Early "
    "Electric Faded Fallen Glass Golden Green Grey Hidden Hollow Indigo Iron Ivory Jade Late "
    "Little Lunar Marble Midnight Misty Narrow Northern Old Open Orange Paper Patient Pine "
    "Quiet Rapid Red River Rusty Salt Scarlet Second Silent Silver Slow Southern Spare "
    "Static Stone Summer Tall Velvet Violet Wandering Warm White Wild Winter Wooden Yellow"
).split()
SECOND = (  # noqa: SIM905
    "Anchors Arcade Avenue Bakery Balcony Beacons Bicycles Cabinet Canyons Captains Carousel "
    "Choir Clocks Comets Corner Divers Engine Falcons Ferry Foxes Gardeners Gliders Harbour "
    "Herons Islands Joiners Kites Ladders Lanterns Library Lighthouse Magnets Mailmen "
    "Meadows Mirrors Mothers Neighbours Orchard Otters Painters Parade Pilots Pioneers "
    "Postcards Quarry Radio Rooftops Runners Sailors Sisters Sparrows Station Swimmers "
    "Tailors Theatre Tigers Trains Umbrellas Valley Villas Weavers Whistles Windows"
).split()
VERB = (  # noqa: SIM905
    "Calling Carry Chasing Counting Crossing Follow Forget Holding Leaving Missing Never "
    "Painting Remember Running Saving Singing Sleeping Spinning Take Turning Waiting Watching"
).split()
THING = (  # noqa: SIM905
    "Another Sunday|August|Every Corner|Home|Letters|Me Down|My Shadow|No One|Nowhere|Oceans|"
    "Paper Planes|Satellites|Small Hours|Snow|The Distance|The Lights|The Morning|The Tide|"
    "The Weather|Tomorrow|Yesterday|Your Name|Your Window"
).split("|")

ARTISTS = len(FIRST) * len(SECOND)

MOST_SONGS = ARTISTS // len(SUBSETS)
"""How many songs a subset can have when each has an artist of its own."""


def song_name(seed: int, subset: str, index: int) -> str:
    """Return the name of song ``index`` of a subset.

    No two songs of a data set share an artist, so that names are unique and no artist of the test
    songs appears in training; each name depends on nothing but the arguments.

    Args:
        seed: of the data set.
        subset: ``train`` or ``test``.
        index: from 0 on, below MOST_SONGS.
    """
    order = np.random.default_rng(seed).permutation(ARTISTS)
    turn = len(SUBSETS) * index + SUBSETS.index(subset)
    first, second = divmod(int(order[turn]), len(SECOND))
    rng = np.random.default_rng([seed, turn])
    title = f"{rng.choice(VERB)} {rng.choice(THING)}"
    return f"{FIRST[first]} {SECOND[second]} - {title}"
