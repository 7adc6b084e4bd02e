"""The sections of a study file: their keys, defaults and meaning, in the order of the file."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, field_serializer

from tuner.config import asked_checks as asked
from tuner.config import field_checks as check
from tuner.config.field_checks import named
from tuner.config.image_size import IMAGE
from tuner.config.preprocess_checks import AUGMENT, DATETIME, SELECT
from tuner.records import Params


class Section(BaseModel):
    """Keys of a study file: no others, no conversions between types, no changes."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class DataSection(Section):
    """Where the rows come from, and what their columns are for. One of path, sklearn and python is needed."""

    path: Annotated[str | None, check.TEXT] = None
    """A file, relative to the study file: .csv[.gz], .tsv[.gz], .parquet, .feather, or .npz with X and y; or a folder
    of pictures, PNG and JPEG files in a sub-folder for each class."""
    sklearn: Annotated[str | None, named("data.sklearn")] = None
    """A data set that scikit-learn ships."""
    python: Annotated[str | None, check.HOOK_NAME] = None
    """A function, module:function, that returns (X, y) or a DataFrame."""
    target: Annotated[tuple[str, ...] | None, check.TARGET] = None
    """What to predict: a column, or a list of columns for several labels or values."""
    drop: Annotated[tuple[str, ...], check.TEXT_LIST] = ()
    """Columns never shown to the model."""
    weight: Annotated[str | None, check.TEXT] = None
    """A column with the weight of each row."""
    group: Annotated[str | None, check.TEXT] = None
    """A column; rows with the same value in it never straddle a split."""
    time: Annotated[str | None, check.TEXT] = None
    """A column; folds follow its order, and the held-out rows are the latest."""
    image: Annotated[tuple[int, ...] | None, IMAGE] = None
    """[height, width] or [height, width, channels] of the image that the columns of a flat table are, one row of pixels
    after the other; an .npz file and scikit-learn's digits say it themselves. Of a folder of pictures, the size that
    they are brought to."""


class CvSection(Section):
    """How rows are split into folds: stratified for classes; by group or in time order where data says so."""

    folds: int = Field(5, ge=2)
    """How many folds; each is scored once by a network that was trained on the others."""
    repeats: int = Field(1, ge=1)
    """How often the rows are split anew."""
    shuffle: bool = True
    """Whether rows are shuffled before they are split."""


class MissingSection(Section):
    """What stands in for missing values."""

    numeric: Annotated[str, named("preprocess.missing.numeric")] = "median"
    """For numbers; a statistic of the training rows."""
    categorical: Annotated[str, named("preprocess.missing.categorical")] = "constant"
    """For categories: one of their own, or the most frequent."""
    indicator: bool = False
    """Whether a column is added that says where a number was missing."""


class PreprocessSection(Section):
    """How columns become inputs; fitted inside each fold, on its training rows only."""

    numeric: Annotated[str, named("preprocess.numeric")] = "standard"
    """How numbers are scaled."""
    categorical: Annotated[str, named("preprocess.categorical")] = "onehot"
    """How categories become numbers."""
    datetime: Annotated[str | tuple[str, ...] | dict[str, Any], DATETIME] = "auto"
    """What is read off a date: auto (the parts that vary), none, a list of parts, or {parts: ..., cyclic: false}."""
    missing: MissingSection = MissingSection()
    """What stands in for missing values."""
    select: Annotated[str | dict[str, float], SELECT] = "none"
    """Which inputs are kept: none (all), {k: 20} (those that tell the most of the target), {variance: 0.0} (those that
    vary more)."""
    balance: Annotated[str, named("preprocess.balance")] = "none"
    """How unequal classes are made to count alike, in the training rows of each fold."""
    augment: Annotated[str | dict[str, Any], AUGMENT] = "none"
    """How training batches are varied: none, {noise: 0.05} (a standard deviation), {mixup: 0.2} (alpha of a Beta);
    images also by {flip: horizontal, shift: 2, rotate: 10, zoom: 0.1, contrast: 0.2}, the most pixels, degrees and
    shares."""


