"""A table as LaTeX, for the booktabs package."""

from mssbench.report.captions import caption
from mssbench.report.cells import Block, Table
from mssbench.report.columns import columns_of, groups_of
from mssbench.report.dialect import Dialect, block_title

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
    star=r"\textsuperscript{*}",
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
        rf"  \begin{{tabular}}{{{layout(table)}}}",
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


def layout(table: Table) -> str:
    """Return how the columns are aligned: names to the left, numbers to the right."""
    return "".join("l" if column.kind == "system" else "r" for column in columns_of(table))


def header(table: Table) -> list[str]:
    """Return the header: a second line where a metric has several columns."""
    names, rules, below = [], [], list[str]()
    for group in groups_of(columns_of(table)):
        name = escape_latex(group[0].title)
        if len(group) > 1:
            first = len(below) + 1
            names.append(rf"\multicolumn{{{len(group)}}}{{c}}{{{name}}}")
            rules.append(rf"\cmidrule(lr){{{first}-{len(below) + len(group)}}}")
            below += [escape_latex(column.part) for column in group]
        else:
            names.append(name)
            below.append("")
    return [row(names), " ".join(rules), row(below)] if rules else [row(names)]


def block_lines(table: Table, block: Block) -> list[str]:
    """Return the lines of one target and aggregation, with a gap between their kinds."""
    title = rf"\multicolumn{{{len(columns_of(table))}}}{{l}}{{{escape_latex(block_title(block))}}}"
    lines = [r"\midrule", row([title]), r"\addlinespace"]
    kinds = [line.experiment.kind for line in block.lines]
    for number, line in enumerate(block.lines):
        if number and kinds[number] != kinds[number - 1]:
            lines.append(r"\addlinespace")
        lines.append(row(LATEX.cells(table, line)))
    if block.literature:
        lines.append(r"\addlinespace")
    return lines + [row(LATEX.quoted(table, line)) for line in block.literature]


def row(cells: list[str]) -> str:
    """Return one line of the tabular."""
    return rf"{' & '.join(cells)} \\"
