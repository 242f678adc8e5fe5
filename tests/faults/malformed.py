"""Texts of configurations with something wrong in a place that is drawn at random."""

import copy

from hypothesis import strategies as st

JUNK = [None, True, -1, 0, 7, 2.5, "", "junk", [], [None], {}, {"junk": 1}, [[1], "a"]]
NO_NUMBERS = [float("nan"), float("inf"), -float("inf")]


def places(value, path=()):
    """Return the path of every value in nested maps and lists."""
    keys = value if isinstance(value, dict) else range(len(value)) if type(value) is list else ()
    return [path, *(place for key in keys for place in places(value[key], (*path, key)))]


@st.composite
def malformed(draw, configs, dump, known):
    """One of several configurations, with one value replaced, one key gone or one too many.

    Args:
        draw: given by Hypothesis.
        configs: the configurations.
        dump: makes a text of one.
        known: a key that has a meaning elsewhere, to be found where it has none.
    """
    config = copy.deepcopy(draw(st.sampled_from(configs)))
    *above, last = draw(st.sampled_from(places(config)[1:]))
    holder = config
    for key in above:
        holder = holder[key]
    match draw(st.sampled_from(["replace", "replace", "remove", "add", "cut"])):
        case "replace":
            holder[last] = draw(st.sampled_from(JUNK + NO_NUMBERS))
        case "remove":
            del holder[last]
        case "add":
            extra = holder[last] if isinstance(holder[last], dict) else config
            extra[draw(st.sampled_from(["", "junk", "from", known]))] = draw(st.sampled_from(JUNK))
        case "cut":
            text = dump(config)
            return text[: draw(st.integers(1, len(text) - 1))]
    return dump(config)
