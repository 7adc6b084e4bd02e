"""A fitted preprocessor as plain JSON, and back: every number exactly as it was, no pickle."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from tuner.data.choices import CATEGORICAL, DATE_PARTS, MISSING_CATEGORICAL, MISSING_NUMERIC, SCALERS
from tuner.data.columns import Column
from tuner.data.date_encoder import DateBlock
from tuner.data.embedding_encoder import UNKNOWN, EmbeddingBlock
from tuner.data.encoders import (
    Block,
    IndicatorBlock,
    NumericBlock,
    OneHotBlock,
    OrdinalBlock,
)
from tuner.data.preprocess import Preprocessor, PreprocessPlan, TargetScaler
from tuner.data.scalers import AsOneColumn, RobustClipScaler, Unscaled
from tuner.data.target_scaling import TARGET_FORMS, form_of

Numbers = Annotated[list[float], Field(max_length=10_000_000)]


class Part(BaseModel):
    """Keys of a model folder's JSON file: no others, no conversions, no infinite numbers."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class PlanPart(Part):
    """How columns become inputs; see ``PreprocessPlan``."""

    numeric: str
    categorical: str
    datetime: str | tuple[str, ...]
    missing_numeric: str
    missing_categorical: str
    indicator: bool
    cyclic: bool = True
    as_one: bool = False


class GrowingPart(Part):
    """Mean and standard deviation of a date part that is a standardised number."""

    column: str
    part: str
    mean: float
    scale: float


class BlockPart(Part):
    """What one block has learned; the keys that it has no use for are null."""

    fill: Numbers | None = None
    codes: list[int] | None = None
    slots: list[list[int]] | None = None
    growing: list[GrowingPart] | None = None


class TargetPart(Part):
    """The scaling of a regression target by its form; see ``tuner.data.target_scaling``."""

    form: str = "standard"
    mean: Numbers
    scale: Numbers


class PreprocessFile(Part):
    """A file ``preprocess.json``: what one network reads, and the way back to the target's own unit.

    Attributes:
        blocks: those that are scaled, then the others, in the order of ``Preprocessor.blocks``.
        scaler: the learned arrays of the scaler by their names in scikit-learn; null where nothing is scaled.
        kept: the places of the inputs that are kept, see ``Preprocessor``; null where all are.
    """

    format: Literal[1] = 1
    plan: PlanPart
    blocks: list[BlockPart]
    scaler: dict[str, Numbers | list[Numbers]] | None = None
    target: TargetPart | None = None
    kept: list[int] | None = None


SCALER_STATE: Mapping[str, tuple[Callable[[], Any], tuple[str, ...]]] = MappingProxyType(
    {
        "standard": (StandardScaler, ("mean_", "scale_")),
        "minmax": (MinMaxScaler, ("scale_", "min_")),
        "max": (MaxAbsScaler, ("scale_",)),
        "robust": (RobustScaler, ("center_", "scale_")),
        "robust_clip": (RobustClipScaler, ("center_", "factor_")),
        "quantile": (
            lambda: QuantileTransformer(output_distribution="normal"),
            ("quantiles_", "references_"),
        ),
        "none": (Unscaled, ()),
    }
)
"""A key of ``SCALERS`` -> an unfitted scaler, and the learned arrays that ``transform`` reads."""


def to_file(preprocessor: Preprocessor, target_scaler: TargetScaler | None) -> PreprocessFile:
    """Return what a fitted preprocessor and a fitted target scaler have learned.

    Args:
        preprocessor: after ``fit``.
        target_scaler: after ``fit``; None where the target is not scaled.
    """
    plan = preprocessor.plan
    scaler = None
    if preprocessor.scaler_ is not None:
        _, names = SCALER_STATE[plan.numeric]
        fitted = preprocessor.scaler_
        fitted = fitted.scaler if isinstance(fitted, AsOneColumn) else fitted
        scaler = {name: getattr(fitted, name).tolist() for name in names}
    return PreprocessFile(
        plan=PlanPart(
            numeric=plan.numeric,
            categorical=plan.categorical,
            datetime=plan.datetime,
            missing_numeric=plan.missing_numeric,
            missing_categorical=plan.missing_categorical,
            indicator=plan.indicator,
            cyclic=plan.cyclic,
            as_one=plan.as_one,
        ),
        blocks=[_learned(block) for block in (*preprocessor.scaled_, *preprocessor.unscaled_)],
        scaler=scaler,
        target=None
        if target_scaler is None
        else TargetPart(
            form=form_of(target_scaler),
            mean=target_scaler.shift_.tolist(),
            scale=target_scaler.scale_.tolist(),
        ),
        kept=None if preprocessor.kept_ is None else preprocessor.kept_.tolist(),
    )


