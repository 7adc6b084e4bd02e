"""Modules of ``torch.nn``: run by ``test_backends`` in a process of its own."""

import copy
import pickle
import re
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.engines.made import HEADS, N_INPUTS, made_folds
from tests.small import NO_BAR, study_of
from tuner.engines.base import Epoch, row_order
from tuner.engines.choice import make_engine
from tuner.engines.runtime import use_backend
from tuner.errors import TunerError
from tuner.executors.choice import alone
from tuner.export.folder import load_model
from tuner.export.manifest import StudyPart
from tuner.export.predict import predict_file
from tuner.final import FinalPlan, train_final
from tuner.hooks import Hook
from tuner.model.losses import AUTO_LOSS
from tuner.model.network import plan_own_network
from tuner.model.own_model import OwnModel, own_params
from tuner.model.schedules import Rates, plan_schedule
from tuner.records import Member
from tuner.seeds import derive
from tuner.tasks import Task
from tuner.trial import TrialTask, evaluate

SEED, N_EPOCHS = 11, 3
use_backend("torch")

MODULE = """
from torch import nn
import torch

def build(params, inputs, head):
    return nn.Sequential(nn.Linear(inputs.width, params["units"]), nn.BatchNorm1d(params["units"]), nn.Tanh(),
                         nn.Linear(params["units"], head.units))

class Skips(nn.Module):
    def __init__(self, width, units, dropout):
        super().__init__()
        self.inner, self.drop, self.last = nn.LazyLinear(width), nn.Dropout(dropout), nn.Linear(width, units)
        self.unused = nn.Parameter(torch.zeros(2))

    def forward(self, rows):
        return self.last(self.drop(rows + torch.relu(self.inner(rows))))

class Follows(nn.Module):
    def __init__(self, width, units):
        super().__init__()
        self.last = nn.Linear(width, units)
        self.register_buffer("mean", torch.zeros(width), persistent=False)

    def forward(self, rows):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * rows.mean(0)
        return self.last(rows - self.mean)

def follows(params, inputs, head):
    return Follows(inputs.width, head.units)

def skips(params, inputs, head):
    return Skips(inputs.width, head.units, params.get("dropout", 0.0))

def ends_with_softmax(params, inputs, head):
    return nn.Sequential(nn.Linear(inputs.width, head.units), nn.Softmax(dim=1))

def too_many_units(params, inputs, head):
    return nn.Linear(inputs.width, head.units + 1)

def another_width(params, inputs, head):
    return nn.Linear(inputs.width + 1, head.units)

def doubles(params, inputs, head):
    return nn.Linear(inputs.width, head.units).double()

def learns_nothing(params, inputs, head):
    return nn.Softplus()

class Pair(nn.Linear):
    def forward(self, rows):
        return super().forward(rows), rows

def pair(params, inputs, head):
    return Pair(inputs.width, head.units)
"""

PARAMS = {"units": 5, "optimizer": "momentum", "momentum": 0.8, "learning_rate": 0.05, "batch_size": 8}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., OwnModel]:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "torch_models.py").write_text(MODULE)

    def model(function: str, **params: Any) -> OwnModel:
        hook = Hook(f"torch_models:{function}", str(folder))
        return OwnModel(hook, tuple(own_params({**PARAMS, **params}).items()), (), "torch")

    return model


FOLDS = made_folds(Task.MULTICLASS, (20, 21))


def epochs_of(own: OwnModel) -> list[tuple[Epoch, Any]]:
    loss, head = AUTO_LOSS[Task.MULTICLASS], HEADS[Task.MULTICLASS]
    network = plan_own_network(own, PARAMS)
    epochs = make_engine("keras-torch").train(network, head, loss, FOLDS, epochs=N_EPOCHS, seed=SEED)
    return [(epoch, epoch.weights()) for epoch in epochs]


def test_a_module_is_trained_as_a_loop_of_torch_trains_it(own):
    found = epochs_of(own("build"))
    for number, fold in enumerate(FOLDS):
        torch.manual_seed(derive(SEED, "fold", number, "own model"))
        head = HEADS[Task.MULTICLASS]
        module = torch.nn.Sequential(
            torch.nn.Linear(N_INPUTS, 5),
            torch.nn.BatchNorm1d(5),
            torch.nn.Tanh(),
            torch.nn.Linear(5, head.units),
        )
        optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.8)
        inputs, target = torch.tensor(fold.train.inputs), torch.tensor(fold.train.target, dtype=torch.int64)
        for epoch, (seen, weights) in enumerate(found, start=1):
            order = torch.tensor(row_order(SEED, number, epoch, len(inputs)), dtype=torch.int64)
            module.train()
            for rows in order.split(8):
                optimizer.zero_grad()
                functional.cross_entropy(module(inputs[rows]), target[rows]).backward()
                optimizer.step()
            module.eval()
            with torch.no_grad():
                logits = module(torch.tensor(fold.score.inputs))
                expected = functional.cross_entropy(
                    logits, torch.tensor(fold.score.target, dtype=torch.int64)
                )
            np.testing.assert_allclose(seen.val_loss[number], expected, rtol=1e-4)
            arrays = [*module.parameters(), *module.buffers()]
            for weight, like in zip(weights[number], arrays, strict=True):
                np.testing.assert_allclose(weight, like.detach().numpy(), rtol=1e-3, atol=1e-5)


