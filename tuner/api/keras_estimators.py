"""SciKeras' estimators as scikit-learn 1.6 and later knows them.

SciKeras 0.13 says of itself neither that it classifies nor that it needs a target: ``is_classifier`` is false, so that
folds are not stratified, and ``scoring="roc_auc"`` gives NaN without an error. Scores of a study never come from here.
"""

from tuner.engines.runtime import load_tensorflow, use_backend

use_backend("tensorflow")
# Before SciKeras loads it, with settings under which results do not repeat. Where kernels are deterministic,
# TensorFlow wants a seed for the networks of an estimator without ``random_state``; no study reads it.
load_tensorflow().random.set_seed(0)
import scikeras.wrappers  # noqa: E402
from sklearn.utils import ClassifierTags, RegressorTags, Tags  # noqa: E402


class KerasClassifier(scikeras.wrappers.KerasClassifier):  # type: ignore[misc]  # SciKeras has no types
    """SciKeras' classifier, which tells scikit-learn that it is one."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier"
        tags.classifier_tags = tags.classifier_tags or ClassifierTags()
        tags.target_tags.required = True
        return tags


class KerasRegressor(scikeras.wrappers.KerasRegressor):  # type: ignore[misc]  # SciKeras has no types
    """SciKeras' regressor, which tells scikit-learn that it is one."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor"
        tags.regressor_tags = tags.regressor_tags or RegressorTags()
        tags.target_tags.required = True
        return tags
