"""`include` and `exclude` of a matrix: entries that name values of its axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from motools.canonical import JSON
from motools.config.document import DataPath
from motools.config.matrix import KEY, RESERVED, Axis, Choice, Entry, Setting, is_int, same, shown
from motools.config.types import describe_value
from motools.errors import did_you_mean

if TYPE_CHECKING:
    from motools.config.axes import Reader


@dataclass
class Entries:
    """Reads the entries of a matrix.

    Args:
        reader: gathers what is wrong.
        data: the matrix as written.
        axes: the axes that could be read, by name.
    """

    reader: Reader
    data: Mapping[str, JSON]
    axes: Mapping[str, Axis]

    def read(self, kind: Literal["include", "exclude"]) -> tuple[Entry, ...]:
        """Return the entries of one of the two lists."""
        if kind not in self.data:
            return ()
        at: DataPath = (KEY, kind)
        items = self.data[kind]
        if not isinstance(items, list):
            self.reader.problem(f"'{KEY}.{kind}' should be a list of mappings, found {describe_value(items)}", at)
            return ()
        found = []
        for index, item in enumerate(items):
            place = (*at, index)
            if not isinstance(item, dict) or not item:
                what = "an empty mapping" if item == {} else describe_value(item)
                self.reader.problem(
                    f"an entry of '{KEY}.{kind}' should be a mapping from axes to values, found {what}", place
                )
                continue
            found.append(self.entry(item, kind, place))
        return tuple(found)

    def entry(self, item: Mapping[str, JSON], kind: str, at: DataPath) -> Entry:
        choices: dict[str, tuple[Choice, ...]] = {}
        settings: list[Setting] = []
        for name, value in item.items():
            place = (*at, name)
            if name in self.axes:
                choices[name] = self.chosen(self.axes[name], value, place, new=kind == "include")
            elif kind == "include" and name.split(".")[0] in self.reader.steps:
                settings.append(Setting(tuple(name.split(".")), value, place))
            elif name not in self.data or name in RESERVED:  # else it is an axis that could not be read
                known = [*self.axes, *(self.reader.steps if kind == "include" else ())]
                hint = did_you_mean(name, known) or f"Axes: {', '.join(self.axes) or 'none'}."
                self.reader.problem(f"'{name}' is no axis of the matrix", place, hint, key=True)
        return Entry(choices, tuple(settings), at)

    def chosen(self, axis: Axis, data: JSON, at: DataPath, *, new: bool) -> tuple[Choice, ...]:
        """Return the values of an axis that an entry names: one, or a list of them."""
        lists = any(isinstance(choice.value, list) for choice in axis.choices)
        several = isinstance(data, list) and not (lists and not all(isinstance(value, list) for value in data))
        items = [(value, (*at, i)) for i, value in enumerate(cast("list[JSON]", data))] if several else [(data, at)]
        found: list[Choice] = []
        for value, place in items:
            known = next((choice for choice in axis.choices if same(choice.value, value)), None)
            if known is not None:
                found.append(known)
            elif new and axis.kind != "named" and (axis.kind == "path" or is_int(value)):
                found += self.reader.choices([(value, place)], axis.paths)
            else:
                listed = ", ".join(str(choice.label) for choice in axis.choices)
                near = (
                    did_you_mean(value, [choice.label for choice in axis.choices]) if isinstance(value, str) else None
                )
                self.reader.problem(
                    f"'{axis.name}' has no value {shown(value)}", place, near or f"Its values: {listed or 'none'}."
                )
        return tuple(found)
