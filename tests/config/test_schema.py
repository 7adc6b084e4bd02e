"""The JSON Schema of study files."""

from tuner.config.schema import schema
from tuner.config.sections import StudySections


def _parts(part: object) -> list[dict[str, object]]:
    inside = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return [
        *([part] if isinstance(part, dict) else []),
        *(found for item in inside for found in _parts(item)),
    ]


def test_the_schema_describes_every_key_of_every_section_and_allows_no_other():
    whole = schema()
    assert whole["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert list(whole["properties"]) == list(StudySections.model_fields)
    assert whole["required"] == ["data"]
    sections = [whole, *(part for name, part in whole["$defs"].items() if name.endswith("Section"))]
    assert len(sections) == 11
    for section in sections:
        assert section["additionalProperties"] is False
        for key in section["properties"].values():
            assert (
                "description" in key or "description" in whole["$defs"][key["$ref"].removeprefix("#/$defs/")]
            )
    references = {part["$ref"] for part in _parts(whole) if isinstance(part.get("$ref"), str)}
    assert {reference.removeprefix("#/$defs/") for reference in references} <= set(whole["$defs"])


def test_the_schema_lists_the_names_of_the_tables():
    sections = schema()["$defs"]
    assert sections["SearchSection"]["properties"]["sampler"]["enum"][:3] == ["tpe", "random", "grid"]
    assert "rmse" in schema()["properties"]["objective"]["anyOf"][0]["enum"]
    assert sections["SearchSection"]["properties"]["timeout"]["default"] == "none"
    stopping = sections["TrainingSection"]["properties"]["early_stopping"]
    assert stopping["anyOf"] == [{"$ref": "#/$defs/EarlyStoppingSection"}, {"const": "none"}]
