"""What is printed while steps run is for people: it goes to stderr, and no secret goes with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from motools.config.redaction import RedactingStream
from motools.config.secrets import redactor


@contextmanager
def shielded() -> Iterator[None]:
    """Send what is printed inside to stderr, with the secrets that this process knows taken out.

    What a child process writes to the terminal by itself does not come by here.
    """
    if sys.stderr is None:  # it was closed before we began: nobody reads
        yield
        return
    stream = RedactingStream(sys.stderr, redactor)
    with redirect_stdout(stream), redirect_stderr(stream):
        try:
            yield
        finally:
            stream.flush()
