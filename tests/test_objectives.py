"""Studies of several objectives with bounds, from the study file to the report."""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.command import tune
from tests.report.page import page_of
from tests.report.recorded import complete, report_of
from tests.small import SPACE, config_of, study_of, task_of
from tests.test_run import runs_of, without_seconds
from tuner.config.study_file import StudyConfig, load_config
from tuner.constraints import check_bounds, count_kept, obstacle_of, random_configurations
from tuner.driver import make_bars, make_task
from tuner.errors import TunerError
from tuner.executors.in_process import InProcess
from tuner.growth import check_continues
from tuner.header import make_header
from tuner.model.goals import Bound, Goals
from tuner.prepared import parameters_of
from tuner.records import State, TrialResult
from tuner.report.chart import Picture, Points
from tuner.report.document import Table
from tuner.report.write import make_document
from tuner.run import Opened, run_study
from tuner.search.pruning import Told
from tuner.search.sampling import Sampling
from tuner.search.storage import StudyStore
from tuner.study import Study, open_study
from tuner.summary import StudySummary, read_summary
from tuner.trial import TrialTask, evaluate
from tuner.verify import verify_trial

WIDE = {**SPACE, "neurons": {"type": "int", "low": 1, "high": 12, "default": 11}}
"""Its default is among the largest networks."""
MOST = 150
KEYS: dict[str, Any] = {
    "target": "yes",
    "objective": ["roc_auc", "parameters"],
    "metrics": ["accuracy"],
    "constraints": {"parameters": MOST},
    "search_space": WIDE,
    "search": {"trials": 9, "pruner": "halving", "window": 3},
    "training": {"epochs": 5},
}


@pytest.fixture(scope="module")
def begun(begin) -> tuple[StudyConfig, list[Any]]:
    """A study that has got nine trials, and its events."""
    config = config_of(begin("objectives"), **KEYS)
    return config, list(run_study(config, executor=InProcess("stacked")))


@pytest.fixture(scope="module")
def summary(begun) -> StudySummary:
    return read_summary(begun[0])


def by_hand(trials: list[TrialResult]) -> set[int]:
    """Return the numbers of the trials that no other one has a larger score with at most as many weights."""
    pairs = {each.number: (each.values[0], -each.values[1]) for each in trials}
    return {
        number
        for number, pair in pairs.items()
        if not any(other[0] >= pair[0] and other[1] >= pair[1] and other != pair for other in pairs.values())
    }


def test_a_trial_has_a_value_for_each_objective_and_costs_the_same_in_every_fold(summary) -> None:
    for result in summary.complete():
        assert result.values == (pytest.approx(result.metrics["roc_auc"]), result.parameters)
        assert result.fold_values[0] == result.fold_metrics["roc_auc"]
        assert result.fold_values[1] == (result.parameters,) * 2


def test_a_network_that_breaks_a_bound_is_not_trained_but_for_the_default_one(summary, begun) -> None:
    default = summary.results[0]
    assert default.parameters > MOST
    assert (default.state, default.feasible, default.epochs > 0) == (State.COMPLETE, False, True)
    opened = begun[1][0]
    assert isinstance(opened, Opened)
    assert any(
        note.startswith(f"the default configuration (trial 0) has {default.parameters} parameters")
        for note in opened.notes
    )
    barred = [each for each in summary.results.values() if not each.values and each.same_as is None]
    assert barred
    for result in barred:
        assert (result.state, result.epochs, result.reason) == (State.PRUNED, 0, None)
        assert result.message == f"{result.parameters} parameters, more than {MOST} (constraints.parameters)"
        assert result.constraints == {"parameters": result.parameters / MOST - 1}
    others = [each for each in summary.results.values() if each.number and each.values]
    assert all(each.parameters <= MOST for each in others)


