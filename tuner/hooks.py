"""A user's own functions, named as ``module:function`` in a study file."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from tuner.errors import TunerError


def load_hook(name: str, folder: Path) -> Callable[..., Any]:
    """Return the function that ``module:function`` names.

    Args:
        name: ``module:function``; the module is looked for in ``folder`` first, then where Python looks.
        folder: the study file's folder.

    Raises:
        TunerError: the name has another form, or there is no such module or function, or the module fails
            on import.
    """
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise TunerError(f"'{name}' is not of the form module:function")
    place = str(folder.resolve())
    sys.path.insert(0, place)
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and module_name.split(".")[0] == error.name.split(".")[0]:
            raise TunerError(
                f"there is no module '{module_name}' in {place} or among what is installed"
            ) from None
        raise TunerError(f"module '{module_name}' cannot be imported: {error}") from error
    except Exception as error:
        raise TunerError(
            f"module '{module_name}' fails on import: {type(error).__name__}: {error}"
        ) from error
    finally:
        sys.path.remove(place)
    function = getattr(module, function_name, None)
    if not callable(function):
        raise TunerError(f"module '{module_name}' ({module.__file__}) has no function '{function_name}'")
    return function  # type: ignore[no-any-return]
