"""What the kinds of figures ask for; nothing is drawn, so that checking them takes no time."""

KEYS: dict[str, tuple[str, ...]] = {
    "boxes": ("rows", "targets", "metrics"),
    "cost": ("rows", "target", "metric", "cost"),
    "excerpt": ("rows", "target", "seconds", "song", "start"),
    "filters": ("rows", "centre", "bandwidth"),
    "latents": ("rows", "vectors", "points"),
    "learning_curves": ("rows",),
    "scatter": ("rows", "targets", "metric"),
    "significance": ("rows", "target", "metric", "test"),
    "spectrograms": ("rows", "target", "seconds", "song", "start"),
    "sweep": ("rows", "targets", "metrics", "key", "name"),
    "tempo": ("factors", "target", "seconds", "song", "start"),
    "windows": ("rows", "target", "metric"),
}
"""Kind -> the keys that a definition may have beside title and kind."""

NEEDED_METHODS = {"filters": "filter_groups", "latents": "latent"}
"""Kinds that look into trained models -> the method that these must have."""

NEED_WEIGHTS = frozenset(NEEDED_METHODS)
"""Those kinds."""
