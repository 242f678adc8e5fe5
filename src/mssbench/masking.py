"""Credentials stay in the environment: whatever is written or said has them masked."""

import json
import logging
import os
import re
from urllib.parse import unquote

MASK = "***"

# A secret that is shorter would be found in innocent words.
SHORTEST = 6

NAMES = re.compile("TOKEN|PASSWORD|PASSWD|SECRET|CREDENTIAL|API_KEY|ACCESS_KEY")
USER = re.compile(r"(?<=://)[^/\s\"']*@")
PASSWORD = re.compile(r"://[^/:@\s]*:([^/\s\"']+)@")
PARAMETER = re.compile(r"([?&][^=&\s]*(?:password|passwd|token|secret)=)[^&\s\"']+", re.IGNORECASE)


def secrets() -> list[str]:
    """Return the environment's secrets, as they may be written.

    They are the values of variables that are named so, and passwords in addresses. The longest
    come first, so that no part of one is left where it contains another.
    """
    found = {
        value
        for name, value in os.environ.items()
        if NAMES.search(name.upper()) and len(value) >= SHORTEST
    }
    for value in os.environ.values():
        found |= {word for word in PASSWORD.findall(value) if len(word) >= SHORTEST}
    # In an address some characters are written otherwise, and inside of JSON others.
    found |= {unquote(value) for value in found}
    found |= {json.dumps(value)[1:-1] for value in found}
    return sorted(found, key=len, reverse=True)


def masked(text: str, values: list[str] | None = None) -> str:
    """Return ``text`` with ``***`` for a user and password in an address, and for any secret.

    Args:
        text: a message, an address, a line of a journal.
        values: the secrets; by default those of the environment.
    """
    text = PARAMETER.sub(rf"\1{MASK}", USER.sub(f"{MASK}@", text))
    for value in secrets() if values is None else values:
        text = text.replace(value, MASK)
    return text


def has_credentials(address: str) -> bool:
    """Whether an address holds a user, a password or a token."""
    return bool(USER.search(address) or PARAMETER.search(address))


class MaskingFormatter(logging.Formatter):
    """Writes what another formatter does, tracebacks too, with secrets masked.

    Args:
        inner: the other; by default one that writes the message alone.
    """

    def __init__(self, inner: logging.Formatter | None = None) -> None:
        super().__init__()
        self._inner = inner or logging.Formatter("%(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of ``record``."""
        return masked(self._inner.format(record))


def mask_handlers(logger: logging.Logger) -> None:
    """Have a logger's own handlers mask secrets from now on."""
    for handler in logger.handlers:
        if not isinstance(handler.formatter, MaskingFormatter):
            handler.setFormatter(MaskingFormatter(handler.formatter))
