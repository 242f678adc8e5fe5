"""Tables as text, for terminals."""

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], left: int | None = None) -> list[str]:
    """Return each of ``rows`` as a line, with all cells of a column at one place.

    Args:
        rows: cells, as many in each.
        left: so many columns are aligned to the left, those that follow to the right; None: all
            are to the left.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if left is None or place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