def test_a_buffer_that_a_module_replaces_is_each_folds_own_and_is_saved(own, tmp_path):
    from tuner.engines.own_model import build_own
    from tuner.export.module_file import save_module

    found = epochs_of(own("follows"))
    for number, fold in enumerate(FOLDS):
        mean, n_rows = np.zeros(N_INPUTS), len(fold.train.inputs)
        for epoch, (_, weights) in enumerate(found, start=1):
            order = row_order(SEED, number, epoch, n_rows)
            for rows in np.split(order, range(8, n_rows, 8)):
                mean = 0.9 * mean + 0.1 * fold.train.inputs[rows].mean(axis=0)
            np.testing.assert_allclose(weights[number][-1], mean, rtol=1e-4, atol=1e-6)
    module = build_own(own("follows"), HEADS[Task.MULTICLASS], N_INPUTS, seed=0).model.module
    save_module(module, tmp_path / "model.npz")
    assert np.load(tmp_path / "model.npz").files == ["last.weight", "last.bias", "mean"]


def test_dropout_repeats_and_a_parameter_without_a_part_in_the_outputs_stays(own):
    first, again = (epochs_of(own("skips", dropout=0.4)) for _ in range(2))
    for (one, weights), (other, same) in zip(first, again, strict=True):
        assert np.array_equal(one.scored, other.scored)
        assert all(
            np.array_equal(*pair)
            for fold in zip(weights, same, strict=True)
            for pair in zip(*fold, strict=True)
        )
    assert not np.array_equal(first[0][0].scored, epochs_of(own("skips", dropout=0.1))[0][0].scored)


