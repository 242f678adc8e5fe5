"""Scores of estimates against references."""

from typing import TYPE_CHECKING, Any

from mssbench.scoring.arrays import score, score_systems

if TYPE_CHECKING:
    from mssbench.scoring.bsseval import bss_eval

__all__ = ["bss_eval", "score", "score_systems"]


def __getattr__(name: str) -> Any:
    """Load ``bss_eval`` when it is asked for: SciPy's linear algebra takes long to import."""
    if name == "bss_eval":
        from mssbench.scoring.bsseval import bss_eval

        return bss_eval
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
