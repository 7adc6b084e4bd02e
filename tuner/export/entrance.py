"""How a Keras file embeds categories: its first layers, each checked to be what a network of tuner has there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.export.plain_network import LookUp
from tuner.export.weights import Weights

LayerConfig = Mapping[str, Any]
"""One layer of a Keras configuration."""


@dataclass(frozen=True, slots=True, eq=False)
class Entrance:
    """The layers before the first dense one.

    Attributes:
        look_up: what they do.
        name: of the last of them.
        rest: the layers after them.
    """

    look_up: LookUp
    name: str
    rest: Sequence[LayerConfig]

    @property
    def read(self) -> int:
        """How many numbers a row's vectors have together."""
        return sum(table.shape[1] for table in self.look_up.tables)


def read_entrance(
    inputs: str, layers: Sequence[LayerConfig], weights: Weights, n_inputs: int, tables: Sequence[int]
) -> Entrance:
    """Read the layers that put vectors in place of codes.

    Args:
        inputs: the name of the input layer.
        layers: those after it, among them a dense one.
        weights: of the file.
        n_inputs: columns that the network reads.
        tables: how many codes each of the last of them has; at least one.

    Raises:
        ValueError: they do something else.
        KeyError, TypeError, IndexError: they have another form.
    """
    n_layers = next(place for place, layer in enumerate(layers) if layer["class_name"] == "Dense")
    entrance = {layer["name"]: layer for layer in layers[:n_layers]}
    n_numbers, joins = n_inputs - len(tables), n_inputs > 1
    if n_layers != 2 * len(tables) + bool(n_numbers) + joins:
        raise ValueError(f"it does not embed {len(tables)} of its inputs")
    names = [f"embedding_{column}" for column in range(len(tables))]
    found = []
    for column, (name, n_codes) in enumerate(zip(names, tables, strict=True)):
        config = _of_class(entrance[name], "Embedding")["config"]
        codes = entrance[_sources(entrance[name])[0]]
        if _item(codes, inputs) != n_numbers + column or config["input_dim"] != n_codes:
            raise ValueError(
                f"layer '{name}' does not embed the {n_codes} codes of input {n_numbers + column}"
            )
        group = f"layers/embedding_{column}" if column else "layers/embedding"
        found.append(weights.take(group, 0, (n_codes, config["output_dim"])))
    last = names[0]
    if joins:
        last = _sources(layers[n_layers])[0]
        _check_joined(entrance, last, inputs, n_numbers, names)
    return Entrance(LookUp(tuple(found)), last, layers[n_layers:])


def _check_joined(
    entrance: Mapping[str, LayerConfig], last: str, inputs: str, n_numbers: int, names: Sequence[str]
) -> None:
    """Refuse a last layer that does not join the other inputs and the vectors, in this order."""
    joined = _of_class(entrance[last], "Concatenate")
    sources = _sources(joined)
    before = {"class_name": "__slice__", "config": {"start": None, "stop": n_numbers, "step": None}}
    first = sources[: bool(n_numbers)]
    if (
        joined["config"]["axis"] != -1
        or sources[len(first) :] != list(names)
        or any(_item(entrance[name], inputs) != before for name in first)
    ):
        raise ValueError(f"layer {last!r} does not join the inputs and their vectors")


def _item(layer: LayerConfig, inputs: str) -> object:
    """Return which column, or slice of columns, of all rows of the inputs a layer takes."""
    if _sources(_of_class(layer, "GetItem")) != [inputs]:
        raise ValueError(f"layer {layer['name']!r} does not read the inputs")
    rows, columns = layer["inbound_nodes"][0]["args"][1]
    if rows != {"class_name": "__slice__", "config": {"start": None, "stop": None, "step": None}}:
        raise ValueError(f"layer {layer['name']!r} does not read all rows")
    return columns


def _of_class(layer: LayerConfig, name: str) -> LayerConfig:
    if layer["class_name"] != name:
        raise ValueError(f"layer {layer['name']!r} is no {name}")
    return layer


def _sources(layer: LayerConfig) -> list[str]:
    """Return the layers whose outputs a layer reads first."""
    (node,) = layer["inbound_nodes"]
    read = node["args"][0]
    return [each["config"]["keras_history"][0] for each in (read if isinstance(read, list) else [read])]
