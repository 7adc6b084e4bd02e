"""Estimators for scikit-learn: ``fit`` runs a study and keeps the final model, trained on all rows."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, check_array, check_consistent_length, check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    _num_features,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from tuner.api.run import search
from tuner.api.search_results import cv_results
from tuner.api.tuned_study import TunedStudy
from tuner.api.written import merged, space_given, write_study
from tuner.config.study_file import load_config
from tuner.errors import TunerError
from tuner.tasks import Task

_PLACE = re.compile(r"^.*?\.(yaml(:\d+)?|feather): ", re.MULTILINE)
"""Where in the study's files a problem is; they are written here, so that a user does not know them."""

# The rows that nobody sees are those that fit is not given.
_UNLESS_SAID: Mapping[str, Any] = MappingProxyType({"test": 0, "tracking": {"uri": "none"}})
"""What an estimator's study has other than a study file's, unless its settings say so."""


class _Tuned(BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """What classifier and regressor have in common.

    Parameters are those of ``TunedClassifier``.
    """

    def __init__(
        self,
        search_space: str | Mapping[str, Any] = "mlp",
        *,
        trials: int = 20,
        cv: int | Mapping[str, Any] = 5,
        objective: str = "auto",
        preprocess: Mapping[str, Any] | None = None,
        training: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = 7,
        workers: int | None = 1,
        folder: str | Path | None = None,
        name: str = "search",
        verbose: int = 0,
    ) -> None:
        self.search_space = search_space
        self.trials = trials
        self.cv = cv
        self.objective = objective
        self.preprocess = preprocess
        self.training = training
        self.settings = settings
        self.random_state = random_state
        self.workers = workers
        self.folder = folder
        self.name = name
        self.verbose = verbose

    @abstractmethod
    def _read_target(self, y: np.ndarray) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Return the target's columns, and the keys of a study file that say what it asks for."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> _Tuned:
        """Search, and train the best configuration on all rows.

        Args:
            X: (n_rows, n_columns) a DataFrame with columns of any kind, or an array of numbers; NaN is a missing value.
            y: (n_rows,) or (n_rows, n_targets) the target.
            sample_weight: (n_rows,) from 0 upwards; None for 1 each.

        Raises:
            ValueError: the data or a parameter cannot be used.
        """
        features = self._read_features(X, y, reset=True)
        y = y.to_numpy() if isinstance(y, pd.DataFrame | pd.Series) else y
        y = check_array(y, input_name="y", ensure_2d=False, dtype=None)
        check_consistent_length(features, y)
        weight = None
        if sample_weight is not None:
            rows = np.zeros((len(features), 1))
            weight = _check_sample_weight(sample_weight, rows, ensure_non_negative=True)
            self._read_target(y[weight > 0])  # what counts must be a target too
        target, keys = self._read_target(y)
        with _as_value_errors(), self._place() as folder:
            self._keep(self._search(features, target, weight, keys, folder))
        return self

    def _search(
        self,
        features: pd.DataFrame,
        target: pd.DataFrame,
        weight: np.ndarray | None,
        keys: Mapping[str, Any],
        folder: Path,
    ) -> TunedStudy:
        """Run the study that the parameters describe."""
        target.columns = _new_names(target.columns, features.columns)
        table = pd.concat([features, target], axis=1)
        data: dict[str, Any] = {"target": list(target.columns)}
        if weight is not None:
            (data["weight"],) = _new_names(["sample_weight"], table.columns)
            table[data["weight"]] = weight
        given: dict[str, Any] = {
            "data": data,
            **keys,
            "cv": _folds(self.cv),
            "search_space": space_given(self.search_space),
            "objective": self.objective,
            "search": {"trials": self.trials, "seed": _seed(self.random_state)},
        }
        sections = {"preprocess": self.preprocess, "training": self.training}
        given |= {key: section for key, section in sections.items() if section is not None}
        settings = {**_UNLESS_SAID, **(self.settings or {})}
        path = write_study(folder, self.name, table, merged(given, settings), fresh=False)
        return search(load_config(path), workers=self.workers, show=bool(self.verbose))

    def _keep(self, study: TunedStudy) -> None:
        """Keep what a user asks of a search, and the model, so that the study's folder is not needed any more."""
        summary, best = study.summary, study.best_trial
        results = [summary.results[trial] for trial in sorted(summary.results)]
        self.model_ = study.model
        self.cv_results_ = cv_results(results, summary.objectives[0], len(best.fold_values[0]))
        self.best_index_ = results.index(best)
        self.best_params_ = dict(best.params)
        self.best_score_ = float(self.cv_results_["mean_test_score"][self.best_index_])
        self.best_epoch_ = best.best_epoch or 1
        self.corrected_ = study.corrected
        self.trials_ = study.trials
        self._task = str(summary.about["task"])
        if self.folder is not None:
            self.study_ = study

    def to_scikeras(self) -> Any:
        """Return the winner as a SciKeras estimator that is not fitted; see ``tuner.api.winner``."""
        check_is_fitted(self)
        from tuner.api.winner import winner_estimator

        return winner_estimator(self.best_params_, self.best_epoch_, self._task)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle holds: all but the study, whose records lie in a folder of this machine."""
        return {name: value for name, value in super().__getstate__().items() if name != "study_"}

    def _outputs(self, X: Any) -> np.ndarray:
        """Return (n_rows, n_units) what the model gives for rows."""
        check_is_fitted(self)
        features = self._read_features(X, None, reset=False)
        with _as_value_errors():
            return self.model_.outputs(features)

    def _read_features(self, X: Any, y: Any, *, reset: bool) -> pd.DataFrame:
        """Return the columns under the names that they had in ``fit``; a DataFrame's keep their types."""
        target = {"y": y} if reset else {}
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, **target, reset=reset, skip_check_array=True)
            if not X.shape[0] or not X.shape[1]:
                check_array(X.to_numpy())
            frame = X.reset_index(drop=True)
        else:
            checked = validate_data(
                self,
                X,
                **target,
                reset=reset,
                ensure_all_finite="allow-nan",
                ensure_min_samples=2 if reset else 1,
                **({"multi_output": True} if reset else {}),
            )
            frame = pd.DataFrame(checked[0] if reset else checked)
        names = getattr(self, "feature_names_in_", None)
        frame.columns = (
            [f"x{place}" for place in range(_num_features(frame))] if names is None else list(names)
        )
        return frame

    @contextmanager
    def _place(self) -> Iterator[Path]:
        """Yield where the study goes; one that is not to be kept is taken away at the end."""
        if self.folder is not None:
            yield Path(self.folder)
            return
        with TemporaryDirectory(prefix="tuner-") as place:
            yield Path(place)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        return tags


