import subprocess
import sys

import pytest

import tuner


def test_the_public_names_are_these():
    assert tuner.__all__ == [
        "KerasClassifier",
        "KerasRegressor",
        "StopSearch",
        "TunedClassifier",
        "TunedRegressor",
        "TunedStudy",
        "TunerError",
        "load_model",
        "load_study",
        "run_study",
        "search_table",
    ]
    assert set(tuner.__all__) <= set(dir(tuner))


def test_each_public_name_is_there_and_has_that_name():
    assert [getattr(tuner, name).__name__ for name in tuner.__all__] == tuner.__all__


def test_another_name_is_told_with_those_that_there_are():
    with pytest.raises(AttributeError, match=r"has no attribute 'search_tabel'; it has: .*search_table"):
        _ = tuner.search_tabel


def test_to_import_tuner_imports_no_other_package():
    code = "import sys; before = set(sys.modules); import tuner; print(*(set(sys.modules) - before))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    packages = {name.partition(".")[0] for name in said.stdout.split()}
    assert packages - set(sys.stdlib_module_names) == {"tuner"}
