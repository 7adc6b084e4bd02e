import pytest

from tuner.init.budget import HOUR, START, Budget, Pace, Paces, fit_budget, study_seconds

QUICK = Paces(Pace(first=2.0, later=0.1), Pace(first=4.0, later=0.3), workers=2)


def test_a_study_costs_its_epochs_its_compilations_and_the_final_model():
    # An epoch costs (0.1 + 0.3) / 2 = 0.2 s, a compilation (1.9 + 3.7) / 2 = 2.8 s; each of two workers has 5 trials.
    assert study_seconds(QUICK, trials=10, epochs=20) == pytest.approx(START + 5 * 2.8 + 0.2 * 20 * (5 + 1))


def test_one_trial_keeps_one_worker_busy():
    assert study_seconds(QUICK, trials=1, epochs=20) == pytest.approx(START + 2.8 + 0.2 * 20 * 2)


def test_each_program_is_compiled_once_by_a_worker():
    hundred, two_hundred = (study_seconds(QUICK, trials=n, epochs=1) for n in (100, 200))
    assert two_hundred - hundred == pytest.approx(50 * 0.2)


def budget_of(later: float) -> Budget:
    end = Pace(first=later, later=later)
    return fit_budget(Paces(end, end, workers=1), epochs=100)


def test_a_study_that_fits_into_an_hour_keeps_its_trials_and_epochs():
    assert (budget_of(0.1).trials, budget_of(0.1).epochs) == (50, 100)


@pytest.mark.parametrize(
    ("later", "trials", "epochs"), [(1.0, 20, 100), (3.0, 20, 50), (8.0, 20, 20), (12.0, 10, 20)]
)
def test_a_slower_one_gives_up_trials_first_and_then_epochs(later, trials, epochs):
    budget = budget_of(later)
    assert (budget.trials, budget.epochs, budget.hour) == (trials, epochs, False)
    assert budget.seconds == pytest.approx(START + later * epochs * (trials + 1))
    assert budget.seconds < HOUR


def test_what_all_trials_would_take_is_known_beside_it():
    assert budget_of(1.0).wanted == pytest.approx(START + 1.0 * 100 * 51)


def test_one_that_never_fits_gets_a_time_limit():
    budget = budget_of(60.0)
    assert (budget.trials, budget.epochs, budget.hour) == (10, 20, True)
    assert budget.seconds > HOUR


def test_a_table_that_wants_few_epochs_is_never_given_more():
    end = Pace(first=9.0, later=9.0)
    assert fit_budget(Paces(end, end, workers=1), epochs=12).epochs == 12
