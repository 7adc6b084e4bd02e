from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, log_softmax

from tuner.data.target_scaling import TARGET_FORMS
from tuner.model.heads import make_head
from tuner.model.losses import (
    ALIASES,
    AUTO_LOSS,
    LOSSES,
    LossPlan,
    check_loss,
    find_loss,
    losses_for,
)
from tuner.tasks import Task

N_UNITS = {Task.REGRESSION: 2, Task.BINARY: 1, Task.MULTICLASS: 3, Task.MULTILABEL: 2}


def _huber(error, delta=1.0):
    return np.where(np.abs(error) <= delta, error**2 / 2, delta * (np.abs(error) - delta / 2))


def _log_of_true(t, z):
    """The logarithm of the probability of what is true, one value a row and label."""
    if z.shape[1] > 1 and t.ndim == 1:
        return log_softmax(z, axis=1)[np.arange(len(t)), t][:, None]
    return np.log(expit(np.where(t > 0, z, -z)))


def _smoothed_binary(t, z, share):
    t = t * (1 - share) + share / 2
    return -(t * np.log(expit(z)) + (1 - t) * np.log(expit(-z))).mean(axis=1)


def _smoothed_classes(t, z, share):
    t = np.eye(z.shape[1])[t] * (1 - share) + share / z.shape[1]
    return -(t * log_softmax(z, axis=1)).sum(axis=1)


def _focal(t, z, gamma=2.0):
    log_true = _log_of_true(t, z)
    return -((1 - np.exp(log_true)) ** gamma) * log_true


def _margin(t, z):
    return np.maximum(1 - np.where(t > 0, z, -z), 0)


def _class_margin(t, z):
    true = np.eye(z.shape[1])[t]
    return np.maximum(((1 - true) * z).max(axis=1) - (true * z).sum(axis=1) + 1, 0)


def _unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def _pinball(error, quantile):
    return np.where(error > 0, quantile * error, (quantile - 1) * error)


# What each loss is by its definition, from the target and what enters the head's activation, one value a row.
DEFINITIONS = {
    LossPlan("mse"): lambda t, z: ((t - z) ** 2).mean(axis=1),
    LossPlan("mae"): lambda t, z: np.abs(t - z).mean(axis=1),
    LossPlan("huber"): lambda t, z: _huber(t - z).mean(axis=1),
    LossPlan("huber", (("delta", 0.4),)): lambda t, z: _huber(t - z, 0.4).mean(axis=1),
    LossPlan("log_cosh"): lambda t, z: np.log(np.cosh(t - z)).mean(axis=1),
    LossPlan("quantile", (("quantile", 0.9),)): lambda t, z: _pinball(t - z, 0.9).mean(axis=1),
    LossPlan("mape"): lambda t, z: 100 * (np.abs(t - z) / np.abs(t)).mean(axis=1),
    LossPlan("msle"): lambda t, z: ((t - z) ** 2).mean(
        axis=1
    ),  # of the logarithms, which are the target then
    LossPlan("poisson"): lambda t, z: (np.exp(z) - t * z).mean(axis=1),
    LossPlan("cosine_similarity"): lambda t, z: -(_unit(t) * _unit(z)).sum(axis=1),
    LossPlan("binary_crossentropy"): lambda t, z: -_log_of_true(t, z).mean(axis=1),
    LossPlan("binary_crossentropy", (("label_smoothing", 0.2),)): lambda t, z: _smoothed_binary(t, z, 0.2),
    LossPlan("categorical_crossentropy"): lambda t, z: -_log_of_true(t, z)[:, 0],
    LossPlan("categorical_crossentropy", (("label_smoothing", 0.2),)): lambda t, z: _smoothed_classes(
        t, z, 0.2
    ),
    LossPlan("sparse_categorical_crossentropy"): lambda t, z: -_log_of_true(t, z)[:, 0],
    LossPlan("binary_focal_crossentropy"): lambda t, z: _focal(t, z).mean(axis=1),
    LossPlan("binary_focal_crossentropy", (("gamma", 1.5), ("alpha", 0.3))): lambda t, z: (
        np.where(t > 0, 0.3, 0.7) * _focal(t, z, 1.5)
    ).mean(axis=1),
    LossPlan("categorical_focal_crossentropy", (("alpha", 0.5),)): lambda t, z: 0.5 * _focal(t, z)[:, 0],
    LossPlan("kl_divergence"): lambda t, z: -_log_of_true(t, z)[:, 0],  # a true row has no entropy
    LossPlan("hinge"): lambda t, z: _margin(t, z).mean(axis=1),
    LossPlan("squared_hinge"): lambda t, z: (_margin(t, z) ** 2).mean(axis=1),
    LossPlan("categorical_hinge"): lambda t, z: _class_margin(t, z),
}


