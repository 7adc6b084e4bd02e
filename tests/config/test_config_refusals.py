"""What does not fit is refused, never ignored; all problems are told at once, each at its place."""

import re
import sys
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent

import pytest

from tuner.config.names import EXTRAS, NAMES
from tuner.config.study_file import StudyConfig, load_config
from tuner.engines.choice import ENGINES
from tuner.errors import StudyFileError
from tuner.search.samplers import SAMPLERS

SMALL = "data: {sklearn: iris}\nsearch_space: {layers: 2}\n"
SEARCHED = "data: {sklearn: iris}\nsearch_space: {layers: {type: int, low: 1, high: 2}}\n"


def load(folder: Path, content: str) -> StudyConfig:
    path = folder / "study.yaml"
    path.write_text(dedent(content))
    return load_config(path)


def problems_of(folder: Path, content: str) -> list[str]:
    """Return the printed lines without the folder."""
    with pytest.raises(StudyFileError) as raised:
        load(folder, content)
    return [line.replace(f"{folder}/", "") for line in raised.value.problems]


def test_a_sampler_of_one_objective_is_refused_with_several(tmp_path):
    lines = "objective: [accuracy, parameters]\nsearch: {sampler: cmaes}\n"
    found = problems_of(tmp_path, SEARCHED + lines)
    words = "study.yaml:4: search.sampler: 'cmaes' improves one objective; write tpe, "
    assert any(line.startswith(words) for line in found)


def test_the_names_a_study_file_takes_are_those_that_work():
    assert set(NAMES["search.sampler"].now) == set(SAMPLERS)
    assert set(NAMES["training.engine"].now) == {"auto", *ENGINES}


# Samplers that a space does not suit


def test_a_grid_of_ranges_without_steps_is_refused_with_the_names_of_the_parameters(tmp_path):
    ranges = (
        "dropout: {type: float, low: 0.0, high: 0.5}, l2: {type: float, low: 1e-4, high: 1e-1, log: true}"
    )
    space = f"search_space: {{layers: 1, {ranges}, batch_size: {{type: choice, options: [16, 32]}}}}\n"
    found = problems_of(tmp_path, "data: {sklearn: iris}\n" + space + "search: {sampler: grid}\n")
    assert [line.partition(": sampler")[0] for line in found] == [
        "study.yaml:3: search.sampler: dropout",
        "study.yaml:3: search.sampler: l2",
    ]
    assert "give the range a step" in found[0]
    assert "a log range has none" in found[1]


@pytest.mark.parametrize(("sampler", "package"), EXTRAS.items())
def test_a_sampler_whose_package_is_missing_is_refused_with_the_name_of_its_extra(tmp_path, sampler, package):
    if find_spec(package) is not None:
        load(tmp_path, SEARCHED + f"search: {{sampler: {sampler}}}\n")
        return
    [found] = problems_of(tmp_path, SEARCHED + f"search: {{sampler: {sampler}}}\n")
    assert found == (
        f"study.yaml:3: search.sampler: '{sampler}' needs the package {package}, which is not installed; "
        f"type: pip install 'tuner[{sampler}]'"
    )


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_a_backend_that_is_missing_is_refused_with_the_name_of_its_extra(tmp_path, monkeypatch, backend):
    monkeypatch.setitem(sys.modules, backend, None)  # Python's sign for what cannot be imported
    [found] = problems_of(tmp_path, SEARCHED + f"training: {{backend: {backend}}}\n")
    assert found == (
        f"study.yaml:3: training.backend: '{backend}' needs the package {backend}, which is not installed; type: "
        f"pip install 'tuner[{backend}]'"
    )


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_what_another_backend_cannot_do_is_refused(tmp_path):
    text = """\
        data: {sklearn: digits}
        preprocess: {augment: {flip: horizontal, noise: 0.1}}
        search_space: {blocks: 1, preprocess.augment.rotate: {type: float, low: 0.0, high: 9.0}}
        training: {model: cnn, backend: torch, engine: stacked}
        """
    assert problems_of(tmp_path, dedent(text)) == [
        "study.yaml:2: preprocess.augment.flip: 'flip' varies images, which torch does not do here; leave it out, or "
        "write backend: tensorflow",
        "study.yaml:3: search_space.preprocess.augment.rotate: preprocess.augment.rotate: 'rotate' varies images, "
        "which torch does not do here; leave it out, or write backend: tensorflow",
        "study.yaml:4: training.engine: stacked is a program of TensorFlow, and the backend is torch; use auto or "
        "keras",
    ]


# Several problems


def test_all_problems_of_a_file_and_its_space_are_told_at_once_in_the_order_of_lines(tmp_path):
    found = problems_of(
        tmp_path,
        """\
        data: {path: none.csv}
        task: regression
        objective: auc
        objective: rmse
        cv: {folds: 1}
        search_space:
          layers: {type: int, low: 3, high: 1}
          optimizr: adam
        training:
          epoch: 100
          loss: focl
        """,
    )
    places = [re.match(r"study\.yaml:(\d+): ([\w.]+): ", line).groups() for line in found]
    assert places == [
        ("1", "data.path"),
        ("1", "data.target"),
        ("3", "objective"),
        ("4", "objective"),
        ("5", "cv.folds"),
        ("7", "search_space.layers.low"),
        ("8", "search_space.optimizr"),
        ("10", "training.epoch"),
        ("11", "training.loss"),
    ]


def test_a_problem_in_a_space_of_its_own_file_names_that_file(tmp_path):
    (tmp_path / "s.yaml").write_text("params:\n  layers: {type: int, low: 3, high: 1}\n  layers: 2\n")
    found = problems_of(tmp_path, "data: {sklearn: iris}\nsearch_space: ./s.yaml\ntsk: 1\n")
    assert found == [
        "s.yaml:2: params.layers.low: 3 is above high, 1",
        "s.yaml:3: params.layers: a repeated key; it stands in line 2 already",
        "study.yaml:3: tsk: unknown key; did you mean 'task'?",
    ]


def test_messages_name_the_file_as_the_user_typed_it(tmp_path, monkeypatch):
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "a.yaml").write_text(SMALL + "tsk: 1\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyFileError, match=r"^studies/a\.yaml:3: tsk: "):
        load_config("studies/a.yaml")
    with pytest.raises(StudyFileError, match=r"^studies/b\.yaml: no such file; did you mean 'a\.yaml'\?$"):
        load_config("studies/b.yaml")


def test_a_problem_found_later_is_told_at_its_line(tmp_path):
    config = load(
        tmp_path,
        """\
        data:
          sklearn: iris
        search_space:
          params:
            layers: 2
        search:
          first:
            - {layers: 2}
        """,
    )
    place = f"{tmp_path}/study.yaml"
    assert str(config.problem("data.sklearn", "gone")) == f"{place}:2: data.sklearn: gone"
    assert str(config.problem("params.layers", "many")) == f"{place}:5: params.layers: many"
    assert str(config.problem("search.first[0].layers", "x")) == f"{place}:8: search.first[0].layers: x"
    assert str(config.problem("objective", "odd")) == f"{place}: objective: odd"
    own = load(tmp_path, "data: {sklearn: iris}\nsearch_space: mlp_small\n")
    assert re.search(r"mlp_small\.yaml:\d+: params\.layers: many$", str(own.problem("params.layers", "many")))
