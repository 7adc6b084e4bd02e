"""How the target of a regression is scaled for training, and outputs are brought back to its own unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

import numpy as np

from tuner.data.preprocess import TargetScaler


class SizeScaler(TargetScaler):
    """Divides each target by its mean size and moves nothing, so that 0 stays 0 and shares stay shares.

    Attributes:
        shift_: (n_targets,) zeros.
        scale_: (n_targets,) float64 means of the absolute values in the training rows, 1 where that is 0.
    """

    def fit(self, target: np.ndarray) -> Self:
        """Learn from (n_train, n_targets) targets."""
        self.shift_ = np.zeros(target.shape[1])
        size = np.abs(target).mean(axis=0)
        self.scale_ = np.where(size > 0, size, 1.0)
        return self


class Log1pScaler(TargetScaler):
    """Scales log(1 + target): squared errors there are those of the mean squared logarithmic error.

    Attributes:
        shift_: (n_targets,) float64 what becomes 0 of log(1 + target), its mean for a linear output.
        scale_: (n_targets,) float64 how much becomes 1, its standard deviation for most outputs; never 0.
    """

    def fit(self, target: np.ndarray) -> Self:
        """Learn from (n_train, n_targets) targets of at least 0."""
        return super().fit(np.log1p(target))

    def transform(self, target: np.ndarray) -> np.ndarray:
        """Return (n_rows, n_targets) float64 as the network's outputs are."""
        return super().transform(np.log1p(target))

    def inverse(self, scaled: np.ndarray) -> np.ndarray:
        """Return (n_rows, n_targets) in the target's own unit; infinite where that has no number."""
        with np.errstate(over="ignore"):
            target: np.ndarray = np.expm1(super().inverse(scaled))
        return target


class RateScaler(SizeScaler):
    """Divides counts by their mean; a network's output is the logarithm of the expected count so divided.

    The Poisson likelihood of counts t at rate r is, up to a constant, that of t / m at r / m, m times over: nothing but
    the length of a step depends on the scale.
    """

    def inverse(self, scaled: np.ndarray) -> np.ndarray:
        """Return (n_rows, n_targets) rates in the target's own unit; infinite where that has no number."""
        with np.errstate(over="ignore"):
            return super().inverse(np.exp(scaled.astype(np.float64)))


@dataclass(frozen=True, slots=True)
class TargetForm:
    """A way to scale the target of a regression.

    Attributes:
        make: the class that does.
        least: the smallest target that it, or the loss that asks for it, can read.
        zero: whether a target may be 0.
        targets: the fewest targets.
    """

    make: type[TargetScaler] | None
    least: float = -np.inf
    zero: bool = True
    targets: int = 1


TARGET_FORMS: Mapping[str, TargetForm] = MappingProxyType(
    {
        "standard": TargetForm(TargetScaler),
        "size": TargetForm(SizeScaler, zero=False),
        "log1p": TargetForm(Log1pScaler, least=0.0),
        "rate": TargetForm(RateScaler, least=0.0),
        # The direction of a row's targets is all that counts; of a single one it is the sign.
        "none": TargetForm(None, targets=2),
    }
)
"""The ways by name: as the output asks; divided by the size; its logarithm; counts by their rate; as it is."""


def target_problem(form: str, target: np.ndarray) -> str | None:
    """Return why a regression target cannot be scaled in a way that a loss asks for, in one phrase, or None.

    Args:
        form: a name in ``TARGET_FORMS``.
        target: (n_rows, n_targets) of all rows.
    """
    spec = TARGET_FORMS[form]
    if target.shape[1] < spec.targets:
        return f"needs {spec.targets} targets or more: it compares their direction, which of one is its sign"
    below = int((target < spec.least).any(axis=1).sum())
    if below:
        found = f"{target.min():g} is there, and {below} such {'row' if below == 1 else 'rows'}"
        return f"needs a target of at least {spec.least:g}; {found}"
    zeros = int((target == 0).any(axis=1).sum())
    if zeros and not spec.zero:
        return f"divides by the target, which is 0 in {zeros} {'row' if zeros == 1 else 'rows'}"
    return None


def fit_scaler(form: str, output: str, target: np.ndarray) -> TargetScaler | None:
    """Return what was learned from the training targets; None where nothing is scaled.

    Args:
        form: a name in ``TARGET_FORMS``.
        output: the activation of the output layer, a name in ``TARGET_SCALES`` that the loss can have.
        target: (n_train, n_targets).
    """
    make = TARGET_FORMS[form].make
    return None if make is None else make(output).fit(target)


def form_of(scaler: TargetScaler) -> str:
    """Return the name of a scaler's way."""
    return next(name for name, form in TARGET_FORMS.items() if form.make is type(scaler))