def test_auto_chooses_a_loss_that_fits_each_task():
    assert all(task in LOSSES[AUTO_LOSS[task]].tasks for task in Task)


def test_losses_are_listed_by_task():
    assert losses_for(Task.REGRESSION)[:4] == ("mse", "mae", "huber", "log_cosh")
    assert "kl_divergence" not in losses_for(Task.MULTILABEL)
    assert {name for task in Task for name in losses_for(task)} == set(LOSSES)


@pytest.mark.parametrize(
    ("task", "alias"), [(Task.BINARY, "focal"), (Task.MULTICLASS, "focal"), (Task.REGRESSION, "pinball")]
)
def test_a_loss_that_does_not_fit_is_answered_with_all_names_that_do(task, alias, tmp_path):
    with pytest.raises(ValueError, match=f"'nothing' is not a loss for {task}; one of: ") as raised:
        find_loss("nothing", task, tmp_path)
    allowed = str(raised.value).partition("one of: ")[2].split(", ")
    assert allowed == [*losses_for(task), alias]
    assert find_loss(alias, task, tmp_path).name in losses_for(task)


def test_every_loss_has_a_definition_to_be_compared_with():
    assert {plan.name for plan in DEFINITIONS} == set(LOSSES)
    assert all(loss.target in TARGET_FORMS for loss in LOSSES.values())


@pytest.mark.parametrize("plan", DEFINITIONS, ids=str)
def test_the_loss_of_each_row_is_that_of_its_definition(keras, plan):
    from tuner.engines.row_losses import row_loss

    generator = np.random.default_rng(3)
    for task in sorted(plan.spec.tasks):
        head = make_head(task, N_UNITS[task], N_UNITS[task])
        codes = generator.integers(0, max(2, head.units) if task is Task.MULTICLASS else 2, 12)
        shaped = codes if task.has_classes else generator.integers(0, 2, (12, head.units))
        if task is Task.REGRESSION:
            shaped = generator.gamma(2.0, size=(12, head.units))
        target = head.encode(shaped)
        logits = (2 * generator.normal(size=(12, head.units))).astype(np.float32)
        rows = row_loss(plan, head)(keras.ops.convert_to_tensor(target), keras.ops.convert_to_tensor(logits))
        expected = DEFINITIONS[plan](target, logits.astype(float))
        np.testing.assert_allclose(np.asarray(rows), expected, rtol=1e-4, atol=1e-5)


FOCAL = {
    "binary_focal_crossentropy": (Task.MULTILABEL, {"apply_class_balancing": True}),
    "categorical_focal_crossentropy": (Task.MULTICLASS, {}),
}


