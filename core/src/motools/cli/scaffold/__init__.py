"""What `motools plugin new` writes: a small package that works, from templates.

Each folder of `templates/` that holds a `kind.toml` is a kind of package; a new kind is a new folder. Its files end in `.tmpl`,
and `@@name@@` in their text and their paths is replaced, with no other rules. `templates/common` goes into every package.

    kind.toml
        summary     one line for people
        prefix      what its distributions' names begin with
        components  the kinds of component it declares under the package's short name
        next        the commands that come next, for people to type
"""

from motools.cli.scaffold.names import Names, check_free, names_of
from motools.cli.scaffold.package import Kind, Written, kind_names, licence_names, read_kind, write_package

__all__ = [
    "Kind",
    "Names",
    "Written",
    "check_free",
    "kind_names",
    "licence_names",
    "names_of",
    "read_kind",
    "write_package",
]
