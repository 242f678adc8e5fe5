"""Patterns of the drums."""

import numpy as np

from mssbench.data.synthetic.composition import BEATS_PER_BAR, Section

STEPS = 16  # a bar

# A letter a sixteenth: X loud, x soft.
GROOVES = (
    {"kick": "X.......X.......", "snare": "....X.......X...", "hat": "X.x.X.x.X.x.X.x."},
    {"kick": "X.....x.X.......", "snare": "....X.......X...", "hat": "X.x.X.x.X.x.X.x."},
    {"kick": "X..x......X..x..", "snare": "....X..x.x..X...", "hat": "XxxxXxxxXxxxXxxx"},
    {"kick": "X...X...X...X...", "snare": "....X.......X...", "hat": "..X...X...X...X."},
    {"kick": "X...X...X...X...", "clap": "....X.......X...", "hat": "x.X.x.X.x.X.x.X."},
    {"kick": "X.........x.....", "snare": "........X.......", "hat": "X.x.x.x.X.x.x.x."},
    {"kick": "X.x.....X.x.....", "snare": "....X.......X..x", "ride": "X...X...X...X..."},
    {"kick": "X.....X...X.....", "snare": "....X.......X...", "shaker": "xxXxxxXxxxXxxxXx"},
)
CALM = {"kick": "X.......x.......", "hat": "X...x...X...x..."}
FILLS = (
    {"snare": "x.x.xxxx", "kick": "X...X..."},
    {"tom": "X.xxX.xX", "kick": "X...X..."},
    {"snare": "X..xX.X.", "tom": "..x..x.X"},
)


def section_strokes(
    rng: np.random.Generator, section: Section, groove: dict[str, str]
) -> list[tuple[str, int, float]]:
    """Return a section's strokes: drum, step from the section's start, loudness."""
    steps = int(STEPS * (section.end - section.start) / BEATS_PER_BAR)
    strokes = [
        (drum, step, 1.0 if mark == "X" else 0.5)
        for drum, pattern in groove.items()
        for step in range(steps)
        if (mark := pattern[step % STEPS]) != "."
    ]
    if section.energy > 0.45 and rng.random() < 0.7:
        strokes.append(("crash", 0, 1.0))
    if steps >= 2 * STEPS and rng.random() < 0.6:
        fill = FILLS[int(rng.integers(len(FILLS)))]
        begin = steps - STEPS // 2
        strokes = [stroke for stroke in strokes if stroke[1] < begin]
        strokes += [
            (drum, begin + step, 1.0 if mark == "X" else 0.5)
            for drum, pattern in fill.items()
            for step, mark in enumerate(pattern)
            if mark != "."
        ]
    return strokes