@pytest.mark.parametrize("name", FOCAL)
def test_the_focal_loss_is_that_of_keras_where_no_probability_rounds(keras, name):
    from tuner.engines.row_losses import row_loss

    (task, more), settings = FOCAL[name], {"gamma": 1.5, "alpha": 0.3, "label_smoothing": 0.1}
    generator, head = np.random.default_rng(5), make_head(FOCAL[name][0], 3, 3)
    logits = generator.normal(size=(9, 3)).astype(np.float32)
    target = np.eye(3, dtype=np.float32)[generator.integers(0, 3, 9)]
    expected = getattr(keras.losses, name)(target, logits, from_logits=True, **settings, **more)
    read = target.argmax(axis=1).astype(np.int32) if task is Task.MULTICLASS else target
    rows = row_loss(LossPlan(name, tuple(settings.items())), head)(keras.ops.convert_to_tensor(read), logits)
    np.testing.assert_allclose(np.asarray(rows), np.asarray(expected), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", sorted(name for name in LOSSES if LOSSES[name].from_logits))
def test_the_loss_of_a_confident_mistake_grows_with_its_logit(keras, name):
    from tuner.engines.row_losses import row_loss

    loss = LOSSES[name]
    task = Task.MULTICLASS if Task.MULTICLASS in loss.tasks else Task.BINARY
    head = make_head(task, 1, 2)
    target = head.encode(np.array([0, 0]))
    size = np.array([[50.0], [100.0]], np.float32)
    logits = size if task is Task.BINARY else np.hstack([-size / 2, size / 2])
    rows = np.asarray(row_loss(LossPlan(name), head)(keras.ops.convert_to_tensor(target), logits))
    scale = 0.25 if name == "categorical_focal_crossentropy" else 1.0  # its default alpha
    np.testing.assert_allclose(rows, [50.0 * scale, 100.0 * scale], rtol=1e-6)


@pytest.mark.parametrize(
    ("written", "task", "plan"),
    [
        ("auto", Task.BINARY, LossPlan("binary_crossentropy")),
        ("focal", Task.MULTILABEL, LossPlan("binary_focal_crossentropy")),
        ("focal", Task.MULTICLASS, LossPlan("categorical_focal_crossentropy")),
        ({"name": "huber"}, Task.REGRESSION, LossPlan("huber")),
        (
            {"name": "pinball", "quantile": 0.1},
            Task.REGRESSION,
            LossPlan("quantile", (("quantile", 0.1),)),
        ),
    ],
)
def test_a_study_file_names_a_loss(written, task, plan):
    check_loss(written)
    assert find_loss(written, task, Path()) == plan


def test_a_function_of_the_users_is_named_with_its_arguments():
    plan = find_loss({"python": "mine:robust", "width": 2.0}, Task.MULTICLASS, Path("/studies"))
    assert (plan.name, str(plan)) == ("mine:robust", "mine:robust (width 2.0)")
    assert (plan.hook.name, plan.hook.folder) == ("mine:robust", "/studies")


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ({"name": "huber", "delta": 0}, "delta: 0 is not a number above 0"),
        ({"name": "huber", "delta": True}, "delta: True is not a number above 0"),
        (
            {"name": "huber", "dleta": 1},
            "'huber' has no argument 'dleta'; did you mean 'delta'?; it takes: delta",
        ),
        ({"name": "mse", "delta": 1}, "'mse' has no argument 'delta'; it takes none"),
        ({"name": "focal", "gamma": -1}, "gamma: -1 is not a number at least 0"),
        ({"name": "binary_crossentropy", "label_smoothing": 1}, "1 is not a number at least 0 and below 1"),
        ("quantile", "'quantile' needs an argument; write {name: quantile, quantile: 0.9}"),
        ({"name": "quantile", "quantile": 1}, "quantile: 1 is not a number above 0 and below 1"),
        ({"delta": 1}, "neither name nor python"),
        ({"name": "mse", "python": "a:b"}, "both name and python"),
        ({"python": 3}, "python: 3 is not text"),
        ({"python": "a:b", "deep": [1]}, "deep: [1] is neither a number nor text"),
        (["mse"], "['mse'] is not a loss; write its name, or {name: NAME, ARGUMENT: VALUE}"),
    ],
)
def test_what_is_wrong_with_a_loss_is_told_in_a_sentence(written, sentence):
    with pytest.raises(ValueError) as raised:  # noqa: PT011  (the sentence is compared as it is)
        check_loss(written)
    assert sentence in str(raised.value)


def test_other_tools_names_point_to_losses_and_are_none_themselves():
    assert set(ALIASES.values()) <= {*LOSSES, "focal"}
    assert not set(ALIASES) & set(LOSSES)
