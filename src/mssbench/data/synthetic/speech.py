"""The sounds of the sung language: vowels by their formants, consonants by formants and noise."""

from dataclasses import dataclass

# Average first three formants (Hz) of men: Peterson and Barney, Control methods used in a study of
# the vowels, JASA 24 (1952), table II.
VOWELS = {
    "heed": (270, 2290, 3010),
    "hid": (390, 1990, 2550),
    "head": (530, 1840, 2480),
    "had": (660, 1720, 2410),
    "hod": (730, 1090, 2440),
    "hawed": (570, 840, 2410),
    "hood": (440, 1020, 2240),
    "who'd": (300, 870, 2240),
    "hud": (640, 1190, 2390),
    "heard": (490, 1350, 1690),
}


@dataclass(frozen=True)
class Consonant:
    """How a syllable begins.

    Args:
        formants: where the first three formants start (Hz).
        seconds: how long it lasts before the vowel.
        voicing: amplitude of the voice meanwhile, relative to the vowel.
        noise: a key of NOISES, or "" for none.
        noise_gain: amplitude of the noise relative to a vowel of amplitude 1.
        burst: whether the noise comes only at the end, after a closure, as in "t".
    """

    formants: tuple[float, float, float]
    seconds: float
    voicing: float
    noise: str = ""
    noise_gain: float = 0.0
    burst: bool = False


# Bands of the noises (Hz).
NOISES = {
    "breath": (500, 6000),
    "lips": (600, 2500),
    "teeth": (3000, 8500),
    "palate": (1500, 4000),
    "hiss": (5000, 11000),
    "hush": (2200, 6000),
    "puff": (1500, 10000),
}

# Rounded, typical of speech; they only have to differ as consonants do.
CONSONANTS = {
    "p": Consonant((400, 800, 2200), 0.07, 0.0, "lips", 0.5, burst=True),
    "t": Consonant((400, 1700, 2700), 0.07, 0.0, "teeth", 0.5, burst=True),
    "k": Consonant((350, 2000, 2400), 0.08, 0.0, "palate", 0.5, burst=True),
    "b": Consonant((250, 800, 2200), 0.05, 0.15, "lips", 0.15, burst=True),
    "d": Consonant((250, 1700, 2700), 0.05, 0.15, "teeth", 0.15, burst=True),
    "s": Consonant((400, 1700, 2700), 0.11, 0.0, "hiss", 0.3),
    "sh": Consonant((400, 1900, 2600), 0.11, 0.0, "hush", 0.35),
    "f": Consonant((400, 900, 2200), 0.09, 0.0, "puff", 0.12),
    "v": Consonant((300, 900, 2200), 0.07, 0.3, "puff", 0.06),
    "z": Consonant((300, 1700, 2700), 0.08, 0.25, "hiss", 0.15),
    "h": Consonant((500, 1500, 2500), 0.07, 0.1, "breath", 0.15),
    "m": Consonant((250, 1100, 2200), 0.07, 0.45),
    "n": Consonant((250, 1600, 2600), 0.06, 0.45),
    "l": Consonant((360, 1100, 2700), 0.06, 0.6),
    "r": Consonant((330, 1060, 1500), 0.06, 0.6),
    "w": Consonant((290, 610, 2150), 0.07, 0.6),
    "y": Consonant((270, 2290, 3010), 0.06, 0.6),
}