class TunedClassifier(ClassifierMixin, _Tuned):  # type: ignore[misc]
    """A neural network for classes, whose configuration is searched for in ``fit``.

    Args:
        search_space: what is searched: a name in ``search_spaces/``, a path, or the parameters themselves.
        trials: how many configurations are tried; the first is the search space's default.
        cv: the number of folds, or the section ``cv`` of a study file: ``{"folds": 5, "repeats": 2}``.
        objective: the metric that the search improves; auto: by the task.
        preprocess: the section of a study file: how columns become inputs, fitted inside each fold.
        training: the section of a study file: ``{"epochs": 50}``, loss, early stopping, engine.
        settings: all other keys of a study file, by section.
        random_state: where every random choice comes from; the default repeats. None draws another each time.
        workers: processes that train; 1 is this process, None as many as there are cores. The result is the same.
        folder: where the study's files and records are kept, so that the same ``fit`` goes on with them; None for
            nowhere.
        name: the study's name in the folder.
        verbose: whether progress is shown.

    Attributes:
        classes_: (n_classes,) the labels, sorted; of several labels a row, 0 .. n_labels - 1.
        n_features_in_: columns of ``X``.
        feature_names_in_: their names, where ``X`` was a DataFrame with names.
        model_: the final model, trained on all rows; predicts without TensorFlow.
        cv_results_: the trials, with the keys of ``GridSearchCV``.
        best_index_: the winner's place in them.
        best_params_: its parameters.
        best_score_: its mean over folds; greater is better, a metric to minimise is negated.
        best_epoch_: the epochs that its folds chose.
        corrected_: what to expect of new rows, with bounds, in the metric's own unit; None where unknown.
        trials_: all trials as a table.
        study_: the study; only where ``folder`` is given, and not in a pickle.
    """

    def _read_target(self, y: np.ndarray) -> tuple[pd.DataFrame, dict[str, Any]]:
        check_classification_targets(y)
        if type_of_target(y, input_name="y") == "multilabel-indicator":
            self.classes_ = np.arange(y.shape[1])
            return pd.DataFrame(y), {"task": Task.MULTILABEL.value}
        labels = column_or_1d(y, warn=True)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class only, '{self.classes_[0]}'; a classifier needs two or more")
        if len(self.classes_) == 2:
            return pd.DataFrame({"target": codes}), {"task": Task.BINARY.value, "positive": 1}
        return pd.DataFrame({"target": codes}), {"task": Task.MULTICLASS.value}

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return (n_rows, n_classes) probabilities, in the order of ``classes_``; of labels, that of each being 1."""
        outputs = self._outputs(X).astype(np.float64)
        if self._task == Task.BINARY:
            return np.column_stack([1.0 - outputs[:, 0], outputs[:, 0]])
        if self._task == Task.MULTICLASS:
            return np.asarray(outputs / outputs.sum(axis=1, keepdims=True))  # to the last bit of a float64
        return outputs

    def predict(self, X: Any) -> np.ndarray:
        """Return (n_rows,) classes, or (n_rows, n_labels) 0 or 1."""
        outputs = self._outputs(X)
        decided = self.model_.manifest.head.decode(outputs)
        return decided if self._task == Task.MULTILABEL else np.asarray(self.classes_[decided])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class TunedRegressor(RegressorMixin, _Tuned):  # type: ignore[misc]
    """A neural network for values, whose configuration is searched for in ``fit``.

    Parameters and attributes are those of ``TunedClassifier``, but ``classes_``.
    """

    def _read_target(self, y: np.ndarray) -> tuple[pd.DataFrame, dict[str, Any]]:
        values = check_array(y, input_name="y", ensure_2d=False, dtype=np.float64)
        self._one_target = values.ndim == 1
        if values.ndim == 1 or values.shape[1] == 1:
            values = column_or_1d(values, warn=True)
            self._one_target = True
        return pd.DataFrame(values), {"task": Task.REGRESSION.value}

    def predict(self, X: Any) -> np.ndarray:
        """Return (n_rows,) values, or (n_rows, n_targets) where ``y`` had several columns."""
        outputs = self._outputs(X).astype(np.float64)
        return outputs[:, 0] if self._one_target else outputs

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


@contextmanager
def _as_value_errors() -> Iterator[None]:
    """Raise scikit-learn's kind of error for a user's mistake."""
    try:
        yield
    except TunerError as error:
        raise ValueError(_PLACE.sub("", str(error))) from None


def _new_names(wanted: Any, taken: Any) -> list[str]:
    """Return names of columns that are not taken yet."""
    known = set(taken)
    names = []
    for name in wanted:
        new = f"target{name}" if isinstance(name, int) else str(name)
        while new in known:
            new += "_"
        known.add(new)
        names.append(new)
    return names


def _folds(cv: Any) -> Mapping[str, Any]:
    if isinstance(cv, Mapping):
        return cv
    if isinstance(cv, int | np.integer):
        return {"folds": int(cv)}
    raise TunerError(
        f"cv: a {type(cv).__name__} is neither a number of folds nor the section 'cv' of a study file, such as "
        "{'folds': 5, 'repeats': 2}; a study makes its folds itself, so that it can be repeated"
    )


def _seed(random_state: Any) -> int:
    if isinstance(random_state, int | np.integer) and not isinstance(random_state, bool):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
