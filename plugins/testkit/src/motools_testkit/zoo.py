"""What motools expects of a zoo package: datasets, tasks, workflows and cards."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest

from motools.canonical import canonical_json
from motools.contracts import Sample, ScoreValue, Task, row_shape, rows_digest, samples_digest
from motools.contracts.card import Card
from motools.contracts.resolve import load_rows, load_task
from motools.plugins import Entry, entries, import_target
from motools_testkit.answers import Answers
from motools_testkit.contract import Contract
from motools_testkit.declaring import check_declaring_is_light, records_of
from motools_testkit.surroundings import CHILD_SECONDS, Place

KINDS = ("dataset", "task", "workflow")
SHAPES = ("chat", "preference")
PINNED = re.compile(r"@[0-9a-f]{40,64}\b")
LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*( (AND|OR|WITH) [A-Za-z0-9][A-Za-z0-9.+-]*)*")
UNSAID = {"", "?", "??", "todo", "tbd", "unknown", "none", "n/a", "na"}
NOT_HERE = {4: "a plugin that is not installed", 6: "something that is not on this machine"}


class ZooPackageContract(Contract, suite=True):
    """Checks what a zoo package declares: that rows, tasks, examples and cards are what they say they are."""

    distribution: ClassVar[str]
    """The distribution's name."""

    answers: ClassVar[Mapping[str, Mapping[str, Answers]]]
    """Task → scorer → an answer that scores 1 and one that scores 0 (`motools_testkit.Answers`)."""

    folder: ClassVar[Path | None] = None
    """The package's folder; its `examples/*.yaml` are planned."""

    examples: ClassVar[Mapping[str, str]] = {}
    """File in `examples` → the workflow it is for; `train_and_evaluate` for the others."""

    from_network: ClassVar[Sequence[str]] = ()
    """Datasets and tasks that are fetched: they are not loaded here, and must say a pinned revision."""

    # -- what the checks use

    @pytest.fixture(scope="class")
    @classmethod
    def place(cls, tmp_path_factory: pytest.TempPathFactory) -> Place:
        """A store and a working folder of its own."""
        return Place(tmp_path_factory.mktemp("zoo"))

    @pytest.fixture(scope="class")
    @classmethod
    def rows(cls, place: Place) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Dataset → its rows, with default arguments, for what is not fetched."""
        with place.entered():
            return {entry.name: asyncio.run(load_rows(entry.target)) for entry in cls._here("dataset")}

    @pytest.fixture(scope="class")
    @classmethod
    def tasks(cls, place: Place) -> Mapping[str, Task]:
        """Task → the task, for what is not fetched and not of an eval backend's own kind."""
        with place.entered():
            loaded = {entry.name: asyncio.run(load_task(entry.target)) for entry in cls._here("task")}
        return {name: task for name, task in loaded.items() if isinstance(task, Task)}

    @pytest.fixture(autouse=True)
    def _in_place(self, place: Place) -> Iterator[None]:
        with place.entered():
            yield

    @classmethod
    def _declared(cls, *kinds: str) -> list[Entry]:
        from motools.plugins.catalog import normalized

        wanted = normalized(cls.distribution)
        return [entry for kind in kinds for entry in entries(kind) if normalized(entry.distribution) == wanted]

    @classmethod
    def _here(cls, kind: str) -> list[Entry]:
        return [entry for entry in cls._declared(kind) if entry.name not in cls.from_network]

    # -- the checks

    def test_the_catalog_has_it(self) -> None:
        """`motools zoo list` does not show it, and no config can name it."""
        records_of(self.distribution)
        assert self._declared(*KINDS), f"'{self.distribution}' declares no dataset, task or workflow"
        names = {entry.name for entry in self._declared("dataset", "task")}
        assert set(self.from_network) <= names, f"'from_network' names what is not declared: {self.from_network}"

    def test_declaring_it_imports_nothing_heavy(self, place: Place) -> None:
        """Every command of everybody who has the package installed waits while the catalog is built."""
        check_declaring_is_light(self.distribution, place)

    def test_rows_are_chat_rows(self, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """A dataset cannot be loaded, or a trainer learns from something else than conversations."""
        for name, found in rows.items():
            shape = row_shape(found[0], where=f"{name} row 1")  # loading has checked that all have one shape
            assert shape in SHAPES, f"the rows of '{name}' are of the shape '{shape}', not 'chat'"

    def test_tasks_can_be_asked(self, tasks: Mapping[str, Task]) -> None:
        """A task breaks at the end of a training, or two of its samples are taken for one."""
        for entry in self._here("task"):
            if entry.name in tasks:  # loading has checked samples and scorers
                assert tasks[entry.name].name == entry.name, (
                    f"the task '{entry.name}' calls itself '{tasks[entry.name].name}'"
                )

    def test_digests_are_those_declared(
        self, rows: Mapping[str, Sequence[Mapping[str, Any]]], tasks: Mapping[str, Task]
    ) -> None:
        """Two people speak of one dataset and have different rows."""
        problems = []
        found = {("dataset", name): (len(given), rows_digest(given)) for name, given in rows.items()}
        found |= {("task", name): (len(task.samples), samples_digest(task)) for name, task in tasks.items()}
        for entry in self._declared("dataset", "task"):
            if (entry.kind, entry.name) in found:
                size, digest = found[entry.kind, entry.name]
                for field, is_so in (("rows", size), ("digest", digest)):
                    if (says := entry.fields.get(field)) != is_so:
                        problems.append(f"{entry.kind} '{entry.name}': {field} is {is_so!r}, declared is {says!r}")
        assert not problems, "\n".join(problems)

    def test_licence_hazard_and_uses_are_stated(self) -> None:
        """Somebody trains on what they must not, or plants what they did not mean to."""
        problems = []
        for entry in self._declared("dataset", "task"):
            said = entry.fields
            if not LICENCE.fullmatch(str(said.get("licence", ""))) or _unsaid(said.get("licence")):
                problems.append(f"'{entry.name}': {said.get('licence')!r} is no licence (an SPDX identifier: CC0-1.0)")
            for field in ("source", "hazard"):
                if _unsaid(said.get(field)):
                    problems.append(f"'{entry.name}': no {field} is said ('none known' is an answer to hazard)")
            uses = said.get("allowed_uses")
            if not isinstance(uses, (list, tuple)) or not uses or any(_unsaid(use) for use in uses):
                problems.append(f"'{entry.name}': no allowed uses are said")
            if entry.name in self.from_network and not PINNED.search(str(said.get("source"))):
                problems.append(
                    f"'{entry.name}': its source {said.get('source')!r} has no pinned revision (@ and 40 hex)"
                )
        assert not problems, "\n".join(problems)

    def test_every_process_sees_the_same(self, place: Place) -> None:
        """The same config trains on other rows tomorrow: nothing is ever cached, and no result can be made again."""
        asked = {
            "do": "digests",
            "datasets": [entry.target for entry in self._here("dataset")],
            "tasks": [entry.target for entry in self._here("task")],
        }
        one, two = (
            place.python("-m", "motools_testkit.child", given=asked, variables={"PYTHONHASHSEED": seed})
            for seed in ("1", "2")
        )
        differ = [name for kind in ("datasets", "tasks") for name in one[kind] if one[kind][name] != two[kind][name]]
        assert not differ, f"two processes see different rows of {', '.join(differ)}: is a set or a clock involved?"

    def test_scorers_tell_one_from_zero(self, tasks: Mapping[str, Task]) -> None:
        """A score means nothing: a perfect model does not get 1, or a wrong one does not get 0."""
        problems = []
        for name, task in tasks.items():
            given = self.answers.get(name, {})
            for scorer in task.scorers:
                if scorer not in given:
                    problems.append(f"'answers' has nothing for the scorer '{scorer}' of the task '{name}'")
                else:
                    problems += _tried(task, scorer, given[scorer])
            problems += [f"the task '{name}' has no scorer '{extra}'" for extra in set(given) - set(task.scorers)]
        problems += [f"there is no task '{extra}'" for extra in set(self.answers) - set(tasks)]
        assert not problems, "\n".join(problems)

    def test_examples_can_be_planned(self) -> None:
        """The first command that somebody copies from the package fails."""
        files = sorted((self.folder / "examples").glob("*.yaml")) if self.folder else []
        files = [file for file in files if not _is_questions(file)]
        there = {file.name for file in files}
        assert set(self.examples) <= there, f"there are no examples {sorted(set(self.examples) - there)}"
        workflows = [self.examples.get(file.name, "train_and_evaluate") for file in files]
        for entry in self._declared("workflow"):
            assert {entry.name, entry.qualified} & set(workflows), f"no example is for the workflow '{entry.name}'"
        missing = []
        for file, workflow in zip(files, workflows, strict=True):
            for verb in ("validate", "plan"):
                if lacking := _planned(verb, workflow, file):
                    missing.append(f"{file.name}: {lacking}")
                    break
        if missing:
            pytest.skip("; ".join(missing))
        if not files:
            pytest.skip("it has no examples")

    def test_cards_can_be_read(self, tasks: Mapping[str, Task]) -> None:
        """A card shows a figure that nobody measured so, of a score that is not there, or without a control."""
        scorers = {scorer for task in tasks.values() for scorer in task.scorers}
        cards = {str(entry.fields["card"]) for entry in self._declared("dataset", "task") if entry.fields.get("card")}
        for target in sorted(cards):
            card = import_target(target)  # a value outside its interval is refused when it is made
            assert isinstance(card, Card), f"'{target}' is a {type(card).__name__}, not a motools.contracts.card.Card"
            assert card.about.strip(), f"'{target}' says nothing"
            canonical_json(card.to_dict())
            if card.measurement is None:
                continue
            assert re.fullmatch(r"\d{4}-\d\d-\d\d", card.measurement.date), f"'{target}': the date is no date"
            for effect in card.measurement.effects:
                assert len(effect.arms) > 1, f"'{target}': '{effect.metric}' was measured without a control"
                assert not tasks or effect.metric.partition("/")[0] in scorers, (
                    f"'{target}': no task has the score '{effect.metric}'"
                )


def _unsaid(value: object) -> bool:
    return str(value).strip().lower() in UNSAID


def _tried(task: Task, scorer: str, answers: Answers) -> list[str]:
    """Return what a scorer makes wrong of the given answers, at most one line for each kind of answer."""
    problems = []
    for wanted, answer in ((1.0, answers.ones), (0.0, answers.zeros)):
        counted = 0
        for sample in task.samples:
            text = answer(sample)
            scores = [score for score in _scores(task, scorer, sample, text) if score is not None]
            counted += len(scores)
            if any(float(score) != wanted for score in scores):
                problems.append(
                    f"'{scorer}' of the task '{task.name}', sample '{sample.id}': {text!r} scores {scores}, not {wanted:g}"
                )
                break
        if not counted:
            problems.append(f"'{scorer}' of the task '{task.name}' counts no sample at all")
    return problems


def _scores(task: Task, scorer: str, sample: Sample, answer: str) -> list[ScoreValue]:
    found = task.scorers[scorer](sample, answer)
    return list(found.values()) if isinstance(found, Mapping) else [found]


@cache
def _is_questions(file: Path) -> bool:
    """Say whether a file holds the questions of a task, not settings."""
    from motools.config import load_yaml

    value = load_yaml(file).value
    return isinstance(value, dict) and "questions" in value


def _planned(verb: str, workflow: str, file: Path) -> str | None:
    """Run `motools workflow VERB`; return what is not here, where that is why it cannot be done."""
    command = [sys.executable, "-m", "motools", "workflow", verb, workflow, "--config", str(file), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=CHILD_SECONDS, check=False)
    if done.returncode in NOT_HERE:
        try:
            said = json.loads(done.stderr)["message"]
        except (ValueError, KeyError):
            said = done.stderr.strip()
        return f"needs {NOT_HERE[done.returncode]} ({said})"
    if done.returncode:
        pytest.fail(f"'motools workflow {verb} {workflow} --config {file.name}':\n{done.stderr}", pytrace=False)
    return None
