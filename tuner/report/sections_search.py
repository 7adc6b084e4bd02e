"""The sections on a search: the headline, what was searched, how it went, and what mattered."""

from collections.abc import Iterator

from tuner.model.augment import Augment
from tuner.problem import Problem
from tuner.records import ParamValue, State, TrialResult
from tuner.report import charts_search, charts_space
from tuner.report.collect import Report
from tuner.report.document import Block, Callout, Note, Paragraph, Section, Table, Tile, Tiles
from tuner.report.importance import FEWEST
from tuner.report.wording import bounds, counted, duration, listed, number, param, sentence, spread_of
from tuner.space.ranges import ChoiceParam, Constant, Param
from tuner.space.space import counter

MOST_OPTIONS = 12


def headline(report: Report) -> Section:
    """Return what a reader in a hurry takes away."""
    return Section("result", "Result", tuple(_headline(report)))


def _headline(report: Report) -> Iterator[Block]:
    summary, winner = report.summary, report.winner
    if winner is None:
        ended = ", ".join(f"{count} {state}" for state in State if (count := summary.count(state)))
        kept = " that keeps the constraints" if summary.complete() else ""
        yield Callout(
            f"No trial{kept} is complete yet ({ended or 'none was begun'}), so there is no winner. "
            f"To go on: tune run {report.study.config.path}",
            "caution",
        )
        return
    yield Tiles(tuple(_tiles(report, winner)))
    for rivalry in report.rivalries:
        if rivalry.second == 0:
            better = rivalry.comparison.beyond_noise and rivalry.comparison.difference > 0
            yield Callout(sentence(rivalry.sentence), "good" if better else "caution")
    if report.default is not None and not report.default.feasible:
        yield Callout(
            f"The default configuration, trial 0, breaks a constraint: {report.default.message}. It was trained to "
            "compare with, and could not win.",
            "caution",
        )
    if winner.number == 0:
        yield Callout("No trial was better than the default configuration, trial 0.", "caution")
    missing = report.study.config.search.trials - len(summary.results)
    if missing > 0:
        yield Callout(
            f"The search is unfinished: {len(summary.results)} of {len(summary.results) + missing} trials."
        )
    yield _winner_table(report, winner)
    yield from _how_computed(report)


def _tiles(report: Report, winner: TrialResult) -> Iterator[Tile]:
    summary = report.summary
    states = ", ".join(f"{count} {state}" for state in State if (count := summary.count(state)))
    among = f"of {counted(len(summary.results), 'trial')}: {states}"
    if len(summary.objectives) > 1:
        among = f"best in {summary.objective} of {len(summary.front())} on the Pareto front, {among}"
    yield Tile("winner", f"trial {winner.number}", among)
    objective = summary.objective
    corrected = report.corrected
    if corrected is not None:
        yield Tile(
            f"{objective}, bias-corrected", number(corrected.corrected), _level(bounds(corrected.interval))
        )
    yield Tile(
        f"{objective}, cross-validated",
        number(winner.values[0]),
        f"{spread_of(winner)} over folds; optimistic",
    )
    yield _held_out_tile(report)
    default = report.default
    if default is not None and default.values and winner.number != 0:
        yield Tile(
            "the default, trial 0",
            number(default.values[0]),
            f"{spread_of(default)} over folds"
            + ("" if default.state is State.COMPLETE else f"; {default.state}"),
        )


def _held_out_tile(report: Report) -> Tile:
    objective, final = report.summary.objective, report.final
    label = f"{objective}, held-out rows"
    n_rows = len(report.study.test_rows)
    if not n_rows:
        return Tile(label, "none", "no rows were held out")
    if final is None or objective not in final.scores:
        return Tile(label, "not looked at yet", f"{counted(n_rows, 'row')} wait for the final model")
    score = final.scores[objective]
    parts = [_level(bounds(score)), f"{counted(final.rows, 'row')}, {final.kind} model"]
    if final.looks > 1:
        parts.append(f"looked at {final.looks} times")
    return Tile(label, number(score.value), "; ".join(filter(None, parts)))