@pytest.mark.parametrize(
    ("function", "found"),
    [
        ("ends_with_softmax", "a module that ends with softmax; end with torch.nn.Linear(..., head.units): losses"),
        ("too_many_units", "outputs of shape (32, 5) for 32 rows of 6 numbers; it should give (32, 4): end with torch"),
        ("another_width", "torch_models:another_width fails: RuntimeError: mat1 and mat2 shapes cannot be multiplied"),
        ("doubles", "a module with parameters of torch.float64; use torch.float32"),
        ("learns_nothing", "returns a module without a parameter that is learned"),
        ("pair", "gives a tuple for 32 rows"),
    ],
)  # fmt: skip
def test_a_module_that_does_not_fit_is_refused(own, function, found):
    from tuner.engines.own_model import build_own

    model = own(function)
    if function == "doubles":  # the rows that it is tried on are of 32 bits
        found = "torch_models:doubles fails: RuntimeError: mat1 and mat2 must have the same dtype"
    with pytest.raises(TunerError) as raised:
        build_own(model, HEADS[Task.MULTICLASS], N_INPUTS, seed=0)
    assert found in str(raised.value)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    """A study of modules, with a trial of it, the result, and the folder of a final model."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "studies").mkdir()
    (folder / "studies" / "torch_models_of_a_study.py").write_text(MODULE)
    space = {
        "units": {"type": "int", "low": 2, "high": 8},
        "optimizer": {"type": "choice", "options": ["momentum", "adam"]},
        "momentum": {"type": "float", "low": 0.5, "high": 0.9, "when": {"optimizer": "momentum"}},
        "learning_rate": 0.02,
        "batch_size": 29,
    }
    training = {"epochs": 3, "backend": "torch", "model": "torch_models_of_a_study:build"}
    study = study_of(folder, search_space=space, training=training)
    task = TrialTask(study.problem, 0, study.config.space.default(), NO_BAR)
    result = evaluate(task)
    assert result.message is None
    member = Member(0, task.params, 1.0, (2,))
    plan = FinalPlan("refit", (member,), study.search_rows, study.test_rows, made_study_part(), "2026-01-01")
    trained = train_final(study.problem, plan)
    model = folder / "model"
    model.mkdir()
    for name, content in trained.files.items():
        (model / name).write_bytes(content)
    return study, (task, result), model


def made_study_part() -> StudyPart:
    return StudyPart(
        name="small", data="table", data_sha256="0", objective="accuracy", direction="maximize", seed=7,
        trials=1, rows=58, cross_validated={},
    )  # fmt: skip


def test_a_worker_gives_the_bits_of_this_process(finished):
    study, (task, result), _ = finished
    with closing(alone(study.config)) as worker:
        there = worker.submit(task).result()
    assert there.message is None
    assert np.array_equal(result.oof, there.oof, equal_nan=True)
    assert all(np.array_equal(values, there.curves[name]) for name, values in result.curves.items())


def test_a_module_is_saved_as_arrays_under_its_own_names(finished):
    _, _, folder = finished
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "model.npz", "preprocess.json"]
    with np.load(folder / "model.npz", allow_pickle=False) as arrays:
        names = ["0.bias", "0.weight", "1.bias", "1.num_batches_tracked", "1.running_mean", "1.running_var"]
        assert sorted(arrays) == [*names, "1.weight", "3.bias", "3.weight"]
        assert arrays["1.num_batches_tracked"] == 2 * 3  # two epochs of three batches


def test_the_model_folder_gives_what_the_module_gives(finished):
    study, _, folder = finished
    model = load_model(folder)
    features = study.dataset.features
    rows = model.branches[0].preprocessor.transform(features)
    module = copy.deepcopy(model.branches[0].network.module)
    with torch.no_grad():
        expected = torch.softmax(module.eval()(torch.tensor(rows)), dim=1).numpy()
    np.testing.assert_allclose(model.outputs(features), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(TunerError, match="its networks are modules of torch"):
        model.keras_models()


def test_a_file_of_rows_is_predicted_once_the_module_is_imported_from_the_working_directory(
    finished, monkeypatch
):
    study, _, folder = finished
    table = study.config.folder.parent / "table.csv"
    monkeypatch.chdir(study.config.folder)
    monkeypatch.delitem(sys.modules, "torch_models_of_a_study")
    predicted = predict_file(folder, table, None, ["torch_models_of_a_study"]).table
    probabilities = [name for name in predicted if name.startswith("probability")]
    np.testing.assert_allclose(predicted[probabilities], load_model(folder).outputs(study.dataset.features))
    with pytest.raises(TunerError, match="there is no module 'torch_modles'"):
        predict_file(folder, table, None, ["torch_modles"])


def test_a_folder_imports_nothing_and_a_damaged_file_is_refused(finished, tmp_path, monkeypatch):
    _, _, folder = finished
    content = (folder / "model.npz").read_bytes()
    for name in ("manifest.json", "preprocess.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "model.npz").write_bytes(content[:200])
    with pytest.raises(TunerError, match=r"model.npz: not a whole file of arrays"):
        load_model(tmp_path)
    with zipfile.ZipFile(tmp_path / "model.npz", "w") as archive:
        archive.writestr(
            "0.weight.npy",
            b"\x93NUMPY\x01\x00v\x00"
            + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117)
            + b"\n"
            + pickle.dumps([1]),
        )
    with pytest.raises(TunerError, match=r"model.npz: Object arrays cannot be loaded"):
        load_model(tmp_path)
    manifest = (
        (folder / "manifest.json").read_text().replace("torch_models_of_a_study:build", "code:interact")
    )
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(
        TunerError, match=r"model.npz: its network is said to be built by Python's own code:inter"
    ):
        load_model(tmp_path)
    monkeypatch.delitem(sys.modules, "torch_models_of_a_study")
    with pytest.raises(
        TunerError, match=r"built by torch_models_of_a_study:build: import torch_models_of_a_study before"
    ):
        load_model(folder)


def test_a_last_batch_of_one_row_joins_the_one_before(own):
    folds = made_folds(Task.MULTICLASS, (17,))  # two batches of eight rows, and one row
    network = plan_own_network(own("build"), PARAMS)
    epochs = make_engine("keras-torch").train(
        network, HEADS[Task.MULTICLASS], AUTO_LOSS[Task.MULTICLASS], folds, epochs=1, seed=SEED
    )
    weights = next(epochs).weights()[0]
    assert weights[-1] == 2  # BatchNorm1d has seen two batches


def test_the_document_shows_a_module_that_trains(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "own-model.md").read_text(encoding="utf-8")
    _of_keras, module = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "torch_model_of_the_document.py").write_text(module)
    params = {"units": 8, "depth": 2, "dropout": 0.1}
    hook = Hook("torch_model_of_the_document:build", str(tmp_path))
    epochs = epochs_of(OwnModel(hook, tuple(params.items()), (), "torch"))
    assert epochs[-1][0].train_loss.mean() < epochs[0][0].train_loss.mean()


def test_one_cycle_is_that_of_pytorch_in_three_phases_up_to_where_steps_turn():
    rate, n_steps, own = 0.2, 2000, 0.95
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate, momentum=own)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=rate,
        total_steps=n_steps,
        pct_start=0.45,
        anneal_strategy="linear",
        base_momentum=0.8,
        max_momentum=own,
        div_factor=10.0,
        final_div_factor=1000.0,
        three_phase=True,
    )
    expected = []
    for _ in range(n_steps):
        (group,) = optimizer.param_groups
        expected.append((group["lr"], group["momentum"]))
        optimizer.step()
        if len(expected) < n_steps:
            cycle.step()
    rates = Rates(plan_schedule("one_cycle", 0, {"schedule_momentum": 0.8}), rate, 1, np.array([n_steps]))
    found = np.column_stack([rates.of_epoch(1)[:, 0], rates.momenta_of_epoch(1, own)[:, 0]])
    # PyTorch turns up to two steps earlier, and its last step has the last rate.
    np.testing.assert_allclose(found, expected, atol=2 * rate / 900)
