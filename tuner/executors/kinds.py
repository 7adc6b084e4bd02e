"""The kinds of executors, as ``--executor`` names them."""

from enum import StrEnum


class Kind(StrEnum):
    """Where trials run."""

    LOCAL = "local"
    RAY = "ray"
