"""The kinds of final model. Imports nothing, so that the study file's checks can read it."""

EXPORTS = ("refit", "folds", "ensemble")
"""What a study file's ``export`` may be.

``refit``: the winner's network, trained on all rows of the search. ``folds``: the winner's fold networks, averaged.
``ensemble``: the best trials, each trained on all rows of the search, weighted.
"""
