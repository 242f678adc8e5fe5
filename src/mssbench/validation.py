"""Checks of YAML configuration against a JSON schema, with messages a person can act on."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from mssbench.errors import UserError

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

# As safe and ten times as fast as the one in Python, which is there where libyaml is not.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_yaml(path: Path | str) -> Any:
    """Read a YAML file.

    Raises:
        UserError: the file is missing or is not YAML.
    """
    path = Path(path)
    try:
        return yaml.load(path.read_text(encoding="utf-8"), LOADER)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not valid YAML: {reason}") from None


def validate(value: Any, schema: dict[str, Any], where: str) -> None:
    """Check ``value`` against ``schema``.

    Args:
        value: what was read from YAML or JSON.
        schema: a JSON schema (draft 2020-12).
        where: the file the value came from; begins the message.

    Raises:
        UserError: naming the key, what was found and what is allowed.
    """
    # Half a second that a training, which has no schema, need not wait for.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(schema).iter_errors(value))
    if error is not None:
        raise UserError(f"{where}: {explain(error)}")


def require_finite(value: Any, where: str, key: str = "") -> None:
    """Refuse a number that is none, which YAML writes as .nan and .inf.

    Args:
        value: what was read from YAML.
        where: the file the value came from; begins the message.
        key: of the value in the file.

    Raises:
        UserError: naming the first such key.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{where}: {key or 'the top level'} is {value}; give a finite number")
    parts: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, list):
        parts = list(enumerate(value))
    for name, part in parts:
        require_finite(part, where, f"{key}.{name}" if key else str(name))


def explain(error: "ValidationError") -> str:
    """Return one sentence for a schema violation."""
    key = ".".join(str(part) for part in error.absolute_path) or "the top level"
    found, rule = error.instance, error.validator_value
    match error.validator:
        case "additionalProperties":
            allowed = sorted(error.schema.get("properties", {}))
            unknown = sorted(str(name) for name in set(found) - set(allowed))
            return f"unknown key {unknown[0]!r} in {key}; allowed are {', '.join(allowed)}"
        case "required":
            missing = [name for name in rule if name not in found]
            return f"{key} lacks the key {missing[0]!r}; needed are {', '.join(rule)}"
        case "enum":
            return f"{key} is {found!r}; allowed are {', '.join(map(str, rule))}"
        case "type":
            hint = number_hint(found) if rule in ("number", "integer") else ""
            kinds = rule if isinstance(rule, str) else " or ".join(rule)
            return f"{key} is {found!r}; it must be of type {kinds}{hint}"
    wanted = error.schema.get("description", f"{error.validator}: {rule}")
    return f"{key} is {found!r}, which does not fit: {wanted}"


def number_hint(found: Any) -> str:
    """Explain the trap that YAML 1.1 reads ``1e-3``, without a point, as text."""
    if not isinstance(found, str):
        return ""
    try:
        number = float(found)
    except ValueError:
        return ""
    mantissa, _, exponent = f"{number:e}".partition("e")
    return f"; YAML reads {found} as text: write {float(mantissa):.4}e{int(exponent):+d}"
