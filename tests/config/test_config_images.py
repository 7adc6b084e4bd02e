"""What a study file says of images: sizes, how they vary, and which model reads them."""

from pathlib import Path

import pytest

from tuner.config.schema import schema
from tuner.config.study_file import StudyConfig, load_config
from tuner.errors import StudyFileError, TunerError
from tuner.study import open_study

DIGITS = "data: {sklearn: digits}\ntraining: {model: cnn}\n"


def load(folder: Path, content: str) -> StudyConfig:
    path = folder / "study.yaml"
    path.write_text(content)
    return load_config(path)


def test_a_cnn_searches_its_own_space_on_the_plain_engine(tmp_path):
    config = load(tmp_path, DIGITS)
    assert {"filters.0", "filters.1", "kernel_size", "neurons.0"} <= set(config.space.default())
    assert config.engine.name == "keras"
    assert "'cnn' cannot be trained as one program" in config.engine.reason


def test_what_varies_images_is_read(tmp_path):
    written = "{flip: horizontal, shift: 2, rotate: 10, zoom: 0.1, contrast: 0.2, noise: 0}"
    config = load(tmp_path, f"{DIGITS}preprocess: {{augment: {written}}}\n")
    assert config.preprocess.augment == {
        "flip": "horizontal",
        "shift": 2,
        "rotate": 10.0,
        "zoom": 0.1,
        "contrast": 0.2,
        "noise": 0.0,
    }


