"""A step: a unit of work with typed inputs, settings and typed outputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, Literal, overload

from motools.errors import DefinitionError, did_you_mean

Effect = Literal["pure", "idempotent", "unsafe"]
"""`pure`: may be computed again; `idempotent`: safe to repeat under the same key; `unsafe`: never started twice."""

_NAME_HINT = "Use letters, digits and '_', not beginning with a digit: it is also a key in settings."


@dataclass
class Step:
    """A unit of work.

    Args:
        name: unique in a workflow.
        input_atom_types: name of each atom it reads → its type.
        output_atom_types: name of each atom it writes → its type. Type `value` is a JSON value.
        config_class: dataclass or pydantic model of its settings; None if it has none.
        fn: `fn(config, input_atoms, workspace)`, sync or async; with a parameter named `context` it gets the activation too.
            It returns a list of `AtomConstructor`, or a mapping from output name to JSON value.
        effect: what repeating it does to the world.
        cache: whether an earlier result with the same key is used instead of running it.
        cache_version: raise it to stop using results of an older version. It stands for the step's code in keys.
        environment: environment variables that the result depends on; their values are part of the key.

    Raises:
        DefinitionError: a name, type or parameter is not as above.
    """

    name: str
    input_atom_types: Mapping[str, str] = field(default_factory=dict)
    output_atom_types: Mapping[str, str] = field(default_factory=dict)
    config_class: type[Any] | None = None
    fn: Callable[..., Any] | None = None
    effect: Effect = "pure"
    cache: bool = True
    cache_version: int | None = None
    environment: Sequence[str] = ()
    takes_context: bool = field(init=False, repr=False, default=False)
    is_async: bool = field(init=False, repr=False, default=False)

    def __post_init__(self) -> None:
        where = f"step {self.name!r}"
        _check_name(self.name, where)
        for label in ("input_atom_types", "output_atom_types"):
            types = getattr(self, label)
            if not isinstance(types, Mapping) or not all(
                isinstance(item, str) for pair in types.items() for item in pair
            ):
                said = label.partition("_")[0]
                raise DefinitionError(
                    f"{said}s is {types!r}, not a mapping from name to type",
                    where=where,
                    hint=f'Write {said}s={{"rows": "dataset"}}, for instance.',
                )
            for name in types:
                _check_name(name, f"{where} {label}")
            setattr(self, label, dict(types))
        if not callable(self.fn):
            raise DefinitionError(f"fn is {self.fn!r}, not a function", where=where)
        if self.effect not in ("pure", "idempotent", "unsafe"):
            near = did_you_mean(str(self.effect), ("pure", "idempotent", "unsafe"))
            raise DefinitionError(
                f"effect is {self.effect!r}", where=where, hint=near or "Use pure, idempotent or unsafe."
            )
        self.environment = _variables(self.environment, where)
        if self.config_class is not None and not isinstance(self.config_class, type):
            raise DefinitionError(f"config_class is {self.config_class!r}, not a class", where=where)
        self.takes_context, self.is_async = _read_signature(self.fn, where)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function behind the step, as in a test of it."""
        assert self.fn is not None
        return self.fn(*args, **kwargs)


def _check_name(name: Any, where: str) -> None:
    if not isinstance(name, str) or not name.isidentifier():
        raise DefinitionError(f"{name!r} cannot be a name", where=where, hint=_NAME_HINT)


def _variables(names: Any, where: str) -> tuple[str, ...]:
    names = (names,) if isinstance(names, str) else tuple(names)
    for name in names:
        if not isinstance(name, str) or not name or "=" in name:
            raise DefinitionError(f"{name!r} cannot be an environment variable", where=where, hint="Write its name.")
        if named_like_secret(name):
            raise DefinitionError(
                f"the environment variable '{name}' is named like a secret, and keys are kept and shown",
                where=where,
                hint="Results should not depend on who pays; leave it out.",
            )
    return tuple(sorted(set(names)))


def named_like_secret(name: str) -> bool:
    """Say whether a name has a part that secrets are named by: `HF_TOKEN`, `steps:api_key`."""
    words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in name).upper().split()
    return not _SECRETS.isdisjoint(words)


_SECRETS = frozenset({"KEY", "APIKEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIALS"})


def _read_signature(fn: Callable[..., Any], where: str) -> tuple[bool, bool]:
    """Return whether `fn` takes a context and whether it is async."""
    if _takes_three(fn):
        return False, inspect.iscoroutinefunction(fn)
    target = fn if inspect.isroutine(fn) or inspect.isclass(fn) else getattr(fn, "func", fn.__call__)  # type: ignore[operator]
    is_async = inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(target)
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return False, is_async
    takes_context = "context" in signature.parameters
    try:
        signature.bind(None, {}, None, **({"context": None} if takes_context else {}))
    except TypeError as error:
        raise DefinitionError(
            f"its function has the parameters {signature}: {error}",
            where=where,
            hint="Take (config, input_atoms, workspace) and, if wanted, context.",
        ) from None
    return takes_context, is_async


def _takes_three(fn: Callable[..., Any]) -> bool:
    """Say whether `fn` is a plain function of three parameters and no context: a signature takes 20 times longer to read."""
    if type(fn) is not FunctionType or fn.__dict__:
        return False
    code = fn.__code__
    required = code.co_argcount - len(fn.__defaults__ or ())
    names = code.co_varnames[: code.co_argcount]
    return required <= 3 <= code.co_argcount and not code.co_kwonlyargcount and "context" not in names


@overload
def step(fn: Callable[..., Any], /) -> Step: ...
@overload
def step(
    *,
    inputs: Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None,
    name: str | None = None,
    config: type[Any] | None = None,
    effect: Effect = "pure",
    cache: bool = True,
    cache_version: int | None = None,
    environment: Sequence[str] = (),
) -> Callable[[Callable[..., Any]], Step]: ...
def step(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    inputs: Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None,
    name: str | None = None,
    config: type[Any] | None = None,
    effect: Effect = "pure",
    cache: bool = True,
    cache_version: int | None = None,
    environment: Sequence[str] = (),
) -> Step | Callable[[Callable[..., Any]], Step]:
    """Make a step of a plain function.

        @step(inputs={"dataset": "dataset"}, outputs={"dataset": "dataset"})
        def dedupe(config: DedupeConfig, input_atoms, workspace): ...

    The step has the function's name, and as settings the class its first parameter is annotated with.
    The result is a `Step`; calling it calls the function.
    """

    def make(function: Callable[..., Any]) -> Step:
        return Step(
            name=name or function.__name__,
            input_atom_types=inputs or {},
            output_atom_types=outputs or {},
            config_class=config or _annotated_config(function),
            fn=function,
            effect=effect,
            cache=cache,
            cache_version=cache_version,
            environment=environment,
        )

    return make if fn is None else make(fn)


def _annotated_config(function: Callable[..., Any]) -> type[Any] | None:
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].annotation is inspect.Parameter.empty:
        return None
    annotation = parameters[0].annotation
    if isinstance(annotation, str):
        import typing

        try:
            annotation = typing.get_type_hints(function).get(parameters[0].name)
        except NameError as error:
            raise DefinitionError(
                f"the type of its first parameter cannot be found: {error}", where=f"step '{function.__name__}'"
            ) from None
    return annotation if isinstance(annotation, type) and annotation is not type(None) else None
