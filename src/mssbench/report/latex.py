"""A table as LaTeX, for the booktabs package."""

from mssbench.report.captions import caption
from mssbench.report.dialect import Dialect, block_title
from mssbench.report.tables import Block, Table
from mssbench.scoring.measures import measure

ESCAPES = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
}


def escape_latex(text: str) -> str:
    """Return ``text`` with the characters that LaTeX reads as commands escaped."""
    return "".join(ESCAPES.get(character, character) for character in text)


LATEX = Dialect(
    escape=escape_latex,
    bold=r"\textbf{{{}}}",
    italic=r"\emph{{{}}}",
    mark=r"\textsuperscript{{{}}}",
    minus="$-$",
    plus_minus=r" $\pm$ ",
    infinity=r"$\infty$",
)


def to_latex(table: Table) -> str:
    """Return the table as a full-width float with caption, label and notes."""
    head = header(table)
    body = [line for block in table.blocks for line in block_lines(table, block)]
    lines = [
        r"% Needs \usepackage{booktabs}; the file is UTF-8.",
        r"\begin{table*}",
        r"  \centering",
        rf"  \caption{{{escape_latex(caption(table))}}}",
        rf"  \label{{tab:{table.config.study}-{table.name}}}",
        r"  \small",
        rf"  \begin{{tabular}}{{l{'r' * (columns(table) - 1)}}}",
        *(f"    {line}" for line in [r"\toprule", *head, *body, r"\bottomrule"]),
        r"  \end{tabular}",
        "",
        r"  \medskip",
        r"  \begin{minipage}{\linewidth}\footnotesize",
        *(rf"    {note}\par" for note in LATEX.notes(table)),
        r"  \end{minipage}",
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def columns(table: Table) -> int:
    """Return how many columns there are: system, values, published values, NaN windows."""
    return 2 + len(table.metrics) + sum(map(table.has_published, table.metrics))


def header(table: Table) -> list[str]:
    """Return the header: a second line where published values stand beside ours."""
    names, rules, below = ["System"], [], [""]
    for metric in table.metrics:
        name = escape_latex(f"{metric} ({measure(metric).unit})")
        if table.has_published(metric):
            first = len(below) + 1
            names.append(rf"\multicolumn{{2}}{{c}}{{{name}}}")
            rules.append(rf"\cmidrule(lr){{{first}-{first + 1}}}")
            below += ["ours", "published (difference)"]
        else:
            names.append(name)
            below.append("")
    lines = [row([*names, "NaN / windows"])]
    return [*lines, " ".join(rules), row([*below, ""])] if rules else lines


def block_lines(table: Table, block: Block) -> list[str]:
    """Return the lines of one target and aggregation, with a gap before the bounds."""
    title = rf"\multicolumn{{{columns(table)}}}{{l}}{{{escape_latex(block_title(block))}}}"
    lines = [r"\midrule", row([title]), r"\addlinespace"]
    kinds = [line.experiment.kind for line in block.lines]
    for number, line in enumerate(block.lines):
        if number and kinds[number] != kinds[number - 1]:
            lines.append(r"\addlinespace")
        lines.append(row(LATEX.cells(table, line)))
    return lines


def row(cells: list[str]) -> str:
    """Return one line of the tabular."""
    return rf"{' & '.join(cells)} \\"
