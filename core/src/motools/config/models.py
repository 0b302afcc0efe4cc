"""pydantic models inside configs. Imported only when a config has one, so that others never pay for pydantic."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, get_args

from motools.canonical import JSON
from motools.config.document import DataPath, dotted
from motools.config.secrets import Secret, written
from motools.config.types import Shape, is_model, shape_of
from motools.errors import ConfigError

if TYPE_CHECKING:
    from motools.config.decoding import _Decoder


def read_model(decoder: _Decoder, cls: Any, data: Mapping[str, Any], path: DataPath) -> Any:
    """Validate `data` with a pydantic model; what is wrong is recorded with `decoder`, and then None is returned.

    JSON in strict mode: `"3"` is not a number, and text is still accepted for a date or an enum. Keys that a model
    would silently ignore are problems; one that says `extra="allow"` keeps its own way.
    """
    from pydantic import ValidationError

    for place, known in _unknown_keys(cls, data, path):
        decoder.unknown(place, known)
    try:
        model = cls.model_validate_json(
            json.dumps(_with_paths(decoder, Shape("model", cls=cls), data, path)), strict=True
        )
        _check_secrets(decoder, model, data, path)
        return model
    except ValidationError as error:
        for item in error.errors(include_url=False, include_context=False):
            _record(decoder, data, path, item)
    return None


def write_model(model: Any) -> JSON:
    """Return a model as JSON values; a pydantic secret is written as what it holds, which is a reference to it."""
    written: JSON = _with_secrets(model.model_dump(mode="json"), model)
    return written


def _with_secrets(dumped: Any, value: Any) -> Any:
    if isinstance(value, _secret_types()):
        return value.get_secret_value() if isinstance(value.get_secret_value(), str) else dumped
    if is_model(type(value)) and isinstance(dumped, dict):
        return {key: _with_secrets(item, getattr(value, key, None)) for key, item in dumped.items()}
    if isinstance(value, Mapping) and isinstance(dumped, dict):
        return {key: _with_secrets(item, value.get(key)) for key, item in dumped.items()}
    if isinstance(value, (list, tuple)) and isinstance(dumped, list):
        return [_with_secrets(item, part) for item, part in zip(dumped, value, strict=True)]
    return dumped


def _secret_types() -> tuple[Any, ...]:
    from pydantic import SecretStr

    return (SecretStr,)


def _check_secrets(decoder: _Decoder, model: Any, data: Any, path: DataPath) -> None:
    """Refuse secrets that are written out: keys and saved configs hold what is written."""
    if isinstance(model, _secret_types()):
        try:
            Secret(written(str(data)))
        except ConfigError as error:
            decoder.problem(f"'{dotted(path)}': {error.message}", path, error.hint)
    elif is_model(type(model)) and isinstance(data, Mapping):
        for key, field in model_fields(type(model)).items():
            name = next(name for name, known in type(model).model_fields.items() if known is field)
            if key in data or name in data:
                said = key if key in data else name
                _check_secrets(decoder, getattr(model, name), data[said], (*path, said))
    elif isinstance(data, Mapping) and isinstance(model, Mapping):
        for key, item in data.items():
            _check_secrets(decoder, model.get(key), item, (*path, key))
    elif isinstance(data, (list, tuple)) and isinstance(model, (list, tuple)):
        for index, (part, item) in enumerate(zip(model, data, strict=False)):
            _check_secrets(decoder, part, item, (*path, index))


def model_fields(cls: Any) -> dict[str, Any]:
    """Return the fields of a model by the key they are written under."""
    return {field.alias or name: field for name, field in cls.model_fields.items()}


def models_in(annotation: Any) -> list[Any]:
    """Return the models that an annotation mentions."""
    if is_model(annotation):
        return [annotation]
    return [found for arm in get_args(annotation) for found in models_in(arm)]


def field_shape(field: Any) -> Shape:
    """Return what a field of a model allows; a type that only pydantic knows is `Any`."""
    annotation = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return shape_of(annotation, lenient=True)


def _with_paths(decoder: _Decoder, shape: Shape, data: Any, path: DataPath) -> Any:
    """Return `data` with the relative paths in it made absolute; the rest is for pydantic to judge."""
    if isinstance(data, str):
        marked = next((arm for arm in (shape, *shape.inner) if arm.marker is not None), None)
        return data if marked is None else decoder.resolved(marked, data, path)
    arms = shape.inner if shape.kind == "union" else (shape,)
    for arm in arms:
        if isinstance(data, Mapping) and arm.kind == "model":
            fields = model_fields(arm.cls)
            return {
                key: _with_paths(decoder, field_shape(fields[key]), item, (*path, key)) if key in fields else item
                for key, item in data.items()
            }
        if isinstance(data, Mapping) and arm.kind == "dict":
            return {key: _with_paths(decoder, arm.inner[1], item, (*path, key)) for key, item in data.items()}
        if isinstance(data, list) and arm.kind == "list":
            return [_with_paths(decoder, arm.inner[0], item, (*path, index)) for index, item in enumerate(data)]
    return data


def _record(decoder: _Decoder, data: Any, path: DataPath, item: Any) -> None:
    if item["type"] == "extra_forbidden":
        return  # named already, with what is known
    # A location also names arms of unions and validators; what is not in the data is no place in the document.
    here, inner = data, list(path)
    for part in item["loc"]:
        if (isinstance(here, Mapping) and part in here) or (isinstance(here, list) and isinstance(part, int)):
            here = here[part]
            inner.append(part)
    place: DataPath = tuple(inner)
    if item["type"] == "missing":
        decoder.missing_key(str(item["loc"][-1]), place)
    else:
        message = item["msg"].removeprefix("Value error, ")
        decoder.problem(f"'{dotted(place)}': {message[:1].lower()}{message[1:]}", place)


def _unknown_keys(cls: Any, data: Mapping[str, Any], path: DataPath) -> Iterator[tuple[DataPath, list[str]]]:
    """Yield the path of every key that no field of the model takes, with the keys that there are."""
    if cls.model_config.get("extra") == "allow":
        return
    fields = model_fields(cls)
    taken = _other_spellings(cls) | fields.keys()
    for key, value in data.items():
        if key not in taken:
            yield (*path, key), list(fields)
        elif key in fields:
            inner = models_in(fields[key].annotation)
            # With several models it is for pydantic to say which one is meant.
            if len(inner) == 1 and isinstance(value, Mapping):
                if not _is_dict(fields[key].annotation):
                    yield from _unknown_keys(inner[0], value, (*path, key))
            elif len(inner) == 1 and isinstance(value, list):
                for index, item in enumerate(value):
                    if isinstance(item, Mapping):
                        yield from _unknown_keys(inner[0], item, (*path, key, index))


def _is_dict(annotation: Any) -> bool:
    from typing import get_origin

    return get_origin(annotation) in (dict, Mapping) or any(_is_dict(arm) for arm in get_args(annotation))


def _other_spellings(cls: Any) -> set[str]:
    names = set(cls.model_fields)
    for field in cls.model_fields.values():
        alias = field.validation_alias
        for choice in getattr(alias, "choices", [alias]):
            first = choice if isinstance(choice, str) else getattr(choice, "path", [None])[0]
            if isinstance(first, str):
                names.add(first)
    return names
