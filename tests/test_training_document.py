"""docs/training.md names every key of the training with its default, and every column."""

import dataclasses
import re
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

import pytest
from small_runs import RANDOM_CROPS, U_NET, configuration, run

from mssbench.augmentation.config import AugmentationConfig
from mssbench.data.rendition import Rendition
from mssbench.training.config import AverageConfig, CropsConfig, LossTerm, TrainingOptions
from mssbench.training.losses import LOSSES
from mssbench.training.optimiser_config import OptimiserConfig
from mssbench.training.schedule import FineTuningConfig, ScheduleConfig

TEXT = (Path(__file__).parent.parent / "docs" / "training.md").read_text()
UNIONS = (CropsConfig, OptimiserConfig, ScheduleConfig, AugmentationConfig)
VARIANTS = [variant for union in UNIONS for variant in get_args(union)]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"\|.*\|", TEXT)
]


def default(field):
    """Return a field's default as the document writes it."""
    value = field.default
    if value is dataclasses.MISSING:
        return "needed"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return str(list(value)) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize("field", dataclasses.fields(TrainingOptions), ids=lambda f: f.name)
def test_each_key_of_training_has_a_row_with_its_default(field):
    (row,) = [row for row in ROWS if row[0] == f"`{field.name}`" and len(row) == 3]
    assert row[1] == default(field)


def test_no_other_key_has_a_row():
    names = {f"`{field.name}`" for field in dataclasses.fields(TrainingOptions)}
    of_keys = ROWS[: ROWS.index(["`kind`", "keys"])]
    assert {row[0] for row in of_keys[2:]} == names


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda cls: cls.__name__)
def test_each_kind_has_a_row_with_its_keys_and_their_defaults(variant):
    tag, *fields = dataclasses.fields(variant)
    (kind,) = get_args(get_type_hints(variant)[tag.name])
    said = ", ".join(f"`{field.name}` {default(field)}" for field in fields)
    assert [f"`{kind}`", said] in ROWS


def test_terms_phases_and_averages_are_told():
    text = " ".join(TEXT.split())
    for cls in (LossTerm, FineTuningConfig):
        for field in dataclasses.fields(cls):
            assert f"`{field.name}` {default(field)}" in text
    assert all(f"`{kind}`" in text for kind in LOSSES)
    (decay,) = dataclasses.fields(AverageConfig)
    assert f"{{{decay.name}: " in text


def test_no_dataclass_of_the_options_is_forgotten():
    told = {*VARIANTS, LossTerm, FineTuningConfig, AverageConfig, TrainingOptions}
    assert dataclasses_in(TrainingOptions) == told


def dataclasses_in(hint: Any) -> set[Any]:
    """Return the dataclasses that a type hint names, and those of their fields."""
    if dataclasses.is_dataclass(hint):
        found = (dataclasses_in(part) for part in get_type_hints(hint).values())
        return {hint}.union(*found)
    parts = [part for part in get_args(hint) if part not in (NoneType, Ellipsis)]
    return set().union(*map(dataclasses_in, parts))


def test_each_column_of_the_history_is_told(tiny_rendition, tmp_path):
    config = configuration(U_NET, epochs=1, crops=RANDOM_CROPS, score="si_sdr")
    (row,) = run(config, Rendition.open(tiny_rendition), tmp_path).history
    start = ROWS.index(["column", "what it is"])
    told = {name for cells in ROWS[start + 2 :] for name in re.findall("`([^`]+)`", cells[0])}
    terms = {f"{part}_<term>" for part in ("train", "valid")}
    assert {name.replace("_final", "_<term>") for name in row} == told
    assert terms < told
