"""What becomes of MLflow's errors: one line for the user, without a password."""

from collections.abc import Iterator
from contextlib import contextmanager

from mssbench.errors import UserError
from mssbench.masking import masked

# MLflow lets through some errors of the packages by which it reaches a store.
PACKAGES = {"mlflow", "requests", "urllib3", "sqlalchemy"}

SERVER_ERROR = 500  # and what is above


class Away(UserError):  # noqa: N818 (it is no error of a person)
    """An MLflow server does not answer now; it may another time.

    Args:
        what: says which one, and what went wrong.
        what_next: what the user may do.
    """

    def __init__(self, what: str, what_next: str) -> None:
        super().__init__(f"{what}; {what_next}")
        self.what = what


@contextmanager
def telling_failures(uri: str, what_next: str) -> Iterator[None]:
    """Turn MLflow's errors in the block into one line.

    Args:
        uri: the store's address.
        what_next: what the user may do, as the end of a sentence.

    Raises:
        Away: no server answers at ``uri``, or it has stopped to.
        UserError: MLflow fails for another reason.
    """
    try:
        yield
    except Exception as error:
        if not is_mlflows(error):
            raise
        where, line = masked(uri), first_line(error)
        if is_away(error):
            raise Away(f"no MLflow server answers at {where} ({line})", what_next) from None
        raise UserError(f"MLflow fails at {where} ({line}); {what_next}") from None


def is_mlflows(error: BaseException) -> bool:
    """Whether an error is MLflow's, or of what it reaches a store by."""
    package = type(error).__module__.partition(".")[0]
    return package in PACKAGES or isinstance(error, ConnectionError | TimeoutError)


def is_away(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, says that a server does not answer.

    A server that answers with an error of its own (5xx) counts as away; one whose certificate is
    not trusted, or whose address is none, does not.
    """
    from requests import exceptions

    while error is not None:
        if isinstance(error, exceptions.SSLError):
            return False
        if isinstance(error, exceptions.HTTPError) and error.response is not None:
            return bool(error.response.status_code >= SERVER_ERROR)
        unanswered = (exceptions.ConnectionError, exceptions.Timeout, exceptions.RetryError)
        if isinstance(error, (*unanswered, ConnectionError, TimeoutError)):
            return True
        error = error.__cause__ or error.__context__
    return False


def first_line(error: Exception) -> str:
    """Return the beginning of an error's message, its secrets masked: MLflow's go on for pages."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return masked(lines[0])[:200]
