"""The sections on trials: the best ones and how they learned, how they compare, and all the others."""

import math
from collections.abc import Iterator, Sequence

from tuner.records import State, TrialResult
from tuner.report import charts_trials
from tuner.report.collect import Report
from tuner.report.document import Block, Callout, Note, Paragraph, Section, Table, Tone
from tuner.report.wording import number, params, score_of, sentence
from tuner.search.pruning import WARM_UP

TOP = 10
"""How many of the best trials are listed with all they have."""
MOST_METRICS = 4
MOST_LISTED = 1000
"""How many trials of one kind are listed, so that a page stays a page."""

_PRUNING = {
    "median": (
        f": after epoch {WARM_UP}, once five trials are complete, a trial ends where its best score so far is worse "
        "than the median of what the earlier complete trials had reached by that epoch."
    ),
    "halving": (
        ": at epochs 3, 9, 27 and so on, a trial goes on only if its best score so far is as good as those of the best "
        "third of the earlier trials that got as far. So it may end while it is ahead of most of them."
    ),
}
"""What each pruner does, for a reader of the trials that it ended."""
_TONES: dict[str, Tone] = {"about right": "good", "unclear": "plain"}


def learning(report: Report) -> Section | None:
    """Return how the best trials learned; None where none is complete."""
    blocks = tuple(_learning(report))
    return Section("learning", "Learning curves", blocks) if blocks else None


def _learning(report: Report) -> Iterator[Block]:
    found = report.diagnosis
    if found is not None:
        yield Callout(sentence(f"{found.name}: {found.evidence}"), _TONES.get(found.name, "caution"))
        for advice in found.advice:
            yield Paragraph(sentence(advice))
        yield Note(f"The rule: {sentence(found.rule)}")
    for picture in (charts_trials.losses(report), charts_trials.scores_by_epoch(report)):
        if picture is not None:
            yield picture


def compared(report: Report) -> Section | None:
    """Return the winner against the default and the runner-up; None where there is nothing to compare."""
    if not report.rivalries:
        return None
    blocks: list[Block] = [Callout(sentence(rivalry.sentence)) for rivalry in report.rivalries]
    rows = []
    for rivalry in report.rivalries:
        found = rivalry.comparison
        places = _places(found.high - found.low)
        known = not math.isnan(found.low)
        interval = f"[{found.low:.{places}f}, {found.high:.{places}f}]" if known else "cannot be told"
        p_value = "cannot be told" if math.isnan(found.p_value) else f"{found.p_value:.3f}"
        rows.append(
            (
                f"trial {rivalry.first} against {rivalry.second_name} (trial {rivalry.second})",
                f"{found.difference:.{places}f}" if known else number(found.difference),
                interval,
                f"{found.folds_better} of {found.n_folds}",
                p_value,
            )
        )
    heads = ("comparison", "better by", "95 % interval", "better in folds", "p")
    blocks.append(
        Table("The winner and others, over the same folds", heads, tuple(rows), frozenset({1, 2, 3, 4}))
    )
    picture = charts_trials.folds(report)
    if picture is not None:
        blocks.append(picture)
    blocks.append(
        Note(
            "The corrected resampled t-test, whose variance counts the training rows that folds share (Nadeau and "
            "Bengio, Machine Learning 52, 2003; Bouckaert and Frank, PAKDD 2004). It takes the winner as given: that "
            "it was chosen for its score is what the bias-corrected score accounts for."
        )
    )
    return Section("comparison", "Winner, runner-up and default", tuple(blocks))


def listed_trials(report: Report) -> Section:
    """Return all trials: the best with all they have, the others on demand."""
    return Section("trials", "Trials", tuple(_listed(report)))


