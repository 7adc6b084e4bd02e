from tests.small import PARAMS, study_of
from tuner.records import State, TrialResult
from tuner.run import Opened
from tuner.summary import StudySummary
from tuner.view.progress import Lines

OBJECTIVES = [
    {"metric": "roc_auc", "direction": "maximize"},
    {"metric": "parameters", "direction": "minimize"},
]


def complete(number: int, score: float, weights: float) -> TrialResult:
    values, folds = (score, weights), ((score,) * 2, (weights,) * 2)
    return TrialResult(number, State.COMPLETE, PARAMS, values, folds, best_epoch=2, epochs=4)


def test_a_line_a_trial_tells_the_best_one_the_size_of_the_front_and_what_was_not_trained(tmp_path):
    said: list[str] = []
    summary = StudySummary({"study": "s", "objective": OBJECTIVES}, {}, {})
    view = Lines(Opened(study_of(tmp_path), 4, summary, ()), said.append)
    broken = {"message": "61 parameters, more than 50 (constraints.parameters)", "constraints": {"p": 0.22}}
    for result in (
        complete(0, 0.8, 40.0),
        complete(1, 0.9, 50.0),
        complete(2, 0.7, 45.0),
        TrialResult(3, State.PRUNED, PARAMS, **broken),
    ):
        view.ended(result)
    assert "roc_auc 0.8000 ± 0.0000, best epoch 2 of 4 | 1 complete" in said[0]
    assert [line.split(" | ")[2:4] for line in said] == [
        ["best roc_auc 0.8000 ± 0.0000 (trial 0)", "1 on the Pareto front"],
        *[["best roc_auc 0.9000 ± 0.0000 (trial 1)", "2 on the Pareto front"]] * 3,
    ]
    assert f"): {broken['message']} | 3 complete, 1 pruned" in said[3]
