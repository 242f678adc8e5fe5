"""One row of `models.py`, measured in this process; prints JSON."""

import argparse
import json
import math
import resource
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mssbench.commands.models import described
from mssbench.models.base import Separator
from mssbench.models.registry import build, parameter_count
from mssbench.training.config import LossTerm
from mssbench.training.losses import total_loss

RATE = 44100
"""Of a system whose papers name none (Hz)."""


def main() -> None:
    """Print one row, or the names of those there are."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--list-pairs", action="store_true")
    parser.add_argument("--system")
    parser.add_argument("--pair")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    if args.list:
        print("\n".join(systems()))
    elif args.list_pairs:
        from models_others import PAIRS

        print("\n".join(PAIRS))
    elif args.system:
        print(json.dumps(row(args.system, args.seconds, args.rounds)))
    else:
        from models_others import PAIRS

        print(json.dumps(pair_row(args.pair, PAIRS[args.pair](), args.seconds, args.rounds)))


def systems() -> dict[str, dict[str, Any]]:
    """Return the trained systems at paper scale by name, as in ``demucs/light``."""
    return {
        "/".join(filter(None, (entry["model"], entry["variant"]))): entry
        for entry in described()
        if entry["trained"]
    }


def row(name: str, seconds: float, rounds: int) -> dict[str, Any]:
    """Measure one system."""
    entry = systems()[name]
    rate = entry["rate"] or RATE
    with torch.device("meta"):
        on_meta = build(entry["model"], entry["params"])
        assert isinstance(on_meta, Separator)
        samples = length(on_meta, round(seconds * rate))
        kept = (samples - 2 * on_meta.context) / rate
    model = build(entry["model"], entry["params"])
    assert isinstance(model, Separator)
    macs = operations(on_meta, model, samples) / kept
    mixture = torch.randn(1, model.channels, samples) * 0.1
    sources = torch.randn(1, len(model.targets), model.channels, samples) * 0.1
    separation = median(lambda: separate(model, mixture), rounds)
    field = receptive_field(model, mixture) / rate
    step = stepper(model, mixture, sources)
    training = median(step, rounds)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "system": name,
        "parameters": f"{parameter_count(model):,}",
        "rate": rate,
        "macs": f"{macs / 1e9:.3g}",
        "field": "all" if field >= 0.98 * samples / rate else f"{field:.3g}",
        "memory": f"{memory / 1e9:.2g}",
        "training": f"{kept / training:.3g}",
        "separation": f"{kept / separation:.3g}",
    }


def length(model: Separator, samples: int) -> int:
    """Return the shortest length that the model takes and that gives so many samples."""
    needed = samples + 2 * model.context
    return math.ceil(needed / model.multiple) * model.multiple


def operations(on_meta: Separator, model: Separator, samples: int) -> float:
    """Return the multiply-accumulates of one separation, but for the transforms of spectrograms.

    They are counted without data where torch can do that, else by separating.
    """
    counter = FlopCounterMode(display=False)
    try:
        with counter, torch.device("meta"):
            on_meta.eval()(torch.empty(1, model.channels, samples, device="meta"))
    except (RuntimeError, NotImplementedError):
        counter = FlopCounterMode(display=False)
        # Without oneDNN a recurrent layer is made of products, which are counted. Gradients are
        # recorded, as the counter looks for them where a layer is given weights of another.
        with torch.backends.mkldnn.flags(enabled=False), counter:
            model.eval()(0.1 * torch.randn(1, model.channels, samples))
    return counter.get_total_flops() / 2


def separate(model: Separator, mixture: Tensor) -> None:
    """Separate once."""
    model.eval()
    with torch.inference_mode():
        model(mixture)


def stepper(model: Separator, mixture: Tensor, sources: Tensor) -> Callable[[], None]:
    """Return a training step: forward, backward and Adam."""
    trained = [weights for weights in model.parameters() if weights.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=1e-4, fused=True)
    probe = "final" if "final" in model.probes else model.probes[0]
    term = {probe: LossTerm("mae", 1.0)}

    def step() -> None:
        model.train()
        total, _ = total_loss(model.compare(mixture, sources, [probe]), term)
        optimiser.zero_grad()
        total.backward()
        optimiser.step()

    return step


def receptive_field(model: Separator, mixture: Tensor) -> int:
    """Return how many samples of the mixture the sample in the middle of an output depends on."""
    model.eval()
    heard = mixture.clone().requires_grad_()
    output = model(heard)["final"]
    middle = output[..., output.shape[-1] // 2]
    # Weighted: estimates that make up the mixture would add up to one sample of it.
    weights = torch.arange(1.0, middle.shape[1] + 1).view(1, -1, *[1] * (middle.ndim - 2))
    (weights * middle).sum().backward()
    assert heard.grad is not None
    touched = heard.grad.abs().amax(dim=(0, 1)).nonzero()
    return int(touched.max() - touched.min()) + 1 if len(touched) else 0


def median(work: Callable[[], None], rounds: int) -> float:
    """Return the median time of ``work`` (s), after one round that does not count."""
    return statistics.median(times([work], rounds)[0])


def times(works: list[Callable[[], None]], rounds: int) -> list[list[float]]:
    """Return the times (s) of several works that take turns, after one round without counting."""
    taken: list[list[float]] = [[] for _ in works]
    for number in range(rounds + 1):
        for work, own in zip(works, taken, strict=True):
            begin = time.perf_counter()
            work()
            if number:
                own.append(time.perf_counter() - begin)
    return taken


def pair_row(
    name: str, pair: tuple[Separator, nn.Module, int], seconds: float, rounds: int
) -> dict[str, Any]:
    """Compare ours with another implementation that has the same weights."""
    ours, theirs, rate = pair
    samples = length(ours, round(seconds * rate))
    mixture = torch.randn(1, ours.channels, samples) * 0.1
    with torch.inference_mode():
        own = ours.eval()(mixture)["final"]
        other = theirs.eval()(mixture).reshape(own.shape)
    difference = float((own - other).abs().max() / other.abs().max())
    ours.train()
    theirs.train()

    def step(model: nn.Module, final: Callable[[], Tensor]) -> Callable[[], None]:
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)

        def once() -> None:
            optimiser.zero_grad()
            final().abs().mean().backward()
            optimiser.step()

        return once

    own_step, other_step = (
        step(ours, lambda: ours(mixture)["final"]),
        step(theirs, lambda: theirs(mixture)),
    )
    training = [statistics.median(t) for t in times([own_step, other_step], rounds)]
    ours.eval()
    theirs.eval()
    with torch.inference_mode():
        works: list[Callable[[], None]] = [lambda: ours(mixture), lambda: theirs(mixture)]
        separation = [statistics.median(t) for t in times(works, rounds)]
    return {
        "pair": name,
        "difference": f"{difference:.1e}",
        "training": f"{training[1] / training[0]:.2f}",
        "separation": f"{separation[1] / separation[0]:.2f}",
    }


if __name__ == "__main__":
    main()