def _winner_table(report: Report, winner: TrialResult) -> Table:
    default = report.default if report.default is not None and winner.number != 0 else None
    names = list(dict.fromkeys([*winner.params, *(default.params if default else ())]))
    rows = []
    for name in names:
        mine = _param(winner.params.get(name))
        rows.append((name, mine) if default is None else (name, mine, _param(default.params.get(name))))
    heads = ("parameter", f"trial {winner.number}, the winner", "trial 0, the default")
    title = "The winner's parameters" + (" beside the default ones" if default else "")
    return Table(title, heads if default else heads[:2], tuple(rows))


def _how_computed(report: Report) -> Iterator[Block]:
    estimate, corrected, final = report.estimate, report.corrected, report.final
    texts = []
    if estimate is not None:
        texts.append(
            "Cross-validated: the mean over folds and their standard deviation, of the trial that was chosen for "
            f"this very number, and so optimistic. Its 95 % t-interval {bounds(estimate.interval) or 'cannot be told'} "
            "counts training rows that folds share (Nadeau and Bengio, Machine Learning 52, 2003), not the choosing."
        )
        best = 1.0 if report.summary.maximize else 0.0
        if estimate.low < best < estimate.high:
            texts[-1] += (
                f" It is symmetric, so it may pass the best possible value, {best:.0f}, as it does here."
            )
    if corrected is not None:
        texts.append(
            f"Bias-corrected: the choice among {counted(corrected.n_trials, 'complete trial')} is made again on each "
            f"of {corrected.n_bootstrap:,} bootstrap samples of the rows, and scored on the rows that it lacks "
            "(BBC-CV; Tsamardinos, Greasidou and Borboudakis, Machine Learning 107, 2018)."
        )
        chosen = corrected.winner_shares.get(corrected.winner)
        if chosen is not None and corrected.n_trials > 1:
            texts[-1] += f" The winner was chosen in {100 * chosen:.0f} % of them."
    if final is not None and final.rows:
        texts.append("Held-out rows: a percentile bootstrap of rows that no trial saw, with the final model.")
    yield from map(Note, texts)


def searched(report: Report) -> Section:
    """Return what could be tried."""
    return Section("space", "What was searched", tuple(_searched(report)))


def _searched(report: Report) -> Iterator[Block]:
    config, problem = report.study.config, report.study.problem
    space = config.space
    if space.description:
        yield Paragraph(space.description)
    rows = [_param_row(name, spec) for name, spec in space.params.items()]
    yield Table("Search space", ("parameter", "kind", "values", "exists", "default"), tuple(rows))
    stopping = problem.early_stopping
    stop = "none" if stopping is None else f"{stopping.monitor}, patience {stopping.patience}"
    repeats = f", {problem.n_repeats} times" if problem.n_repeats > 1 else ""
    split = "in the order of time" if problem.dataset.time is not None else "cross-validation"
    if problem.dataset.group is not None:
        split += ", groups kept together"
    facts = (
        *(("objective", f"{each.name} ({each.direction})") for each in report.study.objectives),
        *(("constraint", f"{each.cost} at most {each.most:,g}") for each in problem.goals.bounds),
        ("folds", f"{config.cv.folds}{repeats}, {split}"),
        ("held out", counted(len(report.study.test_rows), "row")),
        ("sampler", f"{config.search.sampler}, {config.search.window} trials in flight"),
        ("pruner", config.search.pruner),
        (
            "epochs",
            f"at most {space.params['epochs'].largest if 'epochs' in space.params else problem.epochs}",
        ),
        ("early stopping", stop),
        ("loss", str(problem.loss)),
        ("preprocessing", _preprocessing(report)),
    )
    yield Table("How it was searched", ("what", "value"), facts)


def _preprocessing(report: Report) -> str:
    plan = report.study.problem.preprocess
    date_parts = plan.datetime if isinstance(plan.datetime, str) else ", ".join(plan.datetime)
    date_parts += "" if plan.cyclic else " as numbers"
    missing = f"missing numbers {plan.missing_numeric}, missing categories {plan.missing_categorical}"
    kinds = f"numbers {plan.numeric}, categories {plan.categorical}, dates {date_parts}"
    more = "".join(f", {each}" for each in _refinements(report.study.problem))
    return f"{kinds}, {missing}{more}; fitted inside each fold"