def test_the_front_is_told_to_machines_and_people_and_its_first_member_is_the_winner(summary, begun) -> None:
    config, _ = begun
    front = summary.to_json()["best"]
    kept = [each for each in summary.complete() if each.feasible and each.same_as is None]
    assert set(front) == by_hand(kept)
    scores = [summary.results[number].values[0] for number in front]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == max(each.values[0] for each in kept)
    assert summary.best.number == front[0]
    assert [member.trial for member in summary.final.members] == front[:1]
    said = tune("show", config.path)
    listed = said.out[said.out.index("Pareto front:") :].splitlines()
    assert listed[0].startswith(f"Pareto front: {len(front)} trial")
    rows = [line.split() for line in listed[2 : 2 + len(front)]]
    assert [(int(row[0]), row[2]) for row in rows] == [
        (number, str(summary.results[number].parameters)) for number in front
    ]
    assert "which breaks a constraint" in said.out
    machine = json.loads(tune("show", config.path, "--json").out)
    assert machine["objective"] == [
        {"metric": "roc_auc", "direction": "maximize"},
        {"metric": "parameters", "direction": "minimize"},
    ]
    assert machine["best"] == front


def test_mlflow_has_the_first_objective_as_score_and_the_others_under_their_names(summary, begun) -> None:
    folder = begun[0].folder.parent
    runs = {int(run.data.tags["tuner.trial"]): run for run in runs_of(folder, "trial")}
    for number, result in summary.results.items():
        metrics, tags = runs[number].data.metrics, runs[number].data.tags
        if result.values:
            assert (metrics["score"], metrics["objective/parameters"]) == result.values
        else:
            assert "score" not in metrics
            assert tags["mlflow.note.content"] == result.message
    (study,) = runs_of(folder, "study")
    assert study.data.tags["tuner.objective"] == "roc_auc, parameters"
    assert study.data.tags["tuner.best"] == ",".join(
        map(str, sorted(each.number for each in summary.front()))
    )
    assert "Pareto front" in study.data.tags["mlflow.note.content"]


def test_a_study_that_goes_on_has_the_trials_of_one_that_was_never_interrupted(begun, begin) -> None:
    config, _ = begun
    once = config_of(begin("once"), **{**KEYS, "search": {**KEYS["search"], "trials": 12}})
    list(run_study(once, executor=InProcess("stacked")))
    list(run_study(config, trials=12, executor=InProcess("stacked")))
    assert without_seconds(read_summary(config)) == without_seconds(read_summary(once))


def test_the_report_shows_the_front_and_what_broke_a_bound(begun) -> None:
    config, _ = begun
    report = report_of(open_study(config))
    summary = report.summary
    document = make_document(report)
    (section,) = [each for each in document.sections if each.key == "front"]
    (picture,) = [block for block in section.blocks if isinstance(block, Picture)]
    (points,) = [
        mark for mark in picture.charts[0].marks if isinstance(mark, Points) and "front" in mark.name
    ]
    front = sorted(summary.front(), key=lambda each: each.values[1])
    assert list(zip(points.x, points.y, strict=True)) == [each.values[::-1] for each in front]
    (table,) = [block for block in section.blocks if isinstance(block, Table)]
    assert [int(row[0]) for row in table.rows] == [each.number for each in summary.front()]
    assert table.rows[0][3] == "best in roc_auc, in the final model"
    tables = [block for each in document.sections for block in each.blocks if isinstance(block, Table)]
    (untrained,) = [each for each in tables if "they break a constraint" in each.title]
    barred = [each for each in summary.results.values() if not each.values]
    assert [row[1] for row in untrained.rows] == [each.message for each in barred]
    shown = page_of(open_study(config)).shown
    assert "in search of the largest roc_auc and the smallest parameters" in shown
    assert "The default configuration, trial 0, breaks a constraint" in shown


def test_every_member_of_the_front_trains_to_the_same_bits_again(begun) -> None:
    config, _ = begun
    member = read_summary(config).front()[-1].number
    assert verify_trial(config, member).verification.outcome == "same"


