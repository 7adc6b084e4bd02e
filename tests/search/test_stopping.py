import numpy as np
import pytest

from tuner.engines.runtime import load_tensorflow
from tuner.search.stopping import EarlyStopping, Watch

load_tensorflow()
import keras  # noqa: E402  (after the settings above)

EPOCHS = 25


def followed(rule: EarlyStopping | None, series: np.ndarray, *, maximize: bool = False) -> Watch:
    """Return the watch after (n_epochs, n_folds) values, or after the epoch at which it ended training."""
    watch = Watch(rule, series.shape[1], maximize=maximize)
    for values in series:
        watch.see(values)
        if watch.ended:
            break
    return watch


def keras_course(rule: EarlyStopping, series: np.ndarray, *, maximize: bool) -> tuple[int, int]:
    """Return the best and the last epoch, from 1, of Keras' own callback on (n_epochs,) values."""
    stopper = keras.callbacks.EarlyStopping(
        "watched", rule.min_delta, rule.patience, mode="max" if maximize else "min"
    )
    model = keras.Sequential()
    stopper.set_model(model)
    model.stop_training = False
    stopper.on_train_begin()
    for epoch, value in enumerate(series):
        stopper.on_epoch_end(epoch, {"watched": value})
        if model.stop_training:
            break
    return stopper.best_epoch + 1, epoch + 1


def random_series(seed: int, n_folds: int) -> np.ndarray:
    """Return values in eighths, which repeat often, with a trend that turns."""
    random = np.random.default_rng(seed)
    trend = np.abs(np.linspace(-2, 1, EPOCHS))[:, None] * random.uniform(-1, 1, n_folds)
    return np.round((trend + random.normal(0, 0.4, (EPOCHS, n_folds))) * 8) / 8


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("patience", [1, 2, 5, 30])
@pytest.mark.parametrize("min_delta", [0.0, 0.125, 0.5])
def test_each_fold_has_the_best_epoch_and_the_end_of_keras_early_stopping(maximize, patience, min_delta):
    rule = EarlyStopping(patience=patience, min_delta=min_delta, per_fold=True)
    for seed in range(10):
        series = random_series(seed, 3)
        expected = [keras_course(rule, series[:, fold], maximize=maximize) for fold in range(3)]
        watch = Watch(rule, 3, maximize=maximize)
        seen = 0
        while not watch.ended and seen < EPOCHS:
            watch.see(series[seen])
            seen += 1
        assert watch.best_epochs.tolist() == [best for best, _ in expected]
        assert seen == max(last for _, last in expected)


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("patience", [1, 4])
@pytest.mark.parametrize("min_delta", [0.0, 0.25])
def test_one_epoch_for_all_folds_is_that_of_keras_early_stopping_on_their_mean(maximize, patience, min_delta):
    rule = EarlyStopping(patience=patience, min_delta=min_delta)
    for seed in range(10):
        series = random_series(seed, 4)
        best, last = keras_course(rule, series.mean(axis=1), maximize=maximize)
        watch = Watch(rule, 4, maximize=maximize)
        seen = 0
        while not watch.ended and seen < EPOCHS:
            watch.see(series[seen])
            seen += 1
        assert watch.best_epochs.tolist() == [best] * 4
        assert seen == last


def test_a_fold_that_ran_out_of_patience_keeps_its_epoch_while_others_go_on():
    series = np.array([[1.0, 9.0], [2.0, 8.0], [3.0, 7.0], [0.0, 6.0], [0.0, 5.0]])
    watch = followed(EarlyStopping(patience=2, per_fold=True), series)
    assert watch.best_epochs.tolist() == [1, 5]
    assert watch.improved.tolist() == [False, True]
    assert not watch.ended


def test_improved_says_which_folds_took_the_epoch_seen_last():
    rule = EarlyStopping(patience=9, per_fold=True)
    assert followed(rule, np.array([[3.0, 3.0]])).improved.tolist() == [True, True]
    assert followed(rule, np.array([[3.0, 3.0], [4.0, 2.0]])).improved.tolist() == [False, True]
    by_mean = EarlyStopping(patience=9)
    assert followed(by_mean, np.array([[3.0, 3.0], [4.0, 1.0]])).improved.tolist() == [True, True]


def test_equal_values_are_no_improvement_and_the_first_of_them_counts():
    watch = followed(EarlyStopping(patience=3), np.ones((10, 2)))
    assert watch.best_epochs.tolist() == [1, 1]
    assert watch.ended


def test_without_a_rule_the_last_epoch_counts_and_training_never_ends():
    watch = followed(None, random_series(0, 3))
    assert watch.best_epochs.tolist() == [EPOCHS] * 3
    assert watch.improved.all()
    assert not watch.ended