def _listed(report: Report) -> Iterator[Block]:
    summary = report.summary
    ranked = summary.ranked()
    if ranked:
        others = [name for name in (ranked[0].metrics or {}) if name != summary.objective][:MOST_METRICS]
        title = f"The best {min(TOP, len(ranked))} of {len(ranked)} complete trials"
        yield _table(title, ranked[:TOP], summary.objective, others, folded=False)
        if len(ranked) > TOP:
            rest = ranked[TOP : TOP + MOST_LISTED]
            yield _table(
                _title(len(ranked) - TOP, "other complete"), rest, summary.objective, others, folded=True
            )
    else:
        yield Paragraph("No trial is complete.")
    if any(each.same_as is not None for each in summary.results.values()):
        yield Note(
            "A trial such as '12 = 3' tried the parameters of trial 3, whose record answers for it: it was not trained."
        )
    yield from _pruned(report)
    yield from _barred(report)
    yield from _failed(report)
    if summary.running:
        rows = tuple((str(trial), params(values)) for trial, values in sorted(summary.running.items()))
        yield Table(
            _title(len(rows), "unfinished"), ("trial", "parameters"), rows, frozenset({0}), folded=True
        )


def _pruned(report: Report) -> Iterator[Block]:
    pruned = [each for each in _of(report, State.PRUNED) if each.values]
    if not pruned:
        return
    rows = tuple(
        (_numbered(each), score_of(each), str(each.epochs), params(each.params))
        for each in pruned[:MOST_LISTED]
    )
    heads = ("trial", f"{report.summary.objective} until then", "ended after epoch", "parameters")
    yield Table(_title(len(pruned), "pruned"), heads, rows, frozenset({0, 2}), folded=True)
    yield Note(f"A pruned trial was ended early{_PRUNING.get(report.study.config.search.pruner, '.')}")


def _barred(report: Report) -> Iterator[Block]:
    """Yield the trials that were not trained, since their networks break a bound."""
    barred = [each for each in _of(report, State.PRUNED) if not each.values]
    if barred:
        rows = tuple(
            (_numbered(each), each.message or "", params(each.params)) for each in barred[:MOST_LISTED]
        )
        title = f"{_title(len(barred), 'untrained')}: they break a constraint"
        yield Table(title, ("trial", "what it has", "parameters"), rows, frozenset({0}), folded=True)


def _failed(report: Report) -> Iterator[Block]:
    failed = _of(report, State.FAILED)
    if not failed:
        return
    rows = tuple(
        (str(each.number), str(each.reason or ""), each.message or "", params(each.params))
        for each in failed[:MOST_LISTED]
    )
    heads = ("trial", "reason", "what happened", "parameters")
    yield Table(_title(len(failed), "failed"), heads, rows, frozenset({0}), folded=len(failed) > TOP)


def _table(
    title: str, trials: Sequence[TrialResult], objective: str, others: Sequence[str], *, folded: bool
) -> Table:
    heads = ("trial", objective, *others, "best epoch", "epochs", "weights", "seconds", "parameters")
    rows = tuple(
        (
            _numbered(each),
            score_of(each),
            *(number((each.metrics or {}).get(name, math.nan)) for name in others),
            str(each.best_epoch),
            str(each.epochs),
            f"{each.parameters:,}",
            f"{each.seconds:.1f}",
            params(each.params),
        )
        for each in trials
    )
    return Table(title, heads, rows, frozenset(range(len(heads) - 1)), folded)


def _numbered(result: TrialResult) -> str:
    """Return a trial's number, and whose record answers for it: ``12 = 3``."""
    return str(result.number) if result.same_as is None else f"{result.number} = {result.same_as}"


def _places(width: float) -> int:
    """Return how many decimals show two digits of half an interval's width."""
    return max(0, 1 - math.floor(math.log10(width / 2))) if width > 0 else 4


def _title(count: int, what: str) -> str:
    title = f"{count:,} {what} trial{'' if count == 1 else 's'}"
    return f"{title}, the first {MOST_LISTED:,}" if count > MOST_LISTED else title


def _of(report: Report, state: State) -> list[TrialResult]:
    results = report.summary.results
    return [results[trial] for trial in sorted(results) if results[trial].state is state]