def test_other_objectives_or_bounds_are_another_study(begun) -> None:
    config, _ = begun
    store = StudyStore(config.runs_folder, config.name)
    header = store.header()
    store.close()
    for changed in ({"objective": ["roc_auc"]}, {"constraints": {"parameters": MOST + 1}}):
        other = config_of(config.folder.parent, **{**KEYS, **changed})
        with pytest.raises(TunerError, match=next(iter(changed))):
            check_continues(open_study(other), header, {})
    config_of(config.folder.parent, **KEYS)


def test_latency_is_measured_once_and_neither_verified_nor_changed_afterwards(begin) -> None:
    keys = {
        **KEYS,
        "objective": ["roc_auc", "latency_ms"],
        "constraints": {"latency_ms": 1e-9},
        "search": {"trials": 3, "pruner": "none", "window": 1, "first": [{"neurons": 1}]},
    }
    config = config_of(begin("latency"), **keys)
    with pytest.raises(TunerError, match=r"constraints.latency_ms: nothing in the search space keeps it"):
        list(run_study(config, executor=InProcess("stacked")))
    config = config_of(config.folder.parent, **{**keys, "constraints": {"latency_ms": 1000}})
    list(run_study(config, executor=InProcess("stacked")))
    summary = read_summary(config)
    for result in summary.results.values():
        assert result.values[1] == result.latency_ms > 0
        assert result.fold_values[1] == (result.latency_ms,) * 2
    verified = verify_trial(config, 1)
    assert verified.verification.outcome == "same"
    assert verified.recorded.values == summary.results[1].values[:1]
    list(run_study(config, trials=4, executor=InProcess("stacked")))
    after = read_summary(config).results
    assert {number: after[number].values for number in range(3)} == {
        number: each.values for number, each in summary.results.items()
    }


def test_a_small_network_is_judged_against_the_small_ones(tmp_path) -> None:
    study = study_of(tmp_path, **{**KEYS, "constraints": "none"})
    params = {"layers": 1, "neurons": 3, "learning_rate": 0.01, "batch_size": 32}
    size = parameters_of(study.problem, params)
    curves = np.linspace(0.5, 0.9, 6)[:, None] * np.ones(5)
    large = [Told(n, True, curves[n], None, size + 1) for n in range(6)]
    small = [Told(n, True, curves[n], None, size) for n in range(6)]
    one = study_of(tmp_path, **{**KEYS, "constraints": "none", "objective": "roc_auc"})

    def heights(study: Study, told: Sequence[Told]) -> Mapping[int, float]:
        bars = make_bars(study)
        bars.see(told)
        return make_task(study, bars, 8, params).bar.heights

    assert heights(study, large) == {}
    assert heights(study, small) == {3: pytest.approx(curves[4, 0])}
    assert heights(one, large) == {3: pytest.approx(curves[4, 0])}


def test_what_keeps_a_bound_is_counted_before_any_training(tmp_path) -> None:
    study = study_of(tmp_path, **KEYS)
    sizes = [parameters_of(study.problem, params) for params in random_configurations(study)]
    assert count_kept(study).kept == sum(size <= MOST for size in sizes) > 0
    assert len(sizes) == 200 < len({*sizes}) * 50
    (note,) = check_bounds(study)
    assert "it is trained to compare with, and cannot win" in note
    kept = {"layers": 1, "neurons": 1, "batch_size": 32}
    assert obstacle_of(study, kept) is None
    unbound = study_of(tmp_path, **{**KEYS, "constraints": "none"})
    assert check_bounds(unbound) == ()


def test_a_result_does_not_depend_on_bounds_that_it_keeps(tmp_path) -> None:
    study = study_of(tmp_path, target="yes", objective="roc_auc", metrics=["accuracy"])
    plain = evaluate(task_of(study, 3))
    problem = replace(study.problem, goals=Goals(("parameters", "accuracy"), (Bound("parameters", 1e6),)))
    task = task_of(study, 3)
    more = evaluate(TrialTask(problem, 3, task.params, task.bar))
    assert more.values == (plain.values[0], plain.parameters, plain.metrics["accuracy"])
    assert more.curve == plain.curve
    assert np.array_equal(more.oof, plain.oof, equal_nan=True)


