"""Keys and claims: what was computed, and by one at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from motools.errors import CanonicalError, NotFoundError
from motools.store import Store, this_process

KEY = "ab" * 32


def put(store: Store, key: str = KEY, **given: object) -> str:
    content = store.content.put_value(given.pop("value", 1))
    atom = store.atoms.add(type="value", user="u", content=content.digest)
    fields = {"parts": {"code": "x"}, "component": "step", "run_id": "r", "activation": "a@1", "seconds": 1.5}
    store.keys.put(key, outputs={"out": atom.id}, **{**fields, **given})  # type: ignore[arg-type]
    return atom.id


def test_the_newest_computation_answers_and_all_are_history(store: Store) -> None:
    assert store.keys.get(KEY) is None
    first = put(store, value=1)
    second = put(store, value=2, seconds=2.5, parts={"code": "y"})
    put(store, key="cd" * 32, component="other")
    found = store.keys.get(KEY)
    assert found is not None
    assert (found.outputs, found.seconds, found.parts) == ({"out": second}, 2.5, {"code": "y"})
    assert (found.run_id, found.activation, found.component) == ("r", "a@1", "step")
    assert [row.outputs["out"] for row in store.keys.history("step")] == [second, first]
    assert len(store.keys.history("step", limit=1)) == 1


def test_fault_13_a_key_names_only_atoms_that_exist(store: Store) -> None:
    with pytest.raises(NotFoundError, match="'out'"):
        store.keys.put(
            KEY, parts={}, component="s", run_id="r", activation="a", outputs={"out": "value-u-0"}, seconds=0.0
        )
    with pytest.raises(CanonicalError):
        put(store, parts={"path": Path("x")})
    assert store.keys.get(KEY) is None


def test_a_claim_is_for_one_at_a_time(store: Store) -> None:
    assert store.keys.claim(KEY, "a", 60)
    assert store.keys.claim(KEY, "a", 60)
    assert not store.keys.claim(KEY, "b", 60)
    store.keys.release_claim(KEY, "b")
    assert not store.keys.claim(KEY, "b", 60)
    store.keys.release_claim(KEY, "a")
    assert store.keys.claim(KEY, "b", 0.01)
    time.sleep(0.05)
    assert store.keys.claim(KEY, "a", 60)


def test_two_owners_in_one_process_are_two(store: Store) -> None:
    assert store.keys.claim(KEY, this_process() + "#1", 60)
    assert not store.keys.claim(KEY, this_process() + "#2", 60)


def test_a_dead_claimant_is_taken_over(store: Store) -> None:
    script = (
        "import sys, time\nfrom motools.store import Store, this_process\n"
        "store = Store.open(sys.argv[1])\nstore.keys.claim(sys.argv[2], this_process() + '#3', 3600)\n"
        "print('claimed', flush=True)\ntime.sleep(600)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(store.path), KEY], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "claimed\n"
    assert not store.keys.claim(KEY, this_process(), 60)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert store.keys.claim(KEY, this_process(), 60)


def test_of_many_threads_one_computes(store: Store) -> None:
    computed = []
    barrier = threading.Barrier(12)

    def work(number: int) -> None:
        barrier.wait()
        while store.keys.get(KEY) is None:
            if store.keys.claim(KEY, f"{this_process()}#{number}", 60):
                if store.keys.get(KEY) is None:
                    computed.append(number)
                    put(store)
                store.keys.release_claim(KEY, f"{this_process()}#{number}")
            else:
                time.sleep(0.002)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(computed) == 1
