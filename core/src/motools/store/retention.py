"""What of a store must stay, and why.

Roots are pins, tags (of atoms and of runs), runs that are not finished, not archived, or hold an open effect, and what is
young; what a root was made from, or has its value from, stays with it. An atom's content, the contents that a
remaining key or run speaks of, and their objects stay too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from motools.store.mentions import Reader
from motools.store.rows import read_json
from motools.store.runs import FINAL
from motools.store.store import Store


@dataclass(frozen=True)
class Picture:
    """A store as it stood: what must stay, and what is left over.

    Args:
        kept: atom → why it stays.
        atoms, contents, objects: what may go, by id or digest.
        computed: row of each computation whose results may go → its outputs.
        bytes: how much room that would give.
    """

    kept: Mapping[str, str]
    atoms: frozenset[str]
    contents: frozenset[str]
    objects: frozenset[str]
    computed: Mapping[int, frozenset[str]]
    bytes: int


class Retention:
    """Looks at a store; a second look reads only what has been written since the first."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reader = Reader(store.database)
        self._files: dict[str, tuple[str, ...]] = {}

    def look(self, cutoff: float, among: Collection[str] | None = None) -> Picture:
        """Return what must stay if what is older than `cutoff` (seconds since 1970) may go.

        Args:
            cutoff: see above.
            among: the only atoms that may go; all others stay, with what they hold. None: any.

        Raises:
            CorruptError: a content that stays cannot be read, so what it needs is not known.
        """
        query = self._store.database.query
        atoms = {atom_id: (content, at) for atom_id, content, at in query("SELECT id, content, created_at FROM atom")}
        kept: dict[str, str] = {}
        runs = self._runs(kept, atoms.keys())
        for atom_id, (_, at) in atoms.items():
            if at > cutoff:
                kept.setdefault(atom_id, "it is young")
        self._ancestors(kept)
        if among is not None:
            kept |= dict.fromkeys(atoms.keys() - among - kept.keys(), "it was needed a moment ago")
            self._ancestors(kept)
        left_over = frozenset(atoms.keys() - kept.keys())

        computed: dict[int, frozenset[str]] = {}
        spoken_of: set[str] = set()
        for number, outputs in query("SELECT n, outputs FROM computed"):
            made = frozenset(read_json(outputs, f"computation {number}").values())
            if made.isdisjoint(left_over):
                spoken_of |= self._reader.key(number)
            else:
                computed[number] = made
        for number in runs:
            spoken_of |= self._reader.run(number).digests

        contents = query("SELECT digest, kind, object, coalesce(length(body), 0), used_at FROM content")
        needed = {atoms[atom_id][0] for atom_id in kept if atom_id in atoms} | spoken_of
        stays = {digest for digest, *_, at in contents if at > cutoff or digest in needed}
        held = {
            file for digest, kind, body, *_ in contents if digest in stays for file in self._held(digest, kind, body)
        }
        sizes = {
            digest: size
            for digest, size, at in query("SELECT digest, size, used_at FROM object")
            if at <= cutoff and digest not in held
        }
        free = sum(sizes.values()) + sum(size for digest, _, _, size, _ in contents if digest not in stays)
        return Picture(
            kept=kept,
            atoms=left_over,
            contents=frozenset(digest for digest, *_ in contents if digest not in stays),
            objects=frozenset(sizes),
            computed=computed,
            bytes=free,
        )

    def _runs(self, kept: dict[str, str], known: Collection[str]) -> list[int]:
        """Add the atoms that people keep and those of runs; return the runs that keep what they speak of."""
        query = self._store.database.query
        for atom_id, user in query(
            "SELECT pin.atom, pin.user FROM pin JOIN atom ON atom.id = pin.atom ORDER BY pin.atom"
        ):
            kept[atom_id] = f"'{user}' pinned it"
        for atom_id, tag in query("SELECT atom, tag FROM atom_tag ORDER BY atom, tag"):
            kept.setdefault(atom_id, f"it has the tag '{tag}'")
        effects = self._open_effects()
        tagged: dict[int, str] = dict(
            query(
                "SELECT run, min(tag) FROM (SELECT run, tag FROM run_tag UNION ALL "
                "SELECT part.run, tag FROM run_tag JOIN part ON part.whole = run_tag.run) GROUP BY run"  # with its cells
            )
        )
        rows = query(
            "SELECT run.n, run.id, status, archived.run IS NULL FROM run LEFT JOIN run_state ON run_state.run = run.n "
            "LEFT JOIN archived ON archived.run = run.n ORDER BY run.n"
        )
        keeping = []
        for number, run_id, status, active in rows:
            if number in effects:
                reason = f"the effect '{effects[number]}' of run {run_id} is open"
            elif status not in FINAL:
                reason = f"run {run_id} is not finished"
            elif active:
                reason = f"run {run_id} is not archived"
            elif number in tagged:
                reason = f"run {run_id} has the tag '{tagged[number]}'"
            else:
                continue
            keeping.append(number)
            for atom_id in sorted(self._reader.run(number).ids.intersection(known)):
                kept.setdefault(atom_id, reason)
        return keeping

    def _open_effects(self) -> dict[int, str]:
        """Return run → name of an effect that one of its steps began and whose end is not known."""
        names: dict[str, str] = dict(
            self._store.database.query("SELECT step_key, name FROM effect WHERE state <> 'closed'")
        )
        if not names:
            return {}
        begun = self._store.database.query(
            "SELECT DISTINCT place >> 32, json_extract(body, '$.key') FROM event WHERE type = 'step_started'"
        )
        return {run: names[key] for run, key in begun if key in names}

    def _ancestors(self, kept: dict[str, str]) -> None:
        parents: dict[str, list[str]] = {}
        for child, parent in self._store.database.query(
            "SELECT atom, parent FROM atom_parent UNION ALL "
            "SELECT id, reused_from FROM atom WHERE reused_from IS NOT NULL"
        ):
            parents.setdefault(child, []).append(parent)
        waiting = list(kept)
        while waiting:
            child = waiting.pop()
            for parent in parents.get(child, ()):
                if parent not in kept:
                    kept[parent] = f"{child} was made from it"
                    waiting.append(parent)

    def _held(self, digest: str, kind: str, body: str | None) -> tuple[str, ...]:
        """Return the objects of a content: its files, and where its own body lies if that is large."""
        if kind == "value":
            return (body,) if body is not None else ()
        if digest not in self._files:
            files = [file for _, file, _, _ in self._store.content.entries(digest)]
            self._files[digest] = (*files, *([body] if body is not None else []))
        return self._files[digest]
