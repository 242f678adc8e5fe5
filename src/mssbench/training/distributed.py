"""Processes that train one model together, started by torchrun, each with a share of each batch.

Gradients are summed over the processes as one long vector. Torch's DistributedDataParallel would
send them while the rest is still computed; but it wraps ``forward``, past which the losses look at
the models' probes, and wants to be told of each piece of a batch. The models here have few weights
beside their activations, so one message a step costs less than the wrapper's rules.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from mssbench.errors import Interrupted, UserError

T = TypeVar("T")


class Ranks:
    """The processes of a training run, numbered from 0; each method but `apart` is called by all.

    Args:
        rank: number of this process.
        count: how many there are; one needs no other and no message.
        local: number of this process among those of its machine.
        machine: number of its machine.

    Attributes:
        together: whether layers that look across the batch look across all processes.
    """

    def __init__(self, rank: int = 0, count: int = 1, local: int = 0, machine: int = 0) -> None:
        self.rank, self.count, self.together = rank, count, count > 1
        self.local, self.machine = local, machine

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes and tells."""
        return self.rank == 0

    @property
    def is_first_of_machine(self) -> bool:
        """Whether this process is the one that does what each machine needs once."""
        return self.local == 0

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Let this process compute something that the others do not."""
        before, self.together = self.together, False
        try:
            yield
        finally:
            self.together = before

    def add_up(self, values: Tensor) -> None:
        """Put the sum over all processes in the place of ``values``: the same bits in each."""
        if self.count > 1:
            with telling_the_end_of_another():
                distributed.all_reduce(values)

    def any(self, *questions: bool) -> list[bool]:
        """Return for each question whether it is true in any process."""
        if self.count == 1:
            return list(questions)
        # On the CPU: a GPU would be waited for.
        answers = torch.tensor(questions, dtype=torch.int32)
        self.add_up(answers)
        return [answer > 0 for answer in answers.tolist()]

    def gather(self, value: T) -> list[T]:
        """Return the values of all processes in their order."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        with telling_the_end_of_another():
            distributed.all_gather_object(values, value)
        return values

    def from_first(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns in the first process, the only one to call it.

        Raises:
            UserError: ``work`` did.
        """
        if self.count == 1:
            return work()
        told: list[Any] = [None, None]
        if self.is_first:
            try:
                told[0] = work()
            except UserError as error:
                told[1] = str(error)
        with telling_the_end_of_another():
            distributed.broadcast_object_list(told)
        result, mistake = told
        if mistake is not None:
            raise UserError(mistake)
        return result

    def from_machine(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns in the first process of this machine.

        Raises:
            UserError: ``work`` did, on any machine.
        """
        if self.count == 1:
            return work()
        told: tuple[int, Any, str | None] | None = None
        if self.is_first_of_machine:
            try:
                told = (self.machine, work(), None)
            except UserError as error:
                told = (self.machine, None, str(error))
        answers = [answer for answer in self.gather(told) if answer is not None]
        for _, _, mistake in answers:
            if mistake is not None:
                raise UserError(mistake)
        (result,) = [result for machine, result, _ in answers if machine == self.machine]
        return result


ALONE = Ranks()


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """Yield the processes that torchrun started with this one; without torchrun, this one alone.

    On GPUs each process takes the one of its local number.

    Args:
        device: ``cpu`` or ``cuda``.

    Raises:
        UserError: there are more processes than GPUs on this machine.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE
        return
    local, machine = (int(os.environ.get(name, "0")) for name in ("LOCAL_RANK", "GROUP_RANK"))
    if device == "cuda":
        found = torch.cuda.device_count()
        if local >= found:
            raise UserError(
                f"process {local} of this machine has no GPU of its own: torch finds {found}; "
                f"give torchrun --nproc-per-node {found}, or give --device cpu"
            )
        torch.cuda.set_device(local)
    # What is agreed between two steps goes by gloo, past the GPU.
    distributed.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo")
    try:
        yield Ranks(distributed.get_rank(), count, local, machine)
    finally:
        distributed.destroy_process_group()


@contextmanager
def telling_the_end_of_another() -> Iterator[None]:
    """Turn torch's error for a process that is gone into a stop.

    Raises:
        Interrupted: a process that trains along has ended.
    """
    try:
        yield
    except RuntimeError as error:
        raise Interrupted(
            "a process that trains along has ended, maybe with a message of its own; run the same "
            f"command again to continue from the last checkpoint ({str(error).splitlines()[0]})"
        ) from error