def test_a_study_without_images_is_recorded_as_before(tmp_path):
    config = load(tmp_path, "data: {sklearn: iris}\nsearch_space: {layers: 1}\n")
    old = config.canonical()
    del old["data"]["image"]
    assert config.differences(old, config.canonical()) == []


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            "data: {sklearn: digits, image: 8}\n",
            "1: data.image: 8 is not the size of an image; write [height, ",
        ),
        ("data: {sklearn: digits, image: [64]}\n", "1: data.image: [64] is not the size of an image; "),
        ("data: {sklearn: digits, image: [8, 0]}\n", "1: data.image: [8, 0] is not the size of an image; "),
        (
            "data: {sklearn: digits, image: [8, 8.0]}\n",
            "1: data.image: [8, 8.0] is not the size of an image; ",
        ),
        (
            f"{DIGITS}preprocess: {{augment: {{flip: sideways}}}}\n",
            "3: preprocess.augment: flip: 'sideways' is not one of: none, horizontal, vertical, both",
        ),
        (
            f"{DIGITS}preprocess: {{augment: {{shift: 1.5}}}}\n",
            "3: preprocess.augment: shift: 1.5 is not a whole number of at least 0",
        ),
        (
            f"{DIGITS}preprocess: {{augment: {{zoom: 1}}}}\n",
            "3: preprocess.augment: zoom: 1 is not a number of at least 0 and below 1",
        ),
        (
            f"{DIGITS}preprocess: {{augment: {{rotat: 10}}}}\n",
            "3: preprocess.augment: 'rotat' is unknown; it has: noise, mixup, flip, shift, rotate, ",
        ),
        (
            "data: {sklearn: digits}\npreprocess: {augment: {shift: 1}}\n",
            "2: preprocess.augment.shift: 'shift' varies images, and a 'mlp' reads single numbers; write "
            "training.model: cnn, or leave it out",
        ),
        (
            "data: {sklearn: digits}\nsearch_space: {preprocess.augment.rotate: 3.0}\n",
            "2: search_space.preprocess.augment.rotate: preprocess.augment.rotate: 'rotate' varies images, ",
        ),
        (
            f"{DIGITS}preprocess: {{select: {{k: 20}}}}\n",
            "3: preprocess.select: leaves out inputs, and a 'cnn' reads whole images",
        ),
        (
            f"{DIGITS}preprocess: {{missing: {{indicator: true}}}}\n",
            "3: preprocess.missing.indicator: adds inputs, and a 'cnn' reads images alone; write false",
        ),
        (
            f"{DIGITS}search_space: {{preprocess.select.k: 3}}\n",
            "3: search_space.preprocess.select.k: preprocess.select.k: leaves out inputs, ",
        ),
        (
            "data: {sklearn: digits}\ntraining: {model: cnn, engine: stacked}\n",
            "2: training.engine: the folds of a 'cnn' cannot be trained as one program; use auto or keras",
        ),
        (
            "data: {sklearn: digits}\ntraining: {model: cn}\n",
            "2: training.model: 'cn' is not a model; one of: mlp, ",
        ),
        (
            f"{DIGITS}search_space: {{filters: {{type: int, low: 2, high: 4, per: block}}}}\n",
            "3: search_space.filters: a value for each block needs the parameter 'blocks', the number of blocks",
        ),
        (
            f"{DIGITS}search_space: {{blocks: 2, filters: {{type: int, low: 2, high: 4, per: layer}}}}\n",
            "3: search_space.filters.per: 'layer' is not known; the one that is: block",
        ),
        (
            f"{DIGITS}search_space: {{layers: 2, neurons: {{type: int, low: 2, high: 4, per: block}}}}\n",
            "3: search_space.neurons.per: 'block' is not known; the one that is: layer",
        ),
        (
            f"{DIGITS}search_space: {{blocks: 2, filters.2: 4}}\n",
            "3: search_space.filters.2: does not exist in any trial: there are at most 2 blocks, 0 is the first",
        ),
        (
            f"{DIGITS}search_space: {{pooling: min}}\n",
            "3: search_space.pooling: 'min' is not one of: max, average",
        ),
        (
            f"{DIGITS}search_space: {{kernel_size: 0}}\n",
            "3: search_space.kernel_size: 0 is not a whole number",
        ),
    ],
)
def test_a_mistake_is_a_line_at_its_key(tmp_path, content, line):
    with pytest.raises(StudyFileError) as raised:
        load(tmp_path, content)
    [problem] = raised.value.problems
    assert problem.startswith(f"{tmp_path}/study.yaml:{line}")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "data: {sklearn: wine}\ntraining: {model: cnn}\n",
            "study.yaml:2: training.model: 'cnn' reads images, and the rows of scikit-learn: wine are unrelated "
            "columns; write data.image: [height, width, channels], or model: mlp",
        ),
        (
            "data: {sklearn: wine, image: [3, 5]}\ntraining: {model: cnn}\n",
            "scikit-learn: wine: an image of 3 x 5 has 15 numbers, and there are 13 columns beside the target",
        ),
        (
            f"{DIGITS}preprocess: {{augment: {{shift: 8}}}}\n",
            "study.yaml:3: preprocess.augment.shift: 8 moves images of 8 x 8 pixels out of sight; at most 7",
        ),
    ],
)
def test_what_does_not_fit_the_table_is_told_before_training(tmp_path, content, sentence):
    with pytest.raises(TunerError) as raised:
        open_study(load(tmp_path, content))
    assert sentence in str(raised.value)


def test_a_value_for_each_block_exists_as_often_as_there_are_blocks(tmp_path):
    space = load(
        tmp_path,
        f"""{DIGITS}search_space:
  blocks: {{type: int, low: 1, high: 3, default: 2}}
  filters: {{type: int, low: 4, high: 16, default: 8, per: block}}
  layers: 1
  neurons: {{type: int, low: 4, high: 16, default: 8, per: layer}}
""",
    ).space
    assert space.default() == {"blocks": 2, "filters.0": 8, "filters.1": 8, "layers": 1, "neurons.0": 8}
    assert space.largest() == {
        "blocks": 3,
        "filters.0": 16,
        "filters.1": 16,
        "filters.2": 16,
        "layers": 1,
        "neurons.0": 16,
    }
    assert space.problems({"blocks": 1, "filters.1": 4}) == [
        ("filters.1", "does not exist here: blocks is 1, and the first block is 0")
    ]


def test_the_schema_describes_images():
    whole = schema()["$defs"]
    options = whole["DataSection"]["properties"]["image"]
    assert (options["minItems"], options["maxItems"]) == (2, 3)
    augment = whole["PreprocessSection"]["properties"]["augment"]["anyOf"][1]["properties"]
    assert augment["flip"]["enum"] == ["none", "horizontal", "vertical", "both"]
    assert augment["shift"]["type"] == "integer"
