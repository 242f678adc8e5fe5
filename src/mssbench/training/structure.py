"""Frozen dataclasses read from the plain maps of JSON and YAML, each value checked on the way."""

import dataclasses
import math
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from mssbench.errors import UserError
from mssbench.validation import number_hint

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Minimum:
    """The least number allowed, as in ``Annotated[int, Minimum(1)]``.

    Attributes:
        value: the bound.
        excluded: whether the bound itself is not allowed.
    """

    value: float
    excluded: bool = False

    def allows(self, number: float) -> bool:
        """Tell whether ``number`` keeps the bound."""
        return number > self.value or (number == self.value and not self.excluded)

    def __str__(self) -> str:
        return f"{'above' if self.excluded else 'at least'} {self.value:g}"


@dataclasses.dataclass(frozen=True)
class Maximum:
    """The greatest number allowed, as in ``Annotated[float, Maximum(1)]``.

    Attributes:
        value: the bound.
        excluded: whether the bound itself is not allowed.
    """

    value: float
    excluded: bool = False

    def allows(self, number: float) -> bool:
        """Tell whether ``number`` keeps the bound."""
        return number < self.value or (number == self.value and not self.excluded)

    def __str__(self) -> str:
        return f"{'below' if self.excluded else 'at most'} {self.value:g}"


Count = Annotated[int, Minimum(1)]
Positive = Annotated[float, Minimum(0, excluded=True)]
NotNegative = Annotated[float, Minimum(0)]


def structure(cls: type[T], value: Any, key: str = "") -> T:
    """Build the dataclass ``cls`` from a map whose keys are its fields.

    Fields may be numbers, text, truth values, literals, ``Annotated`` numbers with a ``Minimum``
    or ``Maximum``, maps, lists (``tuple[X, ...]``, or ``tuple[X, X]`` of a fixed length), other
    dataclasses, unions of dataclasses that their literal field ``kind`` or else ``name`` tells
    apart, and any of them ``| None``. Those with a default may be left out.

    Args:
        cls: a dataclass.
        value: what was read from JSON or YAML.
        key: the path of ``value`` in the configuration, as in ``training.crops``.

    Raises:
        UserError: a key is unknown or missing, or a value is of the wrong type or out of bounds.
    """
    found = _map(value, key)
    hints, names, needed = _fields(cls)  # type: ignore[arg-type]
    for name in found:
        if name not in names:
            raise UserError(f"unknown key {_join(key, name)!r}; allowed are {', '.join(names)}")
    for name in needed:
        if name not in found:
            raise UserError(
                f"the key {_join(key, name)!r} is missing; needed are {', '.join(needed)}"
            )
    return cls(**{name: _value(hints[name], found[name], _join(key, name)) for name in found})


@cache
def _fields(cls: type) -> tuple[dict[str, Any], list[str], list[str]]:
    """Return the hints of a dataclass, the names of its fields, and of those without a default."""
    fields = [field for field in dataclasses.fields(cls) if field.init]
    names = [field.name for field in fields]
    needed = [field.name for field in fields if field.default is dataclasses.MISSING]
    return get_type_hints(cls, include_extras=True), names, needed


def _value(hint: Any, value: Any, key: str) -> Any:
    """Check one value against its type hint and return it."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        number = _value(arguments[0], value, key)
        for bound in arguments[1:]:
            if not bound.allows(number):
                raise UserError(f"{key} is {value!r}; it must be {bound}")
        return number
    if origin is Literal:
        if value not in arguments:
            raise UserError(f"{key} is {value!r}; allowed are {', '.join(map(str, arguments))}")
        return value
    if origin in (Union, UnionType):
        return _either(arguments, value, key)
    if origin in (dict, tuple):
        return _parts(origin, arguments, value, key)
    if dataclasses.is_dataclass(hint):
        return structure(hint, value, key)  # type: ignore[arg-type]
    return _plain(hint, value, key)


def _parts(origin: type, arguments: tuple[Any, ...], value: Any, key: str) -> Any:
    """Check the parts of a map, or of a list, which becomes a tuple."""
    if origin is dict:
        return {
            name: _value(arguments[1], part, _join(key, name))
            for name, part in _map(value, key).items()
        }
    if not isinstance(value, list):
        raise UserError(f"{key} is {value!r}; it must be a list")
    if arguments[-1] is not Ellipsis and len(value) != len(arguments):
        raise UserError(f"{key} is {value!r}; it must be a list of {len(arguments)}")
    return tuple(_value(arguments[0], part, f"{key}[{n}]") for n, part in enumerate(value))


def _either(arguments: tuple[Any, ...], value: Any, key: str) -> Any:
    """Check a value that may be None, or a map that is one of several dataclasses."""
    others = tuple(argument for argument in arguments if argument is not NoneType)
    if value is None and len(others) < len(arguments):
        return None
    return _value(others[0] if len(others) == 1 else _variant(others, value, key), value, key)


def _variant(classes: tuple[type, ...], value: Any, key: str) -> type:
    """Return the class whose literal ``kind``, or else ``name``, the map gives."""
    hints = {cls: _fields(cls)[0] for cls in classes}
    tag = "kind" if all("kind" in fields for fields in hints.values()) else "name"
    kinds = {get_args(fields[tag])[0]: cls for cls, fields in hints.items()}
    allowed = ", ".join(kinds)
    found = _map(value, key)
    if tag not in found:
        raise UserError(f"the key {_join(key, tag)!r} is missing; it is one of {allowed}")
    if not isinstance(found[tag], str) or found[tag] not in kinds:
        raise UserError(f"{_join(key, tag)} is {found[tag]!r}; allowed are {allowed}")
    return kinds[found[tag]]


def _map(value: Any, key: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UserError(f"{key or 'the configuration'} is {value!r}; it must be a map of keys")
    return value


def _plain(kind: Any, value: Any, key: str) -> Any:
    """Check a number or a text; any value fits `Any`."""
    if kind is Any:
        return value
    accepted = (int, float) if kind is float else (kind,)
    # bool is an int to Python and a mistake to a person.
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        words = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
        hint = "" if kind in (str, bool) else number_hint(value)
        raise UserError(f"{key} is {value!r}; it must be {words[kind]}{hint}")
    if kind is float and not math.isfinite(value):
        raise UserError(f"{key} is {value!r}; it must be a finite number")
    return kind(value)


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else str(name)
