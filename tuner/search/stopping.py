"""Early stopping of cross-validated training: which epoch counts, and when more would be wasted."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """When the training of a trial ends before its last epoch.

    Attributes:
        monitor: ``val_loss`` or ``val_<metric>``; what an epoch is judged by.
        patience: epochs without an improvement before training ends, at least 1.
        min_delta: how much better a value must be to count as an improvement, at least 0.
        per_fold: each fold has its own best epoch; otherwise one epoch is chosen for all folds by their mean.
        inner: judge by a share of the training rows, so that scored rows never choose the epoch.
    """

    monitor: str = "val_loss"
    patience: int = 10
    min_delta: float = 0.0
    per_fold: bool = False
    inner: bool = False


class Watch:
    """Follows the monitored values of a trial epoch by epoch, as Keras' ``EarlyStopping`` would.

    Attributes:
        best_epochs: (n_folds,) the epoch that counts for each fold, from 1; the last one seen without a rule.
        improved: (n_folds,) whether the epoch seen last became a fold's best.
        ended: whether every fold has run out of patience.
    """

    def __init__(self, rule: EarlyStopping | None, n_folds: int, *, maximize: bool) -> None:
        self._rule = rule
        self._sign = -1.0 if maximize else 1.0
        self._best = np.full(n_folds, np.inf)
        self._stopped = np.zeros(n_folds, bool)
        self._epoch = 0
        self.best_epochs = np.zeros(n_folds, np.int64)
        self.improved = np.zeros(n_folds, bool)

    @property
    def ended(self) -> bool:
        """Whether every fold has run out of patience."""
        return bool(self._stopped.all())

    def see(self, values: np.ndarray) -> None:
        """Take in the (n_folds,) monitored values of the next epoch."""
        self._epoch += 1
        if self._rule is None:
            self.improved[:] = True
            self.best_epochs[:] = self._epoch
            return
        losses = self._sign * np.asarray(values, float)
        if not self._rule.per_fold:
            losses = np.full_like(losses, losses.mean())
        better = (losses < self._best - self._rule.min_delta) | (self._epoch == 1)
        self.improved = better & ~self._stopped
        self._best[self.improved] = losses[self.improved]
        self.best_epochs[self.improved] = self._epoch
        self._stopped |= self._epoch - self.best_epochs >= self._rule.patience
