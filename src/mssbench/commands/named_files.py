"""Files that the command line gives by name."""

from pathlib import Path

from mssbench.errors import UserError


def by_name(words: list[str]) -> dict[str, Path]:
    """Return files by name: ``NAME=PATH``, or a path whose folder bears the name.

    Raises:
        UserError: two files have one name.
    """
    files: dict[str, Path] = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not equals or "/" in name:  # an = within a path
            name, path = Path(word).parent.name, word
        if name in files:
            raise UserError(f"{word}: {name!r} also names {files[name]}; name files as NAME=PATH")
        files[name] = Path(path)
    return files
