"""Processes that train together, forked from a test."""

import os
import signal
import socket
import sys
import time
import traceback

import torch

from mssbench.data.rendition import Rendition
from mssbench.errors import Interrupted, UserError
from mssbench.training.config import TrainingConfig
from mssbench.training.distributed import joined
from mssbench.training.loop import train

STOPPED, REFUSED = 75, 2


def free_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


def begin(count, work, machines=1):
    """Fork ``count`` processes that know of each other as torchrun's do; return their numbers.

    Each calls ``work(ranks)``. As many of them as of the others are told to be on each machine.
    """
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    children = []
    for rank in range(count):
        child = os.fork()
        if child == 0:
            code = 70
            try:
                machine, local = divmod(rank, count // machines)
                numbers = {"RANK": rank, "WORLD_SIZE": count}
                numbers |= {"LOCAL_RANK": local, "GROUP_RANK": machine}
                os.environ |= place | {name: str(n) for name, n in numbers.items()}
                torch.set_num_threads(1)
                with joined("cpu") as ranks:
                    work(ranks)
                code = 0
            except Interrupted:
                code = STOPPED
            except UserError as error:
                print(error, file=sys.stderr, flush=True)
                code = REFUSED
            except Exception:
                traceback.print_exc()
            finally:
                os._exit(code)
        children.append(child)
    return children


def ends_of(children):
    """Wait for processes; return their exit codes, or minus the signals that killed them."""
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def kill(child):
    os.kill(child, signal.SIGKILL)


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def trained(config, manifest, folder, results, stop=None, **hooks):
    """Return work for `begin`: train and save each process's result under ``results``."""

    def work(ranks):
        results.mkdir(exist_ok=True)
        rendition = manifest if isinstance(manifest, Rendition) else Rendition.open(manifest)
        asked = stop(ranks) if stop else None
        result = train(
            TrainingConfig.from_dict(config),
            rendition,
            folder,
            should_stop=asked,
            ranks=ranks,
            **hooks,
        )
        content = {"weights": result.weights, "history": result.history}
        torch.save(content, results / f"{ranks.rank}.pt")

    return work


def run_together(count, config, manifest, folder):
    """Train in ``count`` processes to the end; return what each of them has."""
    results = folder / "results"
    folder.mkdir(exist_ok=True)
    work = trained(config, manifest, folder / "checkpoints", results)
    assert ends_of(begin(count, work)) == [0] * count
    return [torch.load(results / f"{rank}.pt") for rank in range(count)]
