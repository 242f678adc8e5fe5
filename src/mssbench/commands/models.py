"""``mssbench models``: the systems there are, and their configurations at paper scale."""

import argparse
import json
from typing import Any

from mssbench.aligned import aligned


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> None:
    """Print one entry a system and paper-scale variant."""
    entries = described()
    if args.json:
        print(json.dumps(entries, indent=2))
        return
    columns = ("model", "variant", "parameters", "rate (Hz)", "channels", "targets")
    print(*aligned([columns, *(row(entry) for entry in entries)]), sep="\n")


def row(entry: dict[str, Any]) -> tuple[str, ...]:
    """Return an entry as a line of the table."""
    parameters, rate, channels = (
        "any" if value is None else f"{value:,}" if key == "parameters" else str(value)
        for key, value in ((k, entry[k]) for k in ("parameters", "rate", "channels"))
    )
    return (
        entry["model"],
        entry["variant"] or "-",
        parameters,
        rate,
        channels,
        ", ".join(entry["targets"]),
    )


def described() -> list[dict[str, Any]]:
    """Return what each system and variant is.

    Trainable parameters are counted without memory for them. A system without a variant is
    described with its defaults. ``context``, ``multiple``, ``grid`` and ``reach`` (samples) are
    those of a `Separator`; a method that is not trained is given whole songs.
    """
    import torch

    from mssbench.models.base import Separator, Variant
    from mssbench.models.registry import MODELS, build, model_class, parameter_count

    entries: list[dict[str, Any]] = []
    for name in sorted(MODELS):
        cls = model_class(name)
        known = cls.variants or {"": Variant({})}
        for variant, configuration in known.items():
            with torch.device("meta"):
                model = build(name, configuration.params)
            trained = isinstance(model, Separator)
            entries.append(
                {
                    "model": name,
                    "variant": variant,
                    "parameters": parameter_count(model),
                    "rate": configuration.rate or None,
                    "channels": model.channels,
                    "context": model.context if isinstance(model, Separator) else 0,
                    "multiple": model.multiple if isinstance(model, Separator) else 1,
                    "grid": model.grid if isinstance(model, Separator) else 1,
                    "reach": model.reach if isinstance(model, Separator) else None,
                    "targets": list(model.targets),
                    "domain": model.domain,
                    "trained": trained,
                    "params": configuration.params,
                }
            )
    return entries
