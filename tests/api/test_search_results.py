import numpy as np

from tuner.api.search_results import cv_results
from tuner.model.goals import objective_of
from tuner.records import State, TrialResult

TRIALS = [
    TrialResult(0, State.COMPLETE, {"layers": 1}, (3.0,), ((2.0, 4.0),), seconds=4.0),
    TrialResult(1, State.FAILED, {"layers": 2, "neurons.0": 8}),
    TrialResult(2, State.COMPLETE, {"layers": 1, "neurons.0": 4}, (1.5,), ((1.0, 2.0),)),
    TrialResult(3, State.PRUNED, {"layers": 1}, (0.1,), ((0.1, 0.1),)),
    TrialResult(4, State.COMPLETE, {"layers": 3}, (3.0,), ((3.0, 3.0),)),
]


def test_trials_are_told_as_a_grid_search_tells_of_its_candidates():
    told = cv_results(TRIALS, objective_of("rmse"), 2)
    nan = np.nan
    np.testing.assert_array_equal(told["split0_test_score"], [-2.0, nan, -1.0, nan, -3.0])
    np.testing.assert_array_equal(told["split1_test_score"], [-4.0, nan, -2.0, nan, -3.0])
    np.testing.assert_array_equal(told["mean_test_score"], [-3.0, nan, -1.5, nan, -3.0])
    np.testing.assert_array_equal(told["std_test_score"], [1.0, nan, 0.5, nan, 0.0])
    np.testing.assert_array_equal(told["rank_test_score"], [2, 4, 1, 4, 2])
    np.testing.assert_array_equal(told["mean_fit_time"], [2.0, 0, 0, 0, 0])
    assert told["param_neurons.0"].tolist() == [None, 8, 4, None, None]
    assert told["params"][1] == {"layers": 2, "neurons.0": 8}


def test_a_score_that_is_maximised_is_told_as_it_is():
    told = cv_results(TRIALS, objective_of("accuracy"), 2)
    assert told["mean_test_score"][0] == 3.0
    assert told["rank_test_score"].tolist() == [1, 4, 3, 4, 1]


def test_trials_without_any_score_have_ranks_too():
    assert cv_results(TRIALS[1:2], objective_of("rmse"), 2)["rank_test_score"].tolist() == [1]
