import json
from typing import Any

import numpy as np
import pytest

from tests.export.made import same_bits
from tests.small import study_of
from tuner.data.preprocess import Preprocessor, TargetScaler
from tuner.export.preprocess_json import PreprocessFile, from_file, to_file
from tuner.study import Study

PLANS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "quantile, ordinal, indicator": {
        "numeric": "quantile",
        "categorical": "ordinal",
        "missing": {"numeric": "mean", "indicator": True},
    },
    "minmax, most frequent": {
        "numeric": "minmax",
        "missing": {"numeric": "most_frequent", "categorical": "most_frequent"},
    },
    "max, parts of dates": {"numeric": "max", "datetime": ["year", "month", "dayofweek"]},
    "robust, no dates": {"numeric": "robust", "datetime": "none"},
    "robust_clip": {"numeric": "robust_clip"},
    "embedding": {"categorical": "embedding"},
    "unscaled": {"numeric": "none", "missing": {"numeric": "zero"}},
    "dates as numbers, part of the day": {
        "datetime": {"parts": ["month", "year", "partofday"], "cyclic": False}
    },
}


def fitted(study: Study) -> Preprocessor:
    train = study.problem.folds[0].train
    return Preprocessor(study.dataset.columns, study.problem.preprocess, 3).fit(
        study.dataset.features.iloc[train]
    )


@pytest.mark.parametrize("name", sorted(PLANS))
def test_a_preprocessor_that_went_through_json_gives_the_same_bits(tmp_path, name):
    study = study_of(tmp_path, preprocess=PLANS[name])
    preprocessor = fitted(study)
    text = to_file(preprocessor, None).model_dump_json(exclude_none=True)
    assert json.loads(text)["format"] == 1
    again, scaler = from_file(PreprocessFile.model_validate_json(text), study.dataset.columns)
    assert scaler is None
    assert again.input_names == preprocessor.input_names
    assert same_bits(again.transform(study.dataset.features), preprocessor.transform(study.dataset.features))


def test_inputs_that_were_left_out_stay_left_out_through_json(tmp_path):
    study = study_of(tmp_path)
    preprocessor = fitted(study).keeping(np.array([4, -1, 0]))
    text = to_file(preprocessor, None).model_dump_json(exclude_none=True)
    again, _ = from_file(PreprocessFile.model_validate_json(text), study.dataset.columns)
    assert again.input_names == preprocessor.input_names
    assert same_bits(again.transform(study.dataset.features), preprocessor.transform(study.dataset.features))


def test_a_file_of_a_version_without_selection_and_plain_parts_is_read(tmp_path):
    study = study_of(tmp_path)
    file = json.loads(to_file(fitted(study), None).model_dump_json(exclude_none=True))
    del file["plan"]["cyclic"]
    assert "kept" not in file
    again, _ = from_file(PreprocessFile.model_validate_json(json.dumps(file)), study.dataset.columns)
    assert same_bits(again.transform(study.dataset.features), fitted(study).transform(study.dataset.features))


def test_a_target_scaler_that_went_through_json_gives_the_same_bits(tmp_path):
    study = study_of(tmp_path)
    target = np.random.default_rng(0).normal(1e6, 1e-3, (20, 3))
    text = to_file(fitted(study), TargetScaler().fit(target)).model_dump_json()
    _, scaler = from_file(PreprocessFile.model_validate_json(text), study.dataset.columns)
    outputs = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    assert scaler is not None
    assert same_bits(scaler.inverse(outputs), TargetScaler().fit(target).inverse(outputs))


CHANGES: dict[str, tuple[Any, str]] = {
    "a block too few": (lambda file: file["blocks"].pop(), "blocks: 3 of them, the columns need 4"),
    "a fill too many": (lambda file: file["blocks"][0]["fill"].append(1.0), "blocks.0: fill: of shape"),
    "a code of no category": (lambda file: file["blocks"][2].update(codes=[9]), "codes: not one category"),
    "a slot outside": (
        lambda file: file["blocks"][2].update(slots=[[0, 1, 2, 99]]),
        "distinct places below 4",
    ),
    "a slot twice": (lambda file: file["blocks"][2].update(slots=[[0, 0, 2, 3]]), "distinct places below 4"),
    "a category too few": (
        lambda file: file["blocks"][2].update(slots=[[0, 1, 2]]),
        "not one for each category",
    ),
    "no date part": (lambda file: file["blocks"][3].update(growing=[]), "growing: not the date parts"),
    "no scaler": (lambda file: file.update(scaler=None), "scaler: there where nothing is scaled, or missing"),
    "another scaler": (lambda file: file["plan"].update(numeric="robust"), "needs center_, scale_"),
    "an unknown scaler": (lambda file: file["plan"].update(numeric="os.system"), "not known to this version"),
    "a narrow scaler": (lambda file: file["scaler"].update(mean_=[0.0]), "scaler.mean_: of shape"),
    "a ragged scaler": (lambda file: file["scaler"].update(mean_=[[0.0], [1.0, 2.0]]), "different lengths"),
    "an input twice": (lambda file: file.update(kept=[1, 1]), "kept: not distinct places of 14 inputs"),
    "an input outside": (lambda file: file.update(kept=[0, 14]), "kept: not distinct places of 14 inputs"),
    "no input kept": (lambda file: file.update(kept=[-1]), "kept: not distinct places of 14 inputs"),
    "a narrow target": (
        lambda file: file.update(target={"mean": [1.0, 2.0], "scale": [1.0]}),
        "target.scale",
    ),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_a_file_that_does_not_fit_its_columns_is_refused(tmp_path, change):
    study = study_of(tmp_path, preprocess={"missing": {"indicator": False}})
    file = json.loads(to_file(fitted(study), None).model_dump_json())
    alter, found = CHANGES[change]
    alter(file)
    with pytest.raises(ValueError, match=found):
        from_file(PreprocessFile.model_validate_json(json.dumps(file)), study.dataset.columns)
