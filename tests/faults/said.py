"""What a command says and leaves behind when something is at fault."""

import logging
from contextlib import contextmanager

from mssbench.cli import main


class Heard(logging.Handler):
    """Keeps the errors that are logged."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.records = []

    def emit(self, record):
        self.records.append(record)


@contextmanager
def listening():
    heard, root = Heard(), logging.getLogger()
    root.addHandler(heard)
    try:
        yield heard.records
    finally:
        root.removeHandler(heard)


def command(*words):
    """Run a verb in this process; return its code and what it says of errors."""
    with listening() as records:
        code = main([str(word) for word in words])
    return code, records


def refused(*words):
    """Run a verb that must fail as a user's mistake does; return its one line."""
    code, records = command(*words)
    assert code == 2, (code, [record.getMessage() for record in records])
    (record,) = records
    line = record.getMessage()
    assert record.exc_info is None
    assert "\n" not in line
    assert line.startswith(f"mssbench {words[0]}: error: ")
    return line


def content(*folders):
    """Return all files below folders with what would tell of a change."""
    files = [file for folder in folders for file in sorted(folder.rglob("*"))]
    return [(file, file.lstat().st_size, file.lstat().st_mtime_ns) for file in files]
