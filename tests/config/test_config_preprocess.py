"""The keys of ``preprocess`` that choose inputs, balance classes and vary batches, in study files and search spaces."""

from pathlib import Path

import pytest

from tuner.config.schema import schema
from tuner.config.study_file import StudyConfig, load_config
from tuner.errors import StudyFileError

SMALL = "data: {sklearn: iris}\nsearch_space: {layers: 2}\n"


def load(folder: Path, content: str) -> StudyConfig:
    path = folder / "study.yaml"
    path.write_text(content)
    return load_config(path)


@pytest.mark.parametrize(
    ("key", "written", "value"),
    [
        ("select", "none", "none"),
        ("select", "{k: 20}", {"k": 20}),
        ("select", "{variance: 0}", {"variance": 0.0}),
        ("select", "{k: 2, variance: 0.1}", {"k": 2, "variance": 0.1}),
        ("balance", "smote", "smote"),
        ("augment", "{noise: 0.05, mixup: 1}", {"noise": 0.05, "mixup": 1.0}),
        (
            "datetime",
            "{parts: [month, partofday], cyclic: false}",
            {"parts": ("month", "partofday"), "cyclic": False},
        ),
        ("datetime", "{cyclic: false}", {"parts": "auto", "cyclic": False}),
        ("datetime", "{parts: [month]}", ("month",)),
        ("datetime", "{parts: none, cyclic: true}", "none"),
    ],
)
def test_a_value_is_read(tmp_path, key, written, value):
    config = load(tmp_path, f"{SMALL}preprocess: {{{key}: {written}}}\n")
    assert getattr(config.preprocess, key) == value


def test_what_asks_for_nothing_leaves_a_recorded_study_as_it_was(tmp_path):
    plain = load(tmp_path, SMALL).canonical()
    assert {plain["preprocess"][key] for key in ("select", "balance", "augment")} == {"none"}
    assert plain["preprocess"]["datetime"] == "auto"
    explicit = "preprocess: {select: none, balance: none, augment: none, datetime: {cyclic: true}}\n"
    assert load(tmp_path, SMALL + explicit).canonical() == plain


@pytest.mark.parametrize(
    ("key", "written", "sentence"),
    [
        ("select", "20", "20 is neither none nor {k: ...} or {variance: ...}"),
        ("select", "{}", "a mapping is neither none nor {k: ...}"),
        ("select", "{k: 0}", "k: 0 is not a whole number of at least 1"),
        ("select", "{k: 2.5}", "k: 2.5 is not a whole number of at least 1"),
        ("select", "{k: true}", "k: true is not a whole number of at least 1"),
        ("select", "{variance: -1}", "variance: -1 is not a number of at least 0"),
        ("select", "{varience: 1}", "'varience' is unknown; it has: k, variance; did you mean 'variance'?"),
        (
            "balance",
            "smot",
            "'smot' is not a way to balance classes; one of: none, class_weight, oversample, ",
        ),
        ("balance", "[smote]", "a list is not a way to balance classes"),
        ("augment", "mixup", "'mixup' is neither none nor {noise: ...} or {mixup: ...}"),
        ("augment", "{noise: .inf}", "noise: inf is not a number of at least 0"),
        ("augment", "{mixup: alot}", "mixup: 'alot' is not a number of at least 0 and below 1000"),
        (
            "augment",
            "{nois: 1}",
            "'nois' is unknown; it has: noise, mixup, flip, shift, rotate, zoom, contrast; did you ",
        ),
        ("augment", "{images: {flip: horizontal}}", "'images' is unknown; it has: noise, mixup, flip, "),
        ("datetime", "{part: [month]}", "'part' is unknown; it has: parts, cyclic; did you mean 'parts'?"),
        ("datetime", "{cyclic: 1}", "cyclic: 1 is not true or false"),
        ("datetime", "{parts: [mouth]}", "'mouth' is not a part of a date; one of: year, "),
        ("datetime", "[month, month]", "'month' is given twice"),
        ("datetime", "month", "'month' is not auto, none or a list of parts; the parts are: year, "),
    ],
)
def test_a_mistake_is_a_line_at_its_key(tmp_path, key, written, sentence):
    with pytest.raises(StudyFileError) as raised:
        load(tmp_path, f"{SMALL}preprocess:\n  {key}: {written}\n")
    [line] = raised.value.problems
    assert line.startswith(f"{tmp_path}/study.yaml:4: preprocess.{key}: {sentence}")


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_a_task_without_classes_cannot_be_balanced(tmp_path, task):
    with pytest.raises(
        StudyFileError, match=rf":3: preprocess\.balance: 'smote' balances classes, and {task} has no"
    ):
        load(tmp_path, f"{SMALL}preprocess: {{balance: smote}}\ntask: {task}\n")


def test_the_schema_describes_the_numbers_and_the_names():
    section = schema()["$defs"]["PreprocessSection"]["properties"]
    for key, numbers in (
        ("select", ["k", "variance"]),
        ("augment", ["noise", "mixup", "flip", "shift", "rotate", "zoom", "contrast"]),
    ):
        nothing, mapping = section[key]["anyOf"]
        assert nothing == {"const": "none"}
        assert list(mapping["properties"]) == numbers
        assert mapping["additionalProperties"] is False
        assert section[key]["default"] == "none"
    assert section["balance"]["enum"] == ["none", "class_weight", "oversample", "undersample", "smote"]
    assert "partofday" in section["datetime"]["anyOf"][1]["items"]["enum"]


def test_preprocessing_may_be_searched(tmp_path):
    config = load(
        tmp_path,
        """
data: {sklearn: iris}
search_space:
  layers: 1
  preprocess.balance: {type: choice, options: [none, smote]}
  preprocess.datetime: {type: choice, options: [auto, none, month]}
  preprocess.select.k: {type: int, low: 2, high: 4}
  preprocess.augment.noise: {type: float, low: 0.0, high: 0.1, when: {preprocess.balance: smote}}
""",
    )
    assert config.space.default()["preprocess.select.k"] == 3


@pytest.mark.parametrize(
    ("param", "sentence"),
    [
        ("preprocess.balance: {type: choice, options: [smot]}", "'smot' is not a way to balance classes; "),
        ("preprocess.select.k: {type: int, low: 0, high: 5}", "0 is not a whole number of at least 1"),
        ("preprocess.select.k: {type: float, low: 1, high: 5}", "1.0 is not a whole number of at least 1"),
        ("preprocess.augment.mixup: -0.1", "-0.1 is not a number of at least 0"),
        ("preprocess.datetime: mouth", "'mouth' is not a part of a date; "),
        ("preprocess.augment: none", "'preprocess.augment' cannot be searched; of preprocessing there is: "),
    ],
)
def test_a_mistake_in_searched_preprocessing_is_a_line(tmp_path, param, sentence):
    with pytest.raises(StudyFileError) as raised:
        load(tmp_path, f"data: {{sklearn: iris}}\nsearch_space:\n  layers: 1\n  {param}\n")
    assert raised.value.problems[0].startswith(
        f"{tmp_path}/study.yaml:4: search_space.{param.partition(':')[0]}"
    )
    assert sentence in raised.value.problems[0]
