"""From the name one types to the names a package needs: of the distribution, the module, the component, the classes."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass

from motools.errors import InputError

LONGEST = 30
PREFIXES = ("motools-", "mozoo-")


@dataclass(frozen=True, kw_only=True)
class Names:
    """The names of a new package.

    Args:
        distribution: as pip knows it: `motools-acme-labs`.
        module: as Python imports it: `motools_acme_labs`.
        component: as people write it in settings: `acme_labs`.
        cls: what its classes' names begin with: `AcmeLabs`.
    """

    distribution: str
    module: str
    component: str
    cls: str


def names_of(text: str, prefix: str) -> Names:
    """Return the names of a package from what somebody typed: `Acme Labs`, `acme_labs` and `motools-acme-labs` are one.

    Raises:
        InputError: no name can be made of it; the hint says which can.
    """
    plain = re.sub(r"[-_.\s]+", "-", text.strip()).lower()
    for each in PREFIXES:
        plain = plain.removeprefix(each)
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", plain):
        raise InputError(
            f"'{text}' cannot name a package",
            hint="Use letters a to z, digits and '-', and begin with a letter: acme, acme-labs.",
        )
    if len(plain) > LONGEST:
        raise InputError(
            f"'{text}' is longer than {LONGEST} letters", hint="People will type it: choose a shorter one."
        )
    component = plain.replace("-", "_")
    if keyword.iskeyword(component) or component in ("motools", "mozoo"):
        word = "a word of Python" if keyword.iskeyword(component) else "the name of motools' own"
        raise InputError(f"'{text}' is {word}", hint=f"Add something to it: {plain}-lab.")
    distribution = f"{prefix}{plain}"
    return Names(
        distribution=distribution,
        module=distribution.replace("-", "_"),
        component=component,
        cls="".join(part.capitalize() for part in plain.split("-")),
    )


def check_free(names: Names, kinds: Iterable[str]) -> None:
    """Refuse names that something else has.

    Args:
        names: the names of the new package.
        kinds: the kinds of component it declares.

    Raises:
        InputError: a distribution, a module or a component of that name is there, or is known.
    """
    from importlib.metadata import PackageNotFoundError, version
    from importlib.util import find_spec

    from motools.plugins.kinds import spoken
    from motools.plugins.known import KNOWN
    from motools.plugins.lookup import installed

    another = "Choose another name."
    known = {distribution for names_of_kind in KNOWN.values() for distribution in names_of_kind.values()}
    if names.distribution in known:
        raise InputError(f"there is a plugin '{names.distribution}' already", hint=another)
    try:
        there = version(names.distribution)
    except PackageNotFoundError:
        pass
    else:
        raise InputError(
            f"'{names.distribution}' {there} is installed here",
            hint=f"Choose another name, or remove it first: pip uninstall {names.distribution}",
        )
    if find_spec(names.module) is not None:
        raise InputError(
            f"there is a module '{names.module}' here, which would be hidden or would hide it", hint=another
        )
    for kind in kinds:
        owners = [
            entry.distribution for entry in installed().entries if entry.kind == kind and entry.name == names.component
        ]
        if not owners and names.component in KNOWN.get(kind, {}):
            owners = [KNOWN[kind][names.component]]
        if owners:
            raise InputError(
                f"'{owners[0]}' declares a {spoken(kind)} '{names.component}'; "
                "with two of one name people must always write both names",
                hint=another,
            )
