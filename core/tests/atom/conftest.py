from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from motools.atom import use_store
from motools.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store that is the current one."""
    with Store.open(tmp_path / "store") as opened, use_store(opened):
        yield opened


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"messages": []}\n')
    return path
