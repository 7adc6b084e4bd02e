"""A user's own functions, named as ``module:function`` in a study file."""

import ast
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from tuner.errors import TunerError, nearest

Argument = int | float | str | bool
"""A value that a study file gives to a function."""


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
    module = import_users(module_name, folder)
    function = getattr(module, function_name, None)
    if not callable(function):
        raise TunerError(f"module '{module_name}' ({module.__file__}) has no function '{function_name}'")
    return function  # type: ignore[no-any-return]


def import_users(module_name: str, folder: Path) -> ModuleType:
    """Return a module of the user's.

    Args:
        module_name: looked for in ``folder`` first, then where Python looks.
        folder: such as the study file's.

    Raises:
        TunerError: there is no such module, or it fails on import.
    """
    place = str(folder.resolve())
    # The module may import Keras before an engine does.
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.path.insert(0, place)
    try:
        return import_module(module_name)
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


@dataclass(frozen=True, slots=True)
class Hook:
    """A function of the user's as a study file asks for it; picklable, since it is loaded where it is called.

    Attributes:
        name: ``module:function``.
        folder: the study file's folder.
        arguments: names and values. Where there are any, the named function is a factory: it is called with them
            and returns the function that is meant.
    """

    name: str
    folder: str
    arguments: tuple[tuple[str, Argument], ...] = ()

    def load(self) -> Callable[..., Any]:
        """Return the function; its module is imported once.

        Raises:
            TunerError: as ``load_hook``; or the factory fails, or returns no function.
        """
        return _loaded(self)

    def source_sha256(self) -> str:
        """Return the first 16 digits of the hash of the file that defines the function; nothing of it is run.

        Raises:
            TunerError: as ``find_source``.
        """
        return sha256(find_source(self.name, Path(self.folder)).read_bytes()).hexdigest()[:16]


@lru_cache(maxsize=32)
def _loaded(hook: Hook) -> Callable[..., Any]:
    function = load_hook(hook.name, Path(hook.folder))
    if not hook.arguments:
        return function
    given = ", ".join(f"{name}={value!r}" for name, value in hook.arguments)
    try:
        made = function(**dict(hook.arguments))
    except Exception as error:
        raise TunerError(f"{hook.name}({given}) fails: {type(error).__name__}: {error}") from error
    if not callable(made):
        raise TunerError(f"{hook.name}({given}) returns {type(made).__name__}; it should return a function")
    return made  # type: ignore[no-any-return]


def find_source(name: str, folder: Path) -> Path:
    """Return the file in which ``module:function`` is written, without importing it: that may take seconds.

    Args:
        name: ``module:function``; the module is looked for as ``load_hook`` does.
        folder: the study file's folder.

    Raises:
        TunerError: there is no such module, it is no Python, or it does not define such a name.
    """
    module, _, function = name.partition(":")
    spec: ModuleSpec | None = None
    places = [str(folder.resolve()), *sys.path]
    for part in module.split("."):
        spec = PathFinder.find_spec(part, places)
        if spec is None:
            raise TunerError(
                f"there is no module '{module}' in {folder.resolve()} or among what is installed"
            )
        places = list(spec.submodule_search_locations or ())
    if spec is None or spec.origin is None:
        raise TunerError(f"module '{module}' is a folder without functions")
    source = Path(spec.origin)
    if source.suffix == ".py":
        _check_defined(source, function)
    return source


def _check_defined(source: Path, function: str) -> None:
    """Refuse a file that does not define a name, as far as that can be told without running it."""
    try:
        tree = ast.parse(source.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise TunerError(f"{source}: is no Python: {error}") from None
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names |= {(each.asname or each.name).split(".")[0] for each in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    if function not in names and "*" not in names:
        raise TunerError(f"{source}: has no function '{function}'{nearest(function, names)}")
