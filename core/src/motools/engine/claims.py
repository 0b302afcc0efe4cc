"""The right to compute a key: one process at a time has it, the others wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motools.store import Store

CLAIM_SECONDS = 60.0
"""How long a claim stays with an owner that no longer says it is there."""

_FIRST_WAIT, _LONGEST_WAIT = 0.02, 1.0  # seconds between two looks


async def take_claim(store: Store, key: str, owner: str, waiting: Callable[[str | None], None]) -> None:
    """Return when `owner` has the key: at once, or after whoever has it has let go or died.

    Args:
        store: where claims are.
        key: the step's key.
        owner: `process#run/node`.
        waiting: called once with the run that computes the key now, if one does.
    """
    wait = _FIRST_WAIT
    while not store.keys.claim(key, owner, CLAIM_SECONDS):
        if wait == _FIRST_WAIT:
            holder = store.keys.holder(key)
            waiting(holder.partition("#")[2].partition("/")[0] if holder else None)
        await asyncio.sleep(wait)
        wait = min(wait * 1.5, _LONGEST_WAIT)
