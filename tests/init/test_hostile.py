"""Tables as people have them: each gets a study file that says what was meant and can be opened, or one clear error."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tuner.config.study_file import StudyConfig, load_config
from tuner.errors import DataError
from tuner.init.look import look_at
from tuner.init.start import draft_text
from tuner.study import open_study

HOSTILE_NAMES = [
    "a: b",
    "#",
    'say "so"',
    "it's",
    "yes",
    "null",
    "1e3",
    "- x",
    "{x}",
    "体重",
    "<script>alert(1)</script>",
    "a | b",
    "../up",
    "*",
    "&x",
    "!x",
    "%",
    "@",
    "~",
]


def study_of(path: Path, *targets: str) -> StudyConfig:
    """Write the study file of a table, open the study, and return the file as it was read."""
    studies = path.parent / "studies"
    studies.mkdir(exist_ok=True)
    place = studies / "table.yaml"
    place.write_text(draft_text(look_at(path, targets), place), encoding="utf-8")
    config = load_config(place)
    open_study(config)
    return config


def of_text(folder: Path, text: str, *targets: str) -> StudyConfig:
    (folder / "table.csv").write_text(text, encoding="utf-8")
    return study_of(folder / "table.csv", *targets)


def of_frame(folder: Path, frame: pd.DataFrame, *targets: str) -> StudyConfig:
    frame.to_parquet(folder / "table.parquet")
    return study_of(folder / "table.parquet", *targets)


@pytest.mark.parametrize("target", ["yes", "a: b", "~", " padded "])
def test_columns_of_any_name_are_named_as_they_are(tmp_path, target):
    random = np.random.default_rng(0)
    columns = {name: random.normal(size=60) for name in HOSTILE_NAMES if name != target}
    columns |= {"tab\tnew\nline": np.arange(60), "dropped: #": ["the same"] * 60}
    frame = pd.DataFrame({**columns, target: random.integers(0, 2, 60)})
    config = of_frame(tmp_path, frame, target)
    assert config.data.target == (target,)
    assert config.data.drop == ("tab\tnew\nline", "dropped: #")


@pytest.mark.parametrize("labels", [("yes", "no"), ("~", "1e3"), ("a: b", "#"), ("true", "x"), ("ж", "'")])
def test_labels_of_any_text_are_found_again(tmp_path, labels):
    frame = pd.DataFrame({"a": np.arange(90) % 13, "y": [labels[int(row % 3 == 0)] for row in range(90)]})
    config = of_frame(tmp_path, frame, "y")
    assert (config.task, config.positive) == ("binary", labels[1])


def test_a_label_with_blanks_round_it_is_left_to_be_the_rarer_one(tmp_path):
    frame = pd.DataFrame(
        {"a": np.arange(90) % 13, "y": [(" no", " yes ")[row % 3 == 0] for row in range(90)]}
    )
    assert of_frame(tmp_path, frame, "y").positive is None


@pytest.mark.parametrize(
    ("values", "positive"), [((True, False), "True"), ((1, 2), "2"), ((0.5, 1.5), "1.5"), ((0.0, 1.0), "1")]
)
def test_two_values_of_any_type_are_binary(tmp_path, values, positive):
    frame = pd.DataFrame({"a": np.arange(60) % 13, "y": [values[row % 2] for row in range(60)]})
    config = of_frame(tmp_path, frame, "y")
    assert (config.task, config.positive) == ("binary", positive if values != (True, False) else "True")


def test_two_rows_of_each_class_make_two_folds_and_no_test(tmp_path):
    config = of_text(tmp_path, "a,y\n1,p\n2,q\n3,p\n4,q\n5,r\n6,r\n", "y")
    assert (config.cv.folds, config.test) == (2, 0.0)


def test_many_classes_of_few_rows_leave_none_for_a_test(tmp_path):
    rows = "".join(f"{row % 17},class {row % 50}\n" for row in range(150))
    config = of_text(tmp_path, f"a,y\n{rows}", "y")
    assert (config.cv.folds, config.test) == (3, 0.0)


def test_a_class_of_one_row_is_refused_with_the_ways_out(tmp_path):
    with pytest.raises(DataError, match=r"these classes have fewer rows: 'r' 1; merge or drop the class"):
        of_text(tmp_path, "a,y\n1,p\n2,q\n3,p\n4,q\n5,r\n", "y")


def test_whole_numbers_of_which_some_are_there_once_are_a_quantity(tmp_path):
    rows = "".join(f"{row % 7}.5,{(row * row) % 11 + (row == 50)}\n" for row in range(60))
    assert of_text(tmp_path, f"a,y\n{rows}0.5,90\n", "y").task == "regression"


def test_an_identifier_may_be_the_target(tmp_path):
    rows = "".join(f"{row % 17},{row}\n" for row in range(80))
    assert of_text(tmp_path, f"a,row_id\n{rows}", "row_id").task == "regression"


def test_rows_without_a_target_are_left_out_and_that_is_said(tmp_path):
    rows = "".join(f"{row % 17}.5,{row * 0.5 if row % 4 else ''}\n" for row in range(200))
    (tmp_path / "table.csv").write_text(f"a,y\n{rows}", encoding="utf-8")
    text = draft_text(look_at(tmp_path / "table.csv", ("y",)), tmp_path / "table.yaml")
    assert "# 50 rows without a target are left out." in text
    assert of_text(tmp_path, f"a,y\n{rows}", "y").task == "regression"


def test_dates_alone_are_enough(tmp_path):
    days = pd.date_range("2025-01-01", periods=150, freq="D")
    config = of_frame(tmp_path, pd.DataFrame({"day": days, "y": np.sin(np.arange(150))}), "y")
    assert (config.data.time, config.cv.repeats) == ("day", 1)


def test_dates_that_do_not_order_the_rows_are_offered_as_time(tmp_path):
    days = np.random.default_rng(1).permutation(pd.date_range("2025-01-01", periods=150, freq="D"))
    ordered = np.sort(days)
    config = of_frame(tmp_path, pd.DataFrame({"day": days, "y": np.sin(np.arange(150))}), "y")
    assert config.data.time is None
    assert "# time: day  # take this up" in config.path.read_text(encoding="utf-8")
    classes = pd.DataFrame({"day": ordered, "y": ["a"] * 90 + ["b"] * 60})
    assert of_frame(tmp_path, classes, "y").data.time is None


def test_semicolons_decimal_commas_and_quotes_are_read(tmp_path):
    rows = "".join(f'{row},5;"x;{row % 3}";{"ja" if row % 2 else "nein"}\n' for row in range(120))
    config = of_text(tmp_path, f"größe;art;gekauft\n{rows}", "gekauft")
    assert (config.task, config.positive) == ("binary", "nein")


def test_a_comma_in_a_name_between_semicolons_is_part_of_it(tmp_path):
    rows = "".join(f"{row},5;{row % 3};{'ja' if row % 2 else 'nein'}\n" for row in range(120))
    of_text(tmp_path, f"Preis (EUR, brutto);Menge;gekauft\n{rows}", "gekauft")
    assert look_at(tmp_path / "table.csv", ("gekauft",)).columns[0].name == "Preis (EUR, brutto)"


def test_more_inputs_than_rows_are_offered_a_selection(tmp_path):
    frame = pd.DataFrame(
        np.random.default_rng(3).normal(size=(120, 300)), columns=[f"x{n}" for n in range(300)]
    )
    text = of_frame(tmp_path, frame.assign(y=np.arange(120) % 2), "y").path.read_text(encoding="utf-8")
    assert "  # select: {k: 12}" in text


def test_copies_of_rows_are_told_of(tmp_path):
    config = of_text(tmp_path, "a,y\n" + "1,p\n2,q\n3,p\n4,q\n" * 30, "y")
    assert "# 116 rows are copies of others" in config.path.read_text(encoding="utf-8")


def test_lists_and_infinite_numbers_are_dropped(tmp_path):
    infinite = np.where(np.arange(60) == 9, np.inf, 1.5 * np.arange(60))
    nested = [[row] for row in range(60)]
    frame = pd.DataFrame({"a": np.arange(60) % 13, "big": infinite, "list": nested, "y": np.arange(60) % 2})
    assert of_frame(tmp_path, frame, "y").data.drop == ("big", "list")


def test_a_table_of_many_columns_is_looked_at_and_its_file_stays_short(tmp_path):
    random = np.random.default_rng(1)
    values = random.normal(size=(50, 1200))
    values[:, 150:] = 1.0
    frame = pd.DataFrame(values, columns=[f"x{n}" for n in range(1200)]).assign(y=random.integers(0, 2, 50))
    config = of_frame(tmp_path, frame, "y")
    text = config.path.read_text(encoding="utf-8")
    assert len(config.data.drop) == 100
    assert "950 more columns are constant or empty too" in text
    assert len(text.splitlines()) < 400


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("y\n1\n2\n", "no column is left"),
        ("a,b,y\n,,p\n,,q\n", "no column is left"),
        ("a,y\n1,\n2,\n", "no row has a value of the target"),
        ("a,y\n1,p\n2,p\n", "there is nothing to learn"),
        (
            "a,y\n1,2024-01-01\n2,2024-01-02\n3,2024-01-03\n",
            "nearly every row is a class of its own|fewer rows",
        ),
    ],
)
def test_a_table_that_nothing_can_be_learnt_from_is_refused(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        of_text(tmp_path, text, "y")


def test_several_targets_of_0_and_1_are_several_labels(tmp_path):
    rows = "".join(f"{row % 17},{row % 2},{row // 3 % 2}\n" for row in range(120))
    config = of_text(tmp_path, f"a,l: 1,l: 2\n{rows}", "l: 1", "l: 2")
    assert (config.data.target, config.task) == (("l: 1", "l: 2"), "multilabel")


def test_several_numbers_are_predicted_together(tmp_path):
    rows = "".join(f"{row % 17},{row * 0.5},{row * 0.25}\n" for row in range(120))
    assert of_text(tmp_path, f"a,u,v\n{rows}", "u", "v").task == "regression"


def test_images_are_read_by_a_convolutional_network(tmp_path):
    random = np.random.default_rng(2)
    np.savez(tmp_path / "table.npz", X=random.random((60, 4, 4, 3)), y=random.integers(0, 3, 60))
    config = study_of(tmp_path / "table.npz")
    assert (config.data.target, config.task, config.preprocess.numeric) == (None, "multiclass", "max")
    assert (config.training.model, config.search_space) == ("cnn", "cnn")
    assert "  # augment: {shift: 1, " in config.path.read_text(encoding="utf-8")


def test_pictures_of_several_sizes_are_brought_to_one(tmp_path):
    for place, (height, width) in enumerate([(20, 30), (40, 60), (400, 600)] * 4):
        file = tmp_path / "photos" / ("cat", "dog")[place % 2] / f"{place}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(place).integers(0, 255, (height, width), np.uint8)
        Image.fromarray(pixels).save(file)
    config = study_of(tmp_path / "photos")
    # The median size is 40 x 60; of six pictures a class, each of five folds scores one.
    assert (config.data.path, config.data.target, config.data.image) == ("../photos", None, (40, 60))
    assert (config.training.model, config.test, config.task) == ("cnn", 0.0, "binary")
    assert "stretched to 40 x 60" in " ".join(look_at(tmp_path / "photos", ()).notes)


def test_rows_of_numbers_in_an_array_are_a_table(tmp_path):
    random = np.random.default_rng(2)
    np.savez(tmp_path / "table.npz", X=random.random((60, 16)), y=random.integers(0, 3, 60))
    assert study_of(tmp_path / "table.npz").training.model == "mlp"


def test_rare_positives_are_searched_with_and_without_weights(tmp_path):
    frame = pd.DataFrame({"a": np.arange(900) % 13, "y": [int(row % 45 == 0) for row in range(900)]})
    config = of_frame(tmp_path, frame, "y")
    assert config.space.params["preprocess.balance"].options == ("none", "class_weight")
    assert (config.objective, config.threshold) == ("average_precision", "tuned")


def test_whether_many_categories_are_embedded_is_searched(tmp_path):
    city = [f"city {row % 25}" for row in range(600)]
    config = of_frame(tmp_path, pd.DataFrame({"city": city, "y": [row % 3 > 1 for row in range(600)]}), "y")
    assert config.space.params["preprocess.categorical"].options == ("onehot", "embedding")