def _refinements(problem: Problem) -> Iterator[str]:
    """Yield what is done once columns are inputs."""
    plan, augment = problem.preprocess, problem.augment
    if plan.select_variance is not None:
        yield f"inputs with a variance above {param(plan.select_variance)}"
    if plan.select_k is not None:
        yield f"the {plan.select_k} inputs that tell the most of the target"
    if plan.balance != "none":
        yield f"classes balanced by {plan.balance}"
    if augment.noise:
        yield f"batches with noise of {param(augment.noise)}"
    if augment.mixup:
        yield f"batches with mixup of {param(augment.mixup)}"
    if augment.of_images:
        yield f"images of each batch varied ({', '.join(_varied(augment))})"


def _varied(augment: Augment) -> Iterator[str]:
    if augment.flip != "none":
        yield {"horizontal": "left and right", "vertical": "upside down"}.get(
            augment.flip, "both ways"
        ) + " mirrored"
    if augment.shift:
        yield f"moved by up to {counted(augment.shift, 'pixel')}"
    if augment.rotate:
        yield f"turned by up to {param(augment.rotate)} degrees"
    if augment.zoom:
        yield f"zoomed by up to {param(augment.zoom)}"
    if augment.contrast:
        yield f"contrast changed by up to {param(augment.contrast)}"


def _param_row(name: str, spec: Param) -> tuple[str, str, str, str, str]:
    if isinstance(spec, Constant):
        return name, "constant", param(spec.value), "", param(spec.value)
    if isinstance(spec, ChoiceParam):
        kind, values = "choice", listed(list(map(param, spec.options)), MOST_OPTIONS)
    else:
        kind = "whole number" if isinstance(spec.low, int) else "number"
        values = f"{param(spec.low)} to {param(spec.high)}"
        values += ", logarithmic" if spec.log else ""
        values += f", step {param(spec.step)}" if spec.step not in (None, 1) else ""
    exists = [f"{parent} is {' or '.join(map(param, allowed))}" for parent, allowed in spec.when.items()]
    each = counter(name).removesuffix("s")
    exists = [f"a value for each {each}"] * spec.per_layer + exists
    return name, kind, values, "; ".join(exists), param(spec.usual)


def course(report: Report) -> Section:
    """Return how the search went."""
    return Section("search", "How the search went", tuple(_course(report)))


def _course(report: Report) -> Iterator[Block]:
    summary = report.summary
    if not summary.results:
        yield Paragraph("No trial has ended yet.")
        return
    seconds = sum(result.seconds for result in summary.results.values())
    yield Paragraph(f"{counted(len(summary.results), 'trial')} took {duration(seconds)} of training in all.")
    yield charts_search.history(report)


def mattered(report: Report) -> Section:
    """Return which parameters mattered, and how."""
    return Section("parameters", "Which parameters mattered", tuple(_mattered(report)))


def _mattered(report: Report) -> Iterator[Block]:
    picture = charts_search.importance(report)
    n_complete = report.summary.count(State.COMPLETE)
    searched_any = any(not isinstance(spec, Constant) for spec in report.study.config.space.params.values())
    if picture is not None:
        yield picture
    elif not searched_any:
        yield Paragraph("The search space has constants only, so there is nothing to compare.")
    elif n_complete < FEWEST:
        yield Paragraph(
            f"Too few trials to tell: {n_complete} complete, and importance takes at least {FEWEST}."
        )
    else:
        yield Paragraph("All complete trials have the same score, so no parameter mattered.")
    for more in (charts_space.slices(report), charts_space.parallel(report)):
        if more is not None:
            yield more


def _param(value: ParamValue | None) -> str:
    return "" if value is None else param(value)


def _level(text: str) -> str:
    return f"95 % interval {text}" if text else "no interval"
