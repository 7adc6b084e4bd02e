"""Metrics as a user writes them beside a study file."""

import numpy as np


def share_of_hits(y_true, y_pred):
    return np.mean(y_true == y_pred)


def make_cost(fn=1.0, fp=1.0):
    def cost(y_true, y_pred, sample_weight=None):
        costs = fn * (y_true > y_pred) + fp * (y_true < y_pred)
        return np.average(costs, weights=sample_weight)

    return cost


def wrong(y_true, y_pred):
    raise ValueError("no such <thing>")