class ConstraintsSection(Section):
    """Upper bounds that a network must keep; one that breaks them is not trained."""

    parameters: Annotated[int | None, check.AT_LEAST_1] = None
    """The most trainable weights."""
    latency_ms: Annotated[float | None, check.ABOVE_0] = None
    """The most milliseconds in which it predicts one row, by the median of many."""


class EarlyStoppingSection(Section):
    """When training ends before its last epoch."""

    monitor: Annotated[str, check.MONITOR] = "val_loss"
    """What each epoch is judged by: val_loss, or val_ before a metric."""
    patience: int = Field(10, ge=1)
    """Epochs without an improvement before training ends."""
    min_delta: Annotated[float, check.AT_LEAST_0] = 0.0
    """How much better a value must be to count as an improvement."""
    scope: Annotated[str, named("training.early_stopping.scope")] = "mean"
    """mean: one epoch for all folds, by their mean; fold: each fold has its own."""
    rows: Annotated[str, named("training.early_stopping.rows")] = "fold"
    """fold: judged on the fold's scored rows; inner: on a share of the training rows, which is unbiased."""


class TrainingSection(Section):
    """How a network is trained."""

    loss: Annotated[str | dict[str, Any], asked.LOSS] = "auto"
    """What training lowers; auto: by the task. With arguments: {name: huber, delta: 2.0}. A function of yours:
    module:function, or {python: "module:function", ...} with arguments for a factory that returns it."""
    output: Annotated[str, named("training.output")] = "auto"
    """The activation of a regression's output layer: linear (any value), sigmoid or tanh (within the range of the
    training rows), softplus or relu (never negative); auto: by the task."""
    epochs: int = Field(100, ge=1)
    """The most passes over the training rows; a search space may hold epochs instead."""
    early_stopping: Annotated[EarlyStoppingSection | None, check.OrNone()] = EarlyStoppingSection()
    """When training ends before, or none."""
    engine: Annotated[str, named("training.engine")] = "auto"
    """What trains the networks of a trial's folds: stacked (all of them as one TensorFlow program), or keras."""
    backend: Annotated[str, named("training.backend")] = "tensorflow"
    """What Keras computes with: tensorflow, torch (pip install 'tuner[torch]') or jax ('tuner[jax]')."""
    model: Annotated[str, asked.MODEL] = "mlp"
    """The family of networks: mlp (a multi-layer perceptron), or cnn (a convolutional network, for images); or a
    function of yours, module:function, that returns a Keras model, or with backend: torch a torch.nn.Module."""


class SearchSection(Section):
    """How configurations are chosen."""

    trials: int = Field(50, ge=1)
    """How many configurations are tried; the first is the search space's default."""
    timeout: Annotated[float | None, check.TIMEOUT] = None
    """none, or 90s, 10m, 2h, 1d: no trial starts after it, running ones finish."""
    sampler: Annotated[str, named("search.sampler")] = "tpe"
    """What proposes the next configuration."""
    pruner: Annotated[str, named("search.pruner")] = "halving"
    """What ends a trial early whose curve falls behind."""
    window: int = Field(4, ge=1)
    """Trials in flight. Part of the result: trial n is chosen when 0 .. n - window are known."""
    seed: int = Field(7, ge=0)
    """Where every random choice of the study comes from."""
    first: Annotated[tuple[Params, ...], check.FIRST] = ()
    """Configurations to try after the default one, before the sampler starts."""
    trial_timeout: Annotated[float | None, check.TIMEOUT] = None
    """none, or 90s, 10m, 2h, 1d: a trial that takes longer fails, and the search goes on."""
    trial_memory: Annotated[int | None, check.MEMORY] = None
    """none, or 500MB, 2GB: a trial whose worker grows by more fails, and the search goes on."""


