"""The command `motools <noun> <verb>`."""

from __future__ import annotations

import sys  # nothing else here: until `main` runs, Ctrl-C would print a traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line (by default the process's own) and exit with its code; see `motools.cli.errors`."""
    try:
        import gc

        gc.set_threshold(50_000, 20, 20)  # a start makes many objects and drops few: looking for these is 4 % of it

        from motools.cli.app import app
        from motools.cli.errors import run

        code = run(app, sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
