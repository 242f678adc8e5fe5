"""Whether the figures of a study can be drawn, as far as its file tells."""

from collections.abc import Callable, Mapping
from typing import Any

from mssbench.errors import UserError
from mssbench.models.declared import declared
from mssbench.models.registry import SEPARATORS, kind_of
from mssbench.report.figures.needs import KEYS, NEEDED_METHODS
from mssbench.shown import Rows, Shown

Definition = Mapping[str, Any]

SCORED = ("boxes", "cost", "scatter", "significance", "sweep", "windows")
"""Kinds that draw scores."""

DEFAULT_TARGET, DEFAULT_METRIC, BOUND = "vocals", "SDR", "bound"


def check_figure(shown: Shown, key: str, figure: Definition) -> None:
    """Refuse a figure that names what there is not, or has too few rows.

    Args:
        shown: the study.
        key: of the figure, as in ``figures.boxes``.
        figure: its definition, whose kind is known.

    Raises:
        UserError: naming the study's file and the key.
    """
    kind = figure["kind"]
    for name in figure:
        if name not in ("title", "kind", *KEYS[kind]):
            allowed = ", ".join(["title", "kind", *KEYS[kind]])
            raise UserError(
                f"{shown.study.file}: unknown key {name!r} in {key}, of kind {kind}; allowed are "
                f"{allowed}"
            )
    rows = shown.rows(key, figure.get("rows"))
    if kind in SCORED:
        check_scores(shown, key, figure, rows)
    if kind in CHECKS:
        CHECKS[kind](shown, key, figure, rows)


def check_scores(shown: Shown, key: str, figure: Definition, rows: Rows) -> None:
    """Refuse targets and metrics that there are no scores of, and rows that are scored unlike."""
    kind = figure["kind"]
    for name in ("target", "targets"):
        if name in KEYS[kind] and (name in figure or kind != "sweep"):
            found = figure.get(name, DEFAULT_TARGET)
            shown.require(f"{key}.{name}", as_list(found), rows.targets)
    for name in ("metric", "metrics"):
        if name in KEYS[kind]:
            found = figure.get(name, DEFAULT_METRIC)
            shown.require_metrics(f"{key}.{name}", as_list(found), rows)
    shown.require_one_protocol(key, rows, but_windows=kind == "windows")


def as_list(value: str | list[str]) -> list[str]:
    """Return one name, or several, as a list."""
    return [value] if isinstance(value, str) else value


def needs_two(shown: Shown, key: str, figure: Definition, rows: Rows) -> None:
    """Refuse a scatter plot of more or fewer than two systems."""
    if rows.count != 2 or len(figure.get("rows", ())) != 2:
        named = ", ".join(figure.get("rows", ())) or "not given"
        raise UserError(
            f"{shown.study.file}: {key}.rows are {named}, of {rows.count} systems; a scatter plot "
            "needs two"
        )


def needs_pairs(shown: Shown, key: str, figure: Definition, rows: Rows) -> None:
    """Refuse a comparison of fewer than two systems."""
    if rows.count < 2:
        named = ", ".join(figure.get("rows", rows.experiments)) or "none"
        raise UserError(f"{shown.study.file}: {key}.rows are {named}; {figure['kind']} needs two")


def needs_system(shown: Shown, key: str, figure: Definition, rows: Rows) -> None:
    """Refuse a figure of costs without a system, or of costs that nobody knows."""
    others = [each for each in rows.imported if shown.study.imported[each]["kind"] != "bound"]
    systems = [r for r in rows.experiments.values() if kind_of(r.config["model"]["name"]) != BOUND]
    if not systems and not others:
        raise UserError(
            f"{shown.study.file}: {key}.rows has bounds alone; cost needs one row that is no bound"
        )
    if others and figure.get("cost") == "separation":
        raise UserError(
            f"{shown.study.file}: {key}.rows has {others[0]!r}, of which the scores alone are "
            "known, not the time to separate; choose other rows"
        )


