"""What the configuration of tables and figures must look like."""

from typing import Any

NAMES = {"type": "array", "minItems": 1, "items": {"type": "string"}}
SHARE = {"exclusiveMinimum": 0, "exclusiveMaximum": 1, "description": "a share between 0 and 1"}
TEXT, OPTIONAL_TEXT = {"type": "string"}, {"type": ["string", "null"]}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["study", "dataset", "scale", "rows"],
    "properties": {
        "study": TEXT,
        "title": TEXT,
        "citation": OPTIONAL_TEXT,
        "dataset": TEXT,
        "scale": TEXT,
        "deviations": {"type": "array", "items": TEXT},
        "rows": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["experiment", "label", "seed", "id", "kind"],
                "properties": {
                    "experiment": TEXT,
                    "label": TEXT,
                    "seed": {"type": ["integer", "null"]},
                    "id": TEXT,
                    "trained": OPTIONAL_TEXT,
                    "separated": TEXT,
                    "kind": {"enum": ["trained", "untrained", "bound"]},
                    "rendition": {
                        "type": "string",
                        "pattern": "^[0-9]+-(mono|stereo)(-[a-z0-9.-]+)?$",
                    },
                    "loss": TEXT,
                    "imported": TEXT,
                    "sweep": OPTIONAL_TEXT,
                    "swept": {"type": "object"},
                    "songs": {"enum": ["test", "held_out"]},
                    "fold": {"type": ["integer", "null"]},
                    "pool": OPTIONAL_TEXT,
                },
            },
        },
        "published": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["target", "metric", "value", "source", "verified"],
                "oneOf": [{"required": ["experiment"]}, {"required": ["system"]}],
                "description": "one of the keys experiment and system, not both",
                "properties": {
                    "experiment": TEXT,
                    "system": TEXT,
                    "target": TEXT,
                    "metric": TEXT,
                    "aggregation": OPTIONAL_TEXT,
                    "dataset": OPTIONAL_TEXT,
                    "value": {"type": "number"},
                    "source": TEXT,
                    "verified": {"type": "boolean"},
                },
            },
        },
        "tables": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["title", "targets", "metrics", "aggregations"],
                "properties": {
                    "title": TEXT,
                    "rows": NAMES,
                    "literature": NAMES,
                    "targets": NAMES,
                    "metrics": NAMES,
                    "aggregations": NAMES,
                    "rank_by": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["metric", "target", "aggregation"],
                        "properties": {"metric": TEXT, "target": TEXT, "aggregation": TEXT},
                    },
                    "interval": {"type": ["boolean", "number"], **SHARE},
                    "test": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "kind": {"enum": ["wilcoxon", "conover", "mcnemar"]},
                            "against": TEXT,
                            "alpha": {"type": "number", **SHARE},
                            "bold": {"type": "boolean"},
                        },
                    },
                    "columns": {
                        **NAMES,
                        "items": {"enum": ["parameters", "training", "separation"]},
                        "uniqueItems": True,
                    },
                    "parts": {**NAMES, "uniqueItems": True},
                },
            },
        },
        "figures": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["title", "kind"],
                "properties": {
                    "title": TEXT,
                    "kind": TEXT,
                    "rows": NAMES,
                    "targets": NAMES,
                    "metrics": NAMES,
                    "target": TEXT,
                    "metric": TEXT,
                    "song": TEXT,
                    "test": TEXT,
                    "cost": TEXT,
                    "key": TEXT,
                    "name": TEXT,
                    "vectors": TEXT,
                    "points": {
                        "type": "integer",
                        "minimum": 2,
                        "description": "a whole number of at least 2",
                    },
                    "factors": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "number", "exclusiveMinimum": 0},
                        "description": "a list of numbers above 0",
                    },
                    "centre": TEXT,
                    "bandwidth": TEXT,
                    "seconds": {"type": "number", "exclusiveMinimum": 0},
                    "start": {"type": "number", "minimum": 0},
                },
            },
        },
        "listening": {"type": "object"},
    },
}
