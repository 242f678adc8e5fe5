"""How arrays are scored: the options of ``score`` and ``score_systems``."""

from collections.abc import Sequence
from typing import Any, Literal, TypedDict

import numpy as np

from mssbench.errors import UserError
from mssbench.scoring.protocol import Protocol

SONG = "song"

# Options that are keys of a study's ``scoring``, by other names or the same.
KEYS = {
    "window": "window",
    "hop": "hop",
    "grid": "references",
    "engine": "engine",
    "measures": "measures",
    "protocol": "protocol",
}


class How(TypedDict, total=False):
    """How arrays are scored; each may be left out.

    Attributes:
        window: length of a window (s); by default 1, or the protocol's.
        hop: distance of two windows (s); by default the window.
        grid: ``pcm16`` rounds the references to the values of 16-bit audio, which makes SIR and
            SAR of resampled audio well-defined; ``float``, the default without a protocol, takes
            them as they are.
        engine: ``bss_eval``, the default, is this package's, ``museval`` the package of that name.
        measures: names in `mssbench.scoring.measures.MEASURES`, such as ``uSDR`` or ``SDRi``; by
            default BSSEval's four, SI-SDR and song SI-SDR, or the protocol's.
        protocol: name of a paper's protocol, an entry of ``protocols.yaml``, which the others are
            laid over. Audio of another rate or other channels is scored with a warning.
        mixture: (channels, samples), for improvements over it; by default the references' one,
            else the sum of all sources.
        name: what the result calls the song; by default ``song``.
    """

    window: float | None
    hop: float | None
    grid: Literal["float", "pcm16"] | None
    engine: Literal["bss_eval", "museval"]
    measures: Sequence[str] | None
    protocol: str | None
    mixture: np.ndarray | None
    name: str


def protocol_of(how: How) -> Protocol:
    """Return how to score.

    Raises:
        ValueError: an option is unknown or has a value that is not allowed.
    """
    allowed = list(How.__annotations__)
    unknown = [name for name in how if name not in allowed]
    if unknown:
        raise ValueError(f"there is no option {unknown[0]!r}; allowed are {', '.join(allowed)}")
    named = how.get("protocol")
    config: dict[str, Any] = {"window": 1.0, "references": "float"} if named is None else {}
    config |= {KEYS[k]: v for k, v in how.items() if k in KEYS and v is not None}
    for key in ("window", "hop"):
        if key in config:
            config[key] = float(config[key])
    if "window" in config:
        config.setdefault("hop", config["window"])
    measures = config.get("measures")
    if measures is not None and not isinstance(measures, str):
        config["measures"] = list(measures)
    try:
        return Protocol.from_config(config)
    except UserError as error:
        said = str(error).replace("scoring.references", "grid").replace("scoring.", "")
        raise ValueError(said) from None