class TrackingSection(Section):
    """Where trials are shown."""

    uri: Annotated[str, check.TRACKING_URI] = "auto"
    """An MLflow store: auto (SQLite beside the studies' outputs), http(s)://, sqlite:/// or postgresql://; or none, and
    the study's own records are all there is."""
    experiment: Annotated[str, check.TEXT] = "auto"
    """The experiment's name; auto: the study's."""


class ResourcesSection(Section):
    """What a worker takes. How many there are changes no result; a GPU's last digits are not those of a CPU."""

    cpus: int = Field(1, ge=1)
    """Cores that are set aside for a worker; it computes with one thread in any case, so that results repeat."""
    gpus: Annotated[float, check.SHARE] = 0.0
    """The share of a GPU: 0 (trains on the CPU), 0.25 (four workers share a device), up to 1."""


class StudySections(Section):
    """A study: what to predict from which data, which networks to try, and how to judge them."""

    name: Annotated[str, check.SAFE_NAME] = ""
    """The study's name; default: the file's name without its ending."""
    data: DataSection
    """Where the rows come from."""
    task: Annotated[str, named("task")] = "auto"
    """What the target asks for; auto: told from its values."""
    positive: Annotated[str | int | float | bool | None, check.LABEL] = None
    """For two classes: the label that counts as 1; default: the rarer one."""
    test: Annotated[float | str, check.TEST] = 0.2
    """The share of rows that the search never sees, 0 for none; or the path of a second file."""
    cv: CvSection = CvSection()
    """How the rows are split into folds."""
    preprocess: PreprocessSection = PreprocessSection()
    """How columns become inputs."""
    search_space: Annotated[str | dict[str, Any], check.SPACE] = "mlp"
    """What is searched: a name in search_spaces/, the path of a file, or the parameters themselves; default: that of
    training.model."""
    objective: Annotated[str | dict[str, Any] | tuple[str | dict[str, Any], ...], check.OBJECTIVE] = "auto"
    """The metric that the search improves; auto: by the task. With an argument: {name: pinball, alpha: 0.9}. A function
    of yours: {python: "module:function", direction: minimize}, with needs: outputs for probabilities. Or a list: a
    metric, then further metrics, parameters or latency_ms."""
    metrics: Annotated[tuple[str | dict[str, Any], ...], check.METRIC_LIST] = ()
    """Metrics that are recorded beside the objective."""
    weighted_metrics: bool = False
    """Whether the weights of data.weight count in scores, too; otherwise they count in training only."""
    threshold: Annotated[float | str, asked.THRESHOLD] = 0.5
    """For two classes and for labels: the probability above which a row is called positive; or tuned, by the first
    metric of labels, on rows that are not scored by it."""
    constraints: Annotated[ConstraintsSection | None, check.OrNone()] = None
    """Upper bounds that a network must keep, or none."""
    training: TrainingSection = TrainingSection()
    """How a network is trained."""
    search: SearchSection = SearchSection()
    """How configurations are chosen."""
    export: Annotated[str, named("export")] = "refit"
    """The final model: refit (the winner, on all rows of the search), folds (the winner's fold networks, averaged), or
    ensemble (the best trials, weighted by their out-of-fold predictions)."""
    tracking: TrackingSection = TrackingSection()
    """Where trials are shown."""
    storage: Annotated[str, check.STORAGE] = "auto"
    """Where trials are recorded: auto (files beside the studies' outputs), or a database that machines share,
    postgresql+psycopg://USER@HOST/DATABASE or sqlite:///FILE."""
    resources: ResourcesSection = ResourcesSection()
    """What a worker takes: cores and a share of a GPU."""

    @field_serializer("constraints", mode="wrap")
    def _no_bounds_are_none(
        self, section: ConstraintsSection | None, dump: SerializerFunctionWrapHandler
    ) -> object:
        return "none" if section is None or section == ConstraintsSection() else dump(section)

    @property
    def objectives(self) -> tuple[str | dict[str, Any], ...]:
        """The objectives as they are written, the first one first."""
        return self.objective if isinstance(self.objective, tuple) else (self.objective,)
