"""Files that a git repository does not yet track, as a difference that ``git apply`` takes."""

from pathlib import Path

from mssbench.masking import NAMES

# Characters of a file; what is longer is data rather than code.
LONGEST_FILE = 50_000

# What keeps a secret by its name or suffix, beside `NAMES`.
SECRET_FILES = {".env", ".netrc", ".pgpass", "id_rsa", "id_ed25519"}
SECRET_SUFFIXES = {".pem", ".key", ".env"}


def untracked_changes(root: Path, files: list[str], longest: int) -> str:
    """Return the contents of untracked files as a difference to nothing.

    Binary files, those of more than `LONGEST_FILE` bytes, those that cannot be read and those that
    are called as secrets are, are named only.

    Args:
        root: the repository's folder.
        files: their paths below it.
        longest: how many characters to return, or few more; further files are counted.
    """
    changes = ""
    for number, name in enumerate(files):
        if len(changes) >= longest:
            return f"{changes}[untracked: {len(files) - number} files more]\n"
        changes += as_difference(root / name, name)
    return changes


def as_difference(file: Path, name: str) -> str:
    """Return an untracked file as a difference, or a line that names it and why it is left out."""
    if is_secret(name):
        return f"[untracked, left out as its name is that of a secret: {name}]\n"
    try:
        size = file.lstat().st_size
        if not file.is_file() or file.is_symlink():
            return f"[untracked, no regular file: {name}]\n"
        if size > LONGEST_FILE:
            return f"[untracked, {size} bytes: {name}]\n"
        content = file.read_bytes()
        text = content.decode()
    except OSError as error:
        return f"[untracked, not readable ({error.strerror}): {name}]\n"
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return f"[untracked, binary, {size} bytes: {name}]\n"
    return added(name, text)


def added(name: str, text: str) -> str:
    """Return the difference that adds a text file."""
    head = f"diff --git a/{name} b/{name}\nnew file mode 100644\n"
    if not text:
        return head
    lines = text.removesuffix("\n").split("\n")
    body = "".join(f"+{line}\n" for line in lines)
    end = "" if text.endswith("\n") else "\\ No newline at end of file\n"
    return f"{head}--- /dev/null\n+++ b/{name}\n@@ -0,0 +1,{len(lines)} @@\n{body}{end}"


def is_secret(name: str) -> bool:
    """Whether a file is called as those are that hold secrets."""
    path = Path(name)
    called = path.name in SECRET_FILES or path.suffix in SECRET_SUFFIXES
    return called or bool(NAMES.search(path.name.upper()) and path.suffix != ".py")
