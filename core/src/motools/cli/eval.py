"""`motools eval`: compare evaluations, and read their samples.

An evaluation is named by the id of its atom, or by a run that made one; the beginning of an id will do, and `last` is the
newest run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motools.cli.figures import interval
from motools.cli.nouns import Noun
from motools.cli.options import json_option, store_option, user_option
from motools.cli.output import note, print_fields, print_json, print_table, visible
from motools.errors import DataError, InputError, NotFoundError

if TYPE_CHECKING:
    from motools.atom import EvalAtom
    from motools.evals.comparison import Comparison
    from motools.store import Store


@click.group("eval", cls=Noun)
def eval() -> None:
    """Compare evaluations, and read their samples.

    An evaluation is the id of its atom, or a run (or 'last') that made one.
    """


@eval.command()
@click.argument("a")
@click.argument("b")
@click.option("--png", type=click.Path(path_type=Path, dir_okay=False), help="Also draw it into this file.")
@store_option
@json_option
def compare(a: str, b: str, png: Path | None, store: Path, as_json: bool) -> None:
    """Compare two evaluations of one task. Shown are every scorer, with 95 % intervals, and B less A on the same samples.

    With --json: `task`, `a`, `b`, `scorers` (each with `a`, `b`, `difference`), `only_a`, `only_b`, `notes`, `dummy`, `atoms`.

    Example: motools eval compare eval-ada-ba9876543210 eval-ada-0123456789ab
    """
    from motools.evals.comparison import compare as compare_results

    if png is not None:
        from motools.evals.plot import check_plots

        check_plots(png)
    with _opened(store) as opened:
        atoms = [_evaluation(opened, name) for name in (a, b)]
        _check_two(atoms, (a, b))
        comparison = compare_results(_results(atoms[0]), _results(atoms[1]))
    if as_json:
        print_json({**comparison.to_dict(), "atoms": [atom.id for atom in atoms]})
    else:
        _print_comparison(comparison, atoms)
    if png is not None:
        from motools.evals.plot import plot_comparison

        plot_comparison(comparison, png)
        note(f"drawn into {png}")


def _check_two(atoms: list[EvalAtom], names: tuple[str, str]) -> None:
    """Refuse to compare an evaluation with itself; warn where one is the other's result under another id.

    Raises:
        InputError: both names mean one atom.
    """
    first, second = atoms
    if first.id == second.id:
        raise InputError(
            f"'{names[0]}' and '{names[1]}' are one evaluation, '{first.id}'",
            hint=("'last' is the newest run, whatever it made. " if "last" in names else "")
            + "Name two by their ids: 'motools atom list --type eval' shows them.",
        )
    if first.value_digest == second.value_digest:
        click.echo(
            f"warning: '{first.id}' and '{second.id}' hold the same results: no difference can show. "
            "One reuses the other's, or both asked the same model in the same way.",
            err=True,
        )


def _print_comparison(comparison: Comparison, atoms: list[EvalAtom]) -> None:
    fields = {"task": comparison.task}
    for side, atom in zip((comparison.a, comparison.b), atoms, strict=True):
        fields[side.label] = (
            f"{side.model}{' (dummy)' if side.dummy else ''}  n {side.n}, errors {side.errors}  {atom.id}"
        )
    print_fields(fields)
    click.echo()
    print_table(
        ("scorer", "n A", "A [95 %]", "n B", "B [95 %]", "paired n", "B − A [95 %]"),
        [
            (
                row.scorer,
                row.a.n if row.a else 0,
                interval(row.a),
                row.b.n if row.b else 0,
                interval(row.b),
                row.difference.n if row.difference else 0,
                interval(row.difference, signed=True),
            )
            for row in comparison.scorers
        ],
        empty="No scores.",
    )
    for text in comparison.notes:
        note(f"note: {visible(text)}")


@eval.command("import")
@click.argument("log", type=click.Path(path_type=Path))
@click.option("--model", help="What to call the model.  [default: as the log does]")
@click.option("--backend", help="The eval backend that reads the log, where several can.")
@click.option("--tag", "tags", multiple=True, help="A tag to find it by; again for more.")
@user_option
@store_option
@json_option
def import_(
    log: Path, model: str | None, backend: str | None, tags: tuple[str, ...], user: str, store: Path, as_json: bool
) -> None:
    """Import a log of an evaluation made elsewhere. It can be shown, compared and read like any other.

    Logs of Inspect (.eval, .json) are read by the plugin motools-inspect. The same log again is the same atom. Who imported
    it, when, from where and with what SHA-256 is part of its lineage. It is pinned.

    With --json: as `atom add`.

    Example: motools eval import log.json --model acme/parrot
    """
    from motools.cli.bring import import_ as import_path

    import_path(log, model, backend, tags, user, store, as_json=as_json)


@eval.command()
@click.argument("evaluation")
@store_option
@json_option
def show(evaluation: str, store: Path, as_json: bool) -> None:
    """Show an evaluation: who was asked what, and every score. Each has its 95 % interval; the backend's metrics follow.

    With --json: `atom`, `task`, `model`, `backend`, `n`, `errors`, `dummy`, `usage`, `scorers`, `metrics`, `files`.

    Example: motools eval show last
    """
    from dataclasses import asdict

    from motools.evals.comparison import estimates, summary

    with _opened(store) as opened:
        atom = _evaluation(opened, evaluation)
        results = _results(atom)
        folder = atom.get_data_path()
        files = sorted(str(path) for path in folder.rglob("*") if path.is_file() and path.name != "results.json")
    side, scorers = summary(results, atom.id), estimates(results)
    metrics: Mapping[str, float] = results.get("metrics", {})
    about = {**asdict(side), "task": results["task"], "usage": results.get("usage")}
    if as_json:
        del about["label"]
        shown = {name: asdict(found) if found else None for name, found in scorers.items()}
        print_json({"atom": atom.id, **about, "scorers": shown, "metrics": dict(metrics), "files": files})
        return
    print_fields(
        {
            "atom": atom.id,
            "task": results["task"],
            "model": side.model + (" (dummy: nothing was really asked)" if side.dummy else ""),
            "backend": side.backend,
            "n": side.n,
            "errors": side.errors or "none",
            "tokens": _tokens(results.get("usage")),
            "files": files,
        }
    )
    click.echo()
    print_table(
        ("scorer", "n", "samples", "mean [95 %]", "interval"),
        [(name, e.n, e.groups, interval(e), e.method) for name, e in scorers.items() if e is not None],
        empty="No scores.",
    )
    if metrics:
        click.echo()
        print_table(("metric", "value"), [(name, float(value)) for name, value in sorted(metrics.items())])


@eval.command()
@click.argument("evaluation")
@click.option("--failed", is_flag=True, help="Only samples without an answer, or with a score of 0.")
@click.option("--scorer", help="Show, and judge by, only this scorer.")
@click.option("--limit", type=click.IntRange(min=1), help="How many at most.")
@store_option
@json_option
def samples(evaluation: str, failed: bool, scorer: str | None, limit: int | None, store: Path, as_json: bool) -> None:
    """Read samples: what was asked, answered, and how it was scored.

    With --json: a list of samples as in the atom's results.json.

    Example: motools eval samples last --failed --limit 5
    """
    from motools.evals.comparison import summary

    with _opened(store) as opened:
        atom = _evaluation(opened, evaluation)
        results = _results(atom)
    side = summary(results, atom.id)
    found = list(results["samples"])
    if scorer is not None:
        names = {name for sample in found for name in sample["scores"]}
        if scorer not in names:
            from motools.errors import did_you_mean

            near = did_you_mean(scorer, names)
            raise InputError(f"there is no scorer '{scorer}'", hint=near or f"There is: {', '.join(sorted(names))}.")
        found = [{**sample, "scores": {scorer: sample["scores"].get(scorer)}} for sample in found]
    if failed:
        found = [
            sample
            for sample in found
            if sample.get("error") is not None or any(score == 0 for score in sample["scores"].values())
        ]
    shown = found[:limit]
    if as_json:
        print_json(shown)
        return
    if side.dummy:
        note("These are dummy results: nothing was really asked.")
    for sample in shown:
        _print_sample(sample)
    note(f"{len(shown)} of {len(found)}{' failed' if failed else ''} samples")


def _print_sample(sample: Mapping[str, Any]) -> None:
    scores = "  ".join(f"{name} {_score(score)}" for name, score in sample["scores"].items())
    again = f" (repetition {sample['epoch']})" if sample.get("epoch", 1) > 1 else ""
    click.echo(f"{visible(sample['id'])}{again}  {visible(scores)}".rstrip())
    target = sample.get("target")
    lines = [(turn.get("role", "?"), str(turn.get("content", ""))) for turn in sample.get("input", ())]
    if sample.get("error") is not None:
        lines.append(("error", sample["error"]))
    else:
        lines.append(("answer", sample.get("output", "")))
    if target:
        lines.append(("target", target if isinstance(target, str) else " | ".join(target)))
    for name, text in lines:
        first, *rest = visible(text, keep_lines=True).splitlines() or [""]
        click.echo("\n".join([f"  {name:<9} {first}", *(f"{'':<12}{line}" for line in rest)]).rstrip())
    click.echo()


def _opened(store: Path) -> Store:
    from motools.store import Store

    return Store.open(store, create=False)


def _evaluation(store: Store, name: str) -> EvalAtom:
    """Return the eval atom that `name` means.

    Raises:
        NotFoundError: there is no such atom and no such run, or the run made no evaluation.
        InputError: the atom is of another type, or the run made several.
    """
    from motools.atom import EvalAtom

    try:
        atom = store.atoms.get(name)
    except NotFoundError as no_atom:
        try:
            row = store.runs.get(name)
        except NotFoundError:
            if "more than one" in no_atom.message:
                raise no_atom from None
            raise NotFoundError(
                f"there is no evaluation and no run '{name}' in the store",
                hint="'motools atom list --type eval' and 'motools run list' show what there is.",
            ) from None
    else:
        if atom.type != EvalAtom.atom_type:
            raise InputError(
                f"'{atom.id}' is of type '{atom.type}', not an evaluation",
                hint="'motools atom list --type eval' shows the evaluations; a run that made one will do as well.",
            )
        return EvalAtom.load(atom.id, store=store)
    from motools.cli.run import read_state
    from motools.engine.matrix import is_matrix

    if is_matrix(row.definition):
        raise InputError(
            f"the run '{row.id}' is a matrix, whose cells have the evaluations",
            hint=f"Name the run of a cell: 'motools run list --matrix {row.id}' shows them; the table over seeds is in "
            f"'motools run show {row.id}'.",
        )
    made = read_state(store, row).output_atoms
    found = [id for id in dict.fromkeys(made.values()) if store.atoms.get(id).type == EvalAtom.atom_type]
    if not found:
        raise NotFoundError(
            f"the run '{row.id}' ({row.workflow}, {row.status}) made no evaluation",
            hint=f"'motools run show {row.id}' says how far it came.",
        )
    if len(found) > 1:
        raise InputError(f"the run '{row.id}' made {len(found)} evaluations", hint=f"Name one: {', '.join(found)}.")
    return EvalAtom.load(found[0], store=store)


def _results(atom: EvalAtom) -> dict[str, Any]:
    results = atom.results()
    if not isinstance(results, dict):
        raise DataError(f"'results.json' of the eval atom '{atom.id}' is not an object")
    return results


def _score(score: Any) -> str:
    return "–" if score is None else f"{score:g}" if isinstance(score, (int, float)) else str(score)


def _tokens(usage: Any) -> str | None:
    if not isinstance(usage, Mapping):
        return None
    cost = usage.get("cost_usd")
    price = "unpriced" if cost is None else f"${cost:.4f}"
    return f"{usage.get('input_tokens', 0)} in, {usage.get('output_tokens', 0)} out ({price})"
