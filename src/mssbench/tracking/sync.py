"""Sending what jobs have left in the outbox."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mssbench.masking import masked
from mssbench.tracking.connection import OFF, WHAT_NEXT, reach
from mssbench.tracking.delivery import Delivery
from mssbench.tracking.experiments import prepare
from mssbench.tracking.failures import first_line, telling_failures
from mssbench.tracking.journal import outbox

log = logging.getLogger(__name__)


@dataclass
class Outcome:
    """What became of the journals of an outbox.

    Attributes:
        sent: names of the runs that were sent.
        busy: how many journals another process is sending.
        failed: how many could not be sent.
        elsewhere: the other addresses that journals were written for.
    """

    sent: list[str] = field(default_factory=list)
    busy: int = 0
    failed: int = 0
    elsewhere: set[str] = field(default_factory=set)


def sync(uri: str, *, any_address: bool = False) -> Outcome:
    """Send all journals of a store's outbox; what is sent already is not sent twice.

    Args:
        uri: the store's address, or ``OFF``, for which nothing is done.
        any_address: whether to send those too that were written while another address was set.

    Raises:
        UserError: the store cannot be reached; all journals stay.
    """
    if uri == OFF:
        return Outcome()
    folder = outbox(uri)
    if not any(folder.glob("*.jsonl")):
        return Outcome()
    connected = reach(uri)
    with telling_failures(uri, WHAT_NEXT):
        prepare(connected, uri)
    return deliver_others(connected, uri, folder, any_address=any_address)


def deliver_others(
    client: Any,
    uri: str,
    folder: Path,
    *,
    seconds: float = float("inf"),
    should_stop: Callable[[], bool] = lambda: False,
    any_address: bool = False,
) -> Outcome:
    """Send the journals of ``folder``, the oldest first.

    Args:
        client: an MLflow client of the store.
        uri: the store's address.
        folder: the outbox.
        seconds: after which no further request is made.
        should_stop: asked before each request.
        any_address: whether to send those too that were written for another address.
    """
    outcome, end = Outcome(), time.monotonic() + seconds

    def goes_on() -> bool:
        return time.monotonic() < end and not should_stop()

    for file in sorted(folder.glob("*.jsonl"), key=changed):
        if not goes_on():
            break
        delivery = Delivery.claim(file)
        if delivery is None:
            outcome.busy += file.exists()
            continue
        begin = delivery.begin or {}
        address = begin.get("address", masked(uri))
        try:
            if address != masked(uri) and not any_address:
                outcome.elsewhere.add(address)
            elif not delivery.is_done:
                delivery.send(client, goes_on)
                if delivery.is_done:
                    outcome.sent.append(begin.get("name", file.stem))
        except Exception as error:  # MLflow's; the others may go well
            outcome.failed += 1
            log.warning("%s cannot be sent, and stays: %s", file, first_line(error))
        finally:
            delivery.close()
    return outcome


def changed(file: Path) -> float:
    """Return when a file was last written; 0 where it is gone."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0
