import os
import signal
from functools import partial

import pytest

from mssbench.errors import UserError
from mssbench.workers import work_through


@pytest.mark.parametrize("workers", [1, 2])
def test_failed_piece_of_work_stops_no_other(workers):
    work = {number: partial(divmod, 6, number) for number in range(3)}
    done = dict(work_through(work, workers))
    assert isinstance(done[0].exception(), ZeroDivisionError)
    assert done[1].result() == (6, 0)
    assert done[2].result() == (3, 0)


def test_several_workers_are_other_processes():
    work = dict.fromkeys(range(2), os.getpid)
    assert os.getpid() not in [future.result() for _, future in work_through(work, 2)]
    assert [future.result() for _, future in work_through(work, 1)] == [os.getpid()] * 2


def end_this_process():
    os.kill(os.getpid(), signal.SIGKILL)


def test_killed_worker_is_told():
    work = dict.fromkeys(range(2), end_this_process)
    with pytest.raises(UserError, match="a worker was killed"):
        list(work_through(work, workers=2))