def _learned(block: Block) -> BlockPart:
    match block:
        case NumericBlock():
            return BlockPart(fill=block.fill_.tolist())
        case OrdinalBlock():
            return BlockPart(codes=list(block.fill_))
        case OneHotBlock() | EmbeddingBlock():
            return BlockPart(codes=list(block.fill_), slots=[places.tolist() for places in block.slots_])
        case DateBlock():
            growing = [
                GrowingPart(column=column, part=part, mean=mean, scale=block.scale_[column, part])
                for (column, part), mean in block.mean_.items()
            ]
            return BlockPart(growing=growing)
    return BlockPart()


def from_file(file: PreprocessFile, columns: Sequence[Column]) -> tuple[Preprocessor, TargetScaler | None]:
    """Return the preprocessor and the target scaler that a file describes, as they were when it was written.

    Args:
        file: of any origin.
        columns: those of the model.

    Raises:
        ValueError: the file does not fit the columns, or names something that is not known; the message says what.
    """
    preprocessor = Preprocessor(columns, _plan(file.plan), seed=0)
    scaled, unscaled = preprocessor.blocks()
    if len(file.blocks) != len(scaled) + len(unscaled):
        raise ValueError(
            f"blocks: {len(file.blocks)} of them, the columns need {len(scaled) + len(unscaled)}"
        )
    if not file.blocks:
        raise ValueError("blocks: none, so there are no inputs")
    for number, (block, part) in enumerate(zip((*scaled, *unscaled), file.blocks, strict=True)):
        try:
            _restore(block, part)
        except ValueError as error:
            raise ValueError(f"blocks.{number}: {error}") from None
    preprocessor.scaled_, preprocessor.unscaled_ = tuple(scaled), tuple(unscaled)
    n_scaled = sum(len(block.columns) for block in scaled if isinstance(block, NumericBlock | OrdinalBlock))
    preprocessor.scaler_ = _scaler(file, n_scaled)
    if file.kept is not None:
        kept = _kept(file.kept, preprocessor.n_inputs, len(preprocessor.tables))
        preprocessor = preprocessor.keeping(kept)
    return preprocessor, _target_scaler(file.target)


def _kept(kept: list[int], n_inputs: int, n_embedded: int) -> np.ndarray:
    used = [place for place in kept if place != -1]
    fitting = len(set(used)) == len(used) and all(0 <= place < n_inputs for place in used)
    if not used or not fitting or len(kept) > n_inputs:
        raise ValueError(f"kept: not distinct places of {n_inputs} inputs")
    codes = list(range(n_inputs - n_embedded, n_inputs))
    if kept[len(kept) - n_embedded :] != codes:
        raise ValueError(f"kept: does not end with the {n_embedded} inputs that are embedded")
    return np.array(kept, np.int64)


def _plan(part: PlanPart) -> PreprocessPlan:
    datetime = part.datetime
    known = (
        part.numeric in SCALERS
        and part.categorical in CATEGORICAL
        and part.missing_numeric in MISSING_NUMERIC
        and part.missing_categorical in MISSING_CATEGORICAL
        and (datetime in ("auto", "none") if isinstance(datetime, str) else set(datetime) <= set(DATE_PARTS))
    )
    if not known:
        raise ValueError("plan: a name in it is not known to this version")
    return PreprocessPlan(**part.model_dump())


