import pytest

from mssbench.errors import UserError
from mssbench.validation import load_yaml, validate

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["scale"],
    "properties": {
        "scale": {"enum": ["demo", "paper"]},
        "lr": {"type": "number"},
        "rate": {"type": "integer", "minimum": 1000, "description": "a sampling rate in Hz"},
    },
}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"scale": "demo", "sclae": 1}, "unknown key 'sclae' in the top level; allowed are lr"),
        ({"scale": "dmo"}, "scale is 'dmo'; allowed are demo, paper"),
        ({"lr": 0.1}, "the top level lacks the key 'scale'"),
        ({"scale": "demo", "lr": "1e-3"}, "lr is '1e-3'.*YAML reads 1e-3 as text: write 1.0e-3"),
        ({"scale": "demo", "lr": "fast"}, "lr is 'fast'; it must be of type number$"),
        ({"scale": "demo", "rate": 5}, "rate is 5, which does not fit: a sampling rate in Hz"),
    ],
)
def test_message_names_key_value_and_what_is_allowed(value, message):
    with pytest.raises(UserError, match=message) as caught:
        validate(value, SCHEMA, "config.yaml")
    assert str(caught.value).startswith("config.yaml: ")
    assert "\n" not in str(caught.value)


def test_suggested_number_is_the_number_and_is_read_as_one(tmp_path):
    path = tmp_path / "numbers.yaml"
    for text in ("1e-3", "2.5e-4", "1e6"):
        with pytest.raises(UserError) as caught:
            validate({"scale": "demo", "lr": text}, SCHEMA, "config.yaml")
        path.write_text("value: " + str(caught.value).rsplit(" ", 1)[1])
        assert load_yaml(path)["value"] == float(text)


def test_broken_yaml_is_one_line(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("a: [1,\nb: 2")
    with pytest.raises(UserError, match="not valid YAML") as caught:
        load_yaml(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="there is no such file"):
        load_yaml(tmp_path / "missing.yaml")
