"""Pieces of work done side by side in processes that end with their parent."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import TypeVar

from mssbench.errors import UserError

K = TypeVar("K")
R = TypeVar("R")


def work_through(
    work: Mapping[K, Callable[[], R]], workers: int, preload: Sequence[str] = ()
) -> Iterator[tuple[K, "Future[R]"]]:
    """Do each piece of ``work`` and yield its key and its finished future, in any order.

    A piece that raises ends nothing: its future holds the exception.

    Args:
        work: functions without arguments; with several workers they must be picklable.
        workers: number of processes; 1 works in this one.
        preload: modules that take long to import: all workers share one import of them. None of
            them may start a thread while it is imported.

    Raises:
        UserError: a worker was killed.
    """
    if workers == 1 or len(work) < 2:
        for key, function in work.items():
            yield key, _done(function)
        return
    # Forked off a server without threads of its own: a fork of this process, in which torch may
    # have started threads, could hang.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    pool = ProcessPoolExecutor(min(workers, len(work)), context, initializer=_end_with_parent)
    try:
        futures = {pool.submit(function): key for key, function in work.items()}
        for future in as_completed(futures):
            if isinstance(future.exception(), BrokenProcessPool):
                raise UserError(
                    "a worker was killed, most likely for lack of memory; run the same command "
                    "again with fewer workers: what is finished is kept"
                )
            yield futures[future], future
    finally:
        pool.shutdown(cancel_futures=True)


def _done(function: Callable[[], R]) -> "Future[R]":
    future: Future[R] = Future()
    try:
        future.set_result(function())
    except Exception as error:
        future.set_exception(error)
    return future


def _end_with_parent() -> None:
    """Let this worker process end when its parent is killed, instead of waiting for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "runs in a worker process"

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