def _restore(block: Block, part: BlockPart) -> None:
    """Give a block what it had learned."""
    match block:
        case NumericBlock():
            block.fill_ = _array(part.fill, (len(block.columns),), "fill")
        case OrdinalBlock():
            block.fill_ = _codes(part.codes, block.columns)
        case OneHotBlock():
            block.fill_ = _codes(part.codes, block.columns)
            block.slots_ = _slots_of(part, block.columns, block.widths(), none=-1)
        case EmbeddingBlock():
            block.fill_ = _codes(part.codes, block.columns)
            block.slots_ = _slots_of(part, block.columns, block.tables(), none=UNKNOWN)
        case DateBlock():
            growing = part.growing or []
            needed = set(block.growing())
            if {(each.column, each.part) for each in growing} != needed:
                raise ValueError("growing: not the date parts that the columns need")
            block.mean_ = {(each.column, each.part): each.mean for each in growing}
            block.scale_ = {(each.column, each.part): each.scale for each in growing}
        case IndicatorBlock():
            pass


def _codes(codes: list[int] | None, columns: Sequence[Column]) -> tuple[int, ...]:
    found = codes or []
    fitting = len(found) == len(columns) and all(
        0 <= code <= len(column.categories) for code, column in zip(found, columns, strict=True)
    )
    if not fitting:
        raise ValueError("codes: not one category for each column")
    return tuple(found)


def _slots_of(
    part: BlockPart, columns: Sequence[Column], widths: Sequence[int], none: int
) -> tuple[np.ndarray, ...]:
    """Return the places of each column's categories; ``none`` stands for one that has no place of its own."""
    slots = part.slots or []
    if len(slots) != len(columns):
        raise ValueError(f"slots: {len(slots)} columns, not {len(columns)}")
    each = zip(slots, columns, widths, strict=True)
    return tuple(_slots(places, column, width, none) for places, column, width in each)


def _slots(places: list[int], column: Column, width: int, none: int) -> np.ndarray:
    used = [place for place in places if place != none]
    if len(places) != len(column.categories) + 1:
        raise ValueError(f"slots of column '{column.name}': {len(places)}, not one for each category")
    if len(set(used)) != len(used) or not all(0 <= place < width for place in used):
        raise ValueError(f"slots of column '{column.name}': not distinct places below {width}")
    return np.array(places, np.int64)


def _scaler(file: PreprocessFile, n_scaled: int) -> Any:
    if (file.scaler is None) != (n_scaled == 0):
        raise ValueError("scaler: there where nothing is scaled, or missing")
    if file.scaler is None:
        return None
    make, names = SCALER_STATE[file.plan.numeric]
    if set(file.scaler) != set(names):
        raise ValueError(f"scaler: holds {', '.join(file.scaler) or 'nothing'}, needs {', '.join(names)}")
    if file.plan.as_one:
        n_scaled = 1
    scaler = make()
    n_quantiles = len(file.scaler.get("references_", ()))
    for name in names:
        shape = {"quantiles_": (n_quantiles, n_scaled), "references_": (n_quantiles,)}.get(name, (n_scaled,))
        setattr(scaler, name, _array(file.scaler[name], shape, f"scaler.{name}"))
    if n_quantiles:
        scaler.n_quantiles_ = n_quantiles
    scaler.n_features_in_ = n_scaled
    return AsOneColumn(scaler) if file.plan.as_one else scaler


def _target_scaler(part: TargetPart | None) -> TargetScaler | None:
    if part is None:
        return None
    make = TARGET_FORMS[part.form].make if part.form in TARGET_FORMS else None
    if make is None:
        raise ValueError(f"target.form: {part.form!r} is no way to scale a target")
    scaler = make()
    scaler.shift_ = np.array(part.mean, np.float64)
    scaler.scale_ = _array(part.scale, (len(part.mean),), "target.scale")
    return scaler


def _array(values: object, shape: tuple[int, ...], name: str) -> np.ndarray:
    try:
        array = np.array(values, np.float64)
    except (ValueError, TypeError):
        raise ValueError(f"{name}: rows of different lengths, or no numbers") from None
    if array.shape != shape:
        raise ValueError(f"{name}: of shape {array.shape}, not {shape}")
    return array