def needs_training(shown: Shown, key: str, figure: Definition, rows: Rows) -> None:
    """Refuse learning curves of what learns nothing."""
    if not any(run.trained for run in rows.runs):
        named = ", ".join(figure.get("rows", [*rows.experiments, *rows.imported])) or "none"
        raise UserError(
            f"{shown.study.file}: {key}.rows are {named}; learning curves need one that is trained"
        )


def needs_method(shown: Shown, key: str, figure: Definition, rows: Rows) -> None:
    """Refuse models without the part that the figure looks into."""
    method, kind = NEEDED_METHODS[figure["kind"]], figure["kind"]
    has = {
        name: run.trained is not None and method in declared(run.config["model"]["name"]).methods
        for name, run in rows.experiments.items()
    } | dict.fromkeys(rows.imported, False)
    fitting = [name for name in SEPARATORS if method in declared(name).methods]
    lacking = [name for name, it_has in has.items() if not it_has]
    if (figure.get("rows") and lacking) or not any(has.values()):
        raise UserError(
            f"{shown.study.file}: {key}.rows has {', '.join(lacking)} without {kind}; models with "
            f"them are {', '.join(fitting)}"
        )


def needs_swept(shown: Shown, key: str, figure: Definition, rows: Rows) -> None:
    """Refuse a key that no row sweeps, or that is not swept alone or over numbers."""
    swept = [run for run in rows.experiments.values() if run.sweep is not None]
    keys = dict.fromkeys(name for run in swept for name in run.swept)
    if "key" not in figure:
        raise UserError(
            f"{shown.study.file}: {key} lacks the key 'key'; swept are {', '.join(keys) or 'none'}"
        )
    shown.require(f"{key}.key", [figure["key"]], keys)
    for run in swept:
        if figure["key"] not in run.swept:
            continue
        value = run.swept[figure["key"]]
        if len(run.swept) > 1:
            raise UserError(
                f"{shown.study.file}: {key}.rows has {run.sweep!r}, which sweeps "
                f"{', '.join(run.swept)}; choose rows that sweep {figure['key']} alone"
            )
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(
                f"{shown.study.file}: {key}.key is {figure['key']!r}, of which {run.sweep!r} has "
                f"{value!r}; its values must be numbers"
            )


def needs_windows(shown: Shown, key: str, figure: Definition, rows: Rows) -> None:
    """Refuse rows none of which is scored with two window lengths."""
    lengths: dict[str, set[float]] = {}
    for run in rows.experiments.values():
        length = float(run.config["scoring"]["window"])
        lengths.setdefault(run.separated, set()).add(length)
    if all(len(each) < 2 for each in lengths.values()):
        raise UserError(
            f"{shown.study.file}: {key}.rows has none that is scored with two window lengths; "
            "define experiments that differ in scoring.window alone (from: the other one)"
        )


def needs_estimates(shown: Shown, key: str, figure: Definition, rows: Rows) -> None:
    """Refuse a target that has no true signal, or that a row does not estimate."""
    target = figure.get("target", shown.default_target)
    if target is None:
        return
    shown.require(f"{key}.target", [target], shown.true_targets)
    rate = shown.runs[0].config["rendition"]["rate"]
    for name, run in rows.experiments.items() if figure["kind"] != "tempo" else ():
        made = rows.estimates(run)
        if target not in made:
            raise UserError(
                f"{shown.study.file}: {key}.target is {target!r}, which {name!r} does not "
                f"estimate; it has {', '.join(made)}: choose another target or other rows"
            )
        own = run.config["rendition"]["rate"]
        if figure["kind"] == "spectrograms" and own != rate:
            raise UserError(
                f"{shown.study.file}: {key}.rows has {name!r} at {own} Hz, but the study's first "
                f"experiment has {rate} Hz; spectrograms of errors need that rate"
            )


CHECKS: dict[str, Callable[[Shown, str, Definition, Rows], None]] = {
    "cost": needs_system,
    "excerpt": needs_estimates,
    "filters": needs_method,
    "latents": needs_method,
    "learning_curves": needs_training,
    "scatter": needs_two,
    "significance": needs_pairs,
    "spectrograms": needs_estimates,
    "sweep": needs_swept,
    "tempo": needs_estimates,
    "windows": needs_windows,
}
"""Kind -> what it needs beside scores."""