def test_tune_check_says_how_many_configurations_keep_the_bounds(begin) -> None:
    config = config_of(begin("checked"), **KEYS)
    said = tune("check", config.path)
    assert said.code == 0, said.err
    kept = count_kept(open_study(load_config(config.path))).kept
    assert f"{kept} of 200 random configurations keep the constraints" in said.out
    assert "the default configuration (trial 0) has" in said.out
    assert not Path(config.runs_folder).exists()


def test_a_study_without_a_trial_that_keeps_the_bounds_has_no_winner_and_says_why(tmp_path) -> None:
    keys = {
        "target": "yes",
        "objective": "roc_auc",
        "constraints": {"parameters": MOST},
        "search_space": WIDE,
    }
    study = study_of(tmp_path, **keys)
    config = study.config
    sampling = Sampling(config.space, "random", seed=7, window=9, maximize=True)
    with closing(StudyStore(config.runs_folder, config.name)) as store:
        store.create(make_header(study), maximize=True)
        for number in range(2):
            asked = sampling.ask({})
            store.asked(asked)
            broken = {"message": "200 parameters, more than 150", "constraints": {"parameters": 1 / 3}}
            store.ended(
                replace(complete(study, asked, 0.3), **broken)
                if number == 0
                else TrialResult(number, State.PRUNED, asked.params, **broken)
            )
    summary = read_summary(config)
    assert (summary.best, summary.to_json()["best"], len(summary.complete())) == (None, [], 1)
    words = "no trial completed that keeps the constraints"
    assert f"{words}; trial 0 has 200 parameters, more than 150" in tune("show", config.path).out
    for command in ("export", "verify"):
        said = tune(command, config.path)
        assert said.code
        assert words in said.err
    assert "No trial that keeps the constraints is complete yet" in page_of(study).shown


def test_copies_of_a_trial_are_not_on_the_front_and_are_marked_in_the_report(tmp_path) -> None:
    study = study_of(tmp_path, **{**KEYS, "constraints": "none", "metrics": []})
    config = study.config
    with closing(StudyStore(config.runs_folder, config.name)) as store:
        store.create(make_header(study), maximize=True, others=["minimize"])
        sampling = Sampling(config.space, "random", seed=7, window=9, maximize=True)
        for number in range(3):
            asked = sampling.ask({})
            store.asked(asked)
            made = complete(study, asked, 0.3)
            score = 0.8 if number else 0.7
            pair = {"values": (score, 100.0), "fold_values": ((score,) * 2, (100.0,) * 2)}
            store.ended(replace(made, **pair, same_as=1 if number == 2 else None))
    assert [each.number for each in read_summary(config).front()] == [1]
    document = make_document(report_of(study))
    tables = [block for each in document.sections for block in each.blocks if isinstance(block, Table)]
    (best,) = [table for table in tables if table.title.startswith("The best 3 of 3")]
    assert [row[0] for row in best.rows] == ["1", "2 = 1", "0"]


def test_the_metric_that_auto_stands_for_is_not_named_again(tmp_path) -> None:
    with pytest.raises(
        TunerError, match=r"yaml:\d+: objective: 'roc_auc', which auto is for binary, is given twice"
    ):
        study_of(tmp_path, **{**KEYS, "objective": ["auto", "roc_auc"]})
    named = study_of(tmp_path, **{**KEYS, "objective": ["auto", "log_loss", "latency_ms"]})
    assert [each.name for each in named.objectives] == ["roc_auc", "log_loss", "latency_ms"]
    assert named.problem.metrics == ("roc_auc", "log_loss", "accuracy")
