"""The eval backend `inspect`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from inspect_ai import eval_async
from inspect_ai.log import EvalLog, read_eval_log_async
from inspect_ai.model import GenerateConfig, get_model

from motools.canonical import JSON
from motools.contracts import EvalBackend, EvalResults, ModelRef, Usage, current_activation
from motools.errors import MotoolsError, RunError
from motools_inspect import results
from motools_inspect.model_api import MotoolsAPI, Tally
from motools_inspect.options import InspectOptions
from motools_inspect.surroundings import undisturbed
from motools_inspect.tasks import Prepared, prepare
from motools_inspect.turns import Stopped, in_turn


class InspectEvalBackend(EvalBackend):
    """Evaluates with Inspect: tasks of motools and of Inspect, against a model of any provider.

    Inspect's log lies in the log folder and opens with `inspect view` or `inspect_ai.log.read_eval_log`.
    """

    name: ClassVar[str] = "inspect"

    def own_task(self, name: str) -> JSON:
        """Return the identity of a task that Inspect knows by `package/name` or `file.py@name`, or None."""
        from motools_inspect.tasks import registered_identity

        return registered_identity(name)

    def read_log(self, path: Path) -> EvalResults:
        """Return the results in an `.eval` or `.json` log that Inspect wrote without motools.

        Raises:
            DataError: it is truncated, altered, too large, of another version, or no log of a finished evaluation.
        """
        from motools_inspect.logs import read_log

        return read_log(path)

    async def run(
        self,
        *,
        model: ModelRef,
        task: Any,
        options: Mapping[str, JSON] | InspectOptions,
        seed: int,
        log_dir: Path,
    ) -> EvalResults:
        """Ask every sample and score the answers.

        Args:
            model: which model, served by any provider.
            task: a `motools.contracts.Task`, an Inspect `Task`, a function that returns one, or a name Inspect knows.
            options: see `InspectOptions`.
            seed: given to the provider with each request; repetitions of a sample get seeds derived from it.
            log_dir: where Inspect's log goes.

        Raises:
            ProviderError: no sample has an answer, and this is why.
            RunError: more samples than allowed have no answer, or Inspect ended without success.
        """
        settings = options if isinstance(options, InspectOptions) else InspectOptions.parse(options)
        watch = _Watch()

        async def work() -> tuple[Prepared, EvalLog, Tally]:
            with undisturbed():
                prepared = await prepare(task, settings, watch.answered)
                watch.total = prepared.total
                inspect_model = get_model(
                    f"motools/{model}",
                    memoize=False,
                    config=GenerateConfig(max_connections=settings.max_connections),
                    provider=model.provider,
                    weights=str(model.weights) if model.weights else None,
                    atom_id=model.atom_id,
                    seed=seed,
                    request_timeout=settings.request_timeout,
                )
                assert isinstance(inspect_model.api, MotoolsAPI)
                watch.tally = inspect_model.api.tally
                try:
                    log = await _evaluate(prepared, inspect_model, settings, log_dir)
                finally:
                    await inspect_model.api.aclose()
                return prepared, log, watch.tally

        try:
            prepared, log, tally = await in_turn(work, watch.tick)
        except Stopped:
            watch.raise_if_cancelled()
            raise RunError("the evaluation was stopped") from None
        watch.report()
        watch.raise_if_cancelled()
        return _results(prepared, log, tally, model, settings)


async def _evaluate(prepared: Prepared, model: Any, settings: InspectOptions, log_dir: Path) -> EvalLog:
    # The task's own model, if any, gives way: what is evaluated is what was asked for.
    prepared.task.model = model
    said = {
        name: value for name in ("max_tokens", "temperature", "top_p") if (value := getattr(settings, name)) is not None
    }
    try:
        logs = await eval_async(
            prepared.task,
            model=model,
            log_dir=str(log_dir),
            log_format=settings.log_format,
            log_level="notset",
            log_realtime=False,
            score_display=False,
            ctl_server=False,
            limit=settings.limit,
            sample_id=list(settings.sample_ids) if settings.sample_ids else None,
            epochs=settings.epochs,
            fail_on_error=settings.errors_allowed(prepared.total) + 1,
            max_samples=settings.max_connections,
            max_connections=settings.max_connections,
            max_retries=settings.max_retries,
            **said,
        )
    except MotoolsError:
        raise
    except Exception as error:
        reason = getattr(error, "message", error)
        raise RunError(f"Inspect could not evaluate '{prepared.name}': {reason}") from error
    if not logs:  # Inspect's way to say that it was cancelled
        raise Stopped
    # Samples of a log that Inspect has just written are read when they are first looked at, by patching the running loop.
    return await read_eval_log_async(logs[0].location)


def _results(prepared: Prepared, log: EvalLog, tally: Tally, model: ModelRef, settings: InspectOptions) -> EvalResults:
    samples = results.sample_results(log, prepared.ids)
    answered = sum(sample.error is None for sample in samples)
    if log.status != "success":
        if tally.calls == 0 and tally.last_error is not None:
            raise tally.last_error
        raise _failure(prepared, log, sum(sample.error is not None for sample in samples), settings)
    return EvalResults(
        task=prepared.name,
        model=str(model),
        backend=InspectEvalBackend.name,
        samples=samples,
        metrics=results.metrics(log, samples),
        n=prepared.total,
        errors=prepared.total - answered,
        usage=_usage(log, tally, model),
        log_files=[Path(log.location)],
    )


def _failure(prepared: Prepared, log: EvalLog, errors: int, settings: InspectOptions) -> RunError:
    reason = log.error.message if log.error else "no reason given"
    allowed = settings.errors_allowed(prepared.total)
    look = f"Look at it with: inspect view --log-dir {Path(log.location).parent}"
    if errors > allowed:
        return RunError(
            f"{errors} samples of '{prepared.name}' have no answer, more than the {allowed} of {prepared.total} "
            f"allowed; the last: {reason}",
            hint=f"Mend the cause, or raise the option 'error_limit'. {look}",
        )
    return RunError(f"Inspect ended '{prepared.name}' with status '{log.status}': {reason}", hint=look)


def _usage(log: EvalLog, tally: Tally, model: ModelRef) -> Usage:
    """Return tokens and money of all models that took part; judges of other providers are unpriced here."""
    others = [usage for name, usage in log.stats.model_usage.items() if name != f"motools/{model}"]
    own = tally.usage()
    return Usage(
        input_tokens=own.input_tokens + sum(usage.input_tokens for usage in others),
        output_tokens=own.output_tokens + sum(usage.output_tokens for usage in others),
        cost_usd=None if others else own.cost_usd,
    )


class _Watch:
    """Tells the activation how far the evaluation is, and the evaluation when the run is cancelled."""

    def __init__(self) -> None:
        self.activation = current_activation()
        self.tally = Tally()
        self.total = 0
        self.done = 0
        self._told = 0
        self._spent = Usage(cost_usd=0.0)

    def answered(self) -> None:
        """Count a sample that is done with; called in the evaluation's thread."""
        self.done += 1

    def tick(self, stop: Any) -> None:
        """Report, and stop the evaluation when the run is being cancelled."""
        self.report()
        if self.activation is not None and self.activation.cancelled:
            stop()

    def report(self) -> None:
        """Tell the activation what is new."""
        if self.activation is None:
            return
        if self.done > self._told and self.total:
            self._told = self.done
            self.activation.progress(min(1.0, self.done / self.total), f"{self.done} of {self.total} samples")
        usage = self.tally.usage()
        tokens = (usage.input_tokens - self._spent.input_tokens, usage.output_tokens - self._spent.output_tokens)
        if any(tokens):
            priced = usage.cost_usd is not None and self._spent.cost_usd is not None
            cost = usage.cost_usd - self._spent.cost_usd if priced else None  # type: ignore[operator]
            self._spent = usage
            self.activation.spend(input_tokens=tokens[0], output_tokens=tokens[1], cost_usd=cost)

    def raise_if_cancelled(self) -> None:
        """Raise what the engine raises in a cancelled activation."""
        if self.activation is not None:
            self.activation.check_cancelled()
