"""What a running step sees of the engine: its `context`."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from motools.canonical import JSON, digest_json
from motools.engine.record import Recorder
from motools.engine.secrets import clean_json
from motools.errors import CanonicalError, EffectInDoubtError, MotoolsError, RunError, StepError, Unavailable

_PROGRESS_EVERY = 0.2  # seconds between two progress events without figures


class Interrupted(RunError):
    """The run is being paused or cancelled; raised by `context.check_cancelled()`."""

    code = "interrupted"


class StepActivation:
    """One visit of a node (see `motools.contracts.Activation` for what each method promises)."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        node: str,
        name: str,
        key: str,
        seed: int,
        owner: str,
        draw: int | str = 0,
        looked_at: float | None = None,
    ) -> None:
        self.name = name
        self.node = node
        self.run_id = recorder.run_id
        self.key = key
        self.seed = seed
        self.store_path: Path = recorder.store.path
        self.submissions: set[asyncio.Task[JSON]] = set()
        self._recorder = recorder
        self._owner = owner
        self._draw = draw
        self._looked_at = looked_at
        self._cancelled = threading.Event()
        self._last_progress = 0.0
        self._last_said: tuple[float | None, str] = (None, "")

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Tell the step to stop; called by the driver."""
        self._cancelled.set()

    def check_cancelled(self) -> None:
        if self.cancelled:
            raise Interrupted("the run is being stopped", where=f"step '{self.node}'")

    def progress(self, fraction: float | None = None, message: str = "", **data: Any) -> None:
        now = time.monotonic()
        said = (fraction, message)
        if not data and (now - self._last_progress < _PROGRESS_EVERY or said == self._last_said):
            return
        if not isinstance(fraction, (int, float, type(None))):
            raise StepError(
                f"context.progress takes a fraction first, not {fraction!r}",
                where=f"step '{self.node}'",
                hint='Give a number from 0 to 1, or only message="...".',
            )
        self._last_progress, self._last_said = now, said
        body: dict[str, Any] = {"fraction": fraction, "message": message}
        if data:
            body["data"] = data
        self._say("step_progress", body)

    def log(self, message: str, **data: Any) -> None:
        self._say("step_log", {"message": message, **({"data": data} if data else {})})

    def spend(self, *, input_tokens: int = 0, output_tokens: int = 0, cost_usd: float | None = None) -> None:
        body = {"input_tokens": input_tokens, "output_tokens": output_tokens, "cost_usd": cost_usd}
        self._event("step_spent", body)

    def once(
        self,
        name: str,
        submit: Callable[[str], Awaitable[JSON]],
        *,
        request: JSON,
        find: Callable[[str], Awaitable[JSON]] | None = None,
    ) -> Coroutine[Any, Any, JSON]:
        # Not async itself: nobody awaits a coroutine that a plain function got, and nothing would be sent, in silence.
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise StepError(
                f"it calls context.once('{name}', ...) where nothing can be awaited",
                where=f"step '{self.node}'",
                hint="Write 'async def' for the step's function, and 'await context.once(...)' in it.",
            ) from None
        return self._shielded(lambda: self._once(name, submit, request, find))

    async def _shielded(self, submission: Callable[[], Coroutine[Any, Any, JSON]]) -> JSON:
        # A submission that has begun is finished and recorded even when the run is being stopped.
        task = asyncio.ensure_future(submission())
        self.submissions.add(task)
        task.add_done_callback(self.submissions.discard)
        return await asyncio.shield(task)

    async def _once(
        self,
        name: str,
        submit: Callable[[str], Awaitable[JSON]],
        request: JSON,
        find: Callable[[str], Awaitable[JSON]] | None,
    ) -> JSON:
        effects = self._recorder.store.effects
        # Without secrets: a new value of one is no other request.
        asked = digest_json("effect-request", clean_json(request))
        effect = effects.begin(self.key, self._draw, name, asked, self._owner)
        about = {"name": name, "generation": effect.generation, "key": effect.key}
        if effect.record is not None:
            self._event("effect_reused", {**about, "record": effect.record})
            return effect.record
        if effect.state == "intended":
            try:
                record = await self._find(name, effect.key, find)
            except EffectInDoubtError:
                if self._looked_at is None or effect.at >= self._looked_at:
                    raise
                record = None  # a person looked, and asks for it again
            if record is not None:
                self._done(effect, about, record)
                return record
            effect = effects.take_over(effect, self._owner)
        self._event("effect_intended", about, full=True)
        try:
            record = await submit(effect.key)
        except MotoolsError as error:
            if not isinstance(error, Unavailable):  # provably never accepted
                self._close(effect, about, "not_done")
            raise
        self._done(effect, about, record)
        return record

    async def _find(self, name: str, key: str, find: Callable[[str], Awaitable[JSON]] | None) -> JSON:
        if find is None:
            raise EffectInDoubtError(
                f"an earlier try of '{name}' stopped between sending it and hearing back",
                where=f"step '{self.node}'",
                hint=f"Look there for work under the key '{key}'. If it never arrived, --rerun {self.node} sends it again.",
            )
        return await find(key)

    def _done(self, effect: Any, about: dict[str, Any], record: JSON) -> None:
        effects = self._recorder.store.effects
        record = clean_json(record)
        self._event("effect_done", {**about, "record": record}, full=True, before=lambda: effects.done(effect, record))

    def _close(self, effect: Any, about: dict[str, Any], outcome: str) -> None:
        effects = self._recorder.store.effects
        body = {**about, "outcome": outcome}
        self._event("effect_closed", body, full=True, before=lambda: effects.close(effect, outcome))

    async def close_effect(self, name: str, outcome: str) -> None:
        for effect in reversed(self._recorder.store.effects.list(self.key)):
            if effect.name == name and effect.draw == self._draw:
                about = {"name": name, "generation": effect.generation, "key": effect.key}
                if effect.state != "closed":
                    self._close(effect, about, outcome)
                return

    def _say(self, kind: str, body: dict[str, Any]) -> None:
        try:
            self._event(kind, body)
        except CanonicalError as error:
            said = f"{kind.removeprefix('step_')} {error.where}: {error.message}"
            raise StepError(said, where=f"step '{self.node}'", hint=error.hint) from error

    def _event(
        self,
        kind: str,
        body: dict[str, Any],
        *,
        full: bool = False,
        before: Callable[[], object] | None = None,
    ) -> None:
        event = (kind, {"node": self.node, "activation": self.name, **body})
        self._recorder.commit(event, full=full, before=before)
