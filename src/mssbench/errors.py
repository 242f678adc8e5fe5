"""Errors that a user can mend."""


class UserError(Exception):
    """A mistake in what the user gave: the command prints it as one line, without a traceback.

    The message names the file or key, what was found, what is allowed and what to do next.
    """


class Interrupted(Exception):  # noqa: N818 (a stop is no error)
    """The job was asked to stop and has saved its state: the same command continues it."""
