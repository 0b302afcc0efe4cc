"""Contents: identity, folders, and what may be in them."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from motools.canonical import canonical_json, digest_json
from motools.errors import CanonicalError, CorruptError, DataError, NotFoundError
from motools.store import Store

quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 200
)
folders = st.dictionaries(names, st.tuples(st.binary(max_size=30), st.booleans()), min_size=1, max_size=5)


def write(root: Path, files: dict[str, tuple[bytes, bool]]) -> Path:
    root = root / os.urandom(8).hex()
    root.mkdir()
    for name, (data, executable) in files.items():
        (root / name).write_bytes(data)
        (root / name).chmod(0o755 if executable else 0o644)
    return root


@given(value=values)
@quick
def test_a_value_comes_back(store: Store, value: object) -> None:
    content = store.content.put_value(value)
    assert canonical_json(store.content.value(content.digest)) == canonical_json(value)
    assert content == store.content.put_value(value) == store.content.get(content.digest)
    assert content.digest == digest_json("content", {"kind": "value", "body": value})
    assert store.content.exists(content.digest)
    assert store.content.files(content.digest) == {}


@given(one=values, two=values)
@quick
def test_values_are_one_content_only_if_they_are_equal(store: Store, one: object, two: object) -> None:
    same = store.content.put_value(one) == store.content.put_value(two)
    assert same == (canonical_json(one) == canonical_json(two))


@given(files=folders)
@quick
def test_a_folder_comes_back(store: Store, tmp_path: Path, files: dict[str, tuple[bytes, bool]]) -> None:
    content = store.content.put_path(write(tmp_path, files))
    assert content.kind == "files"
    assert content.size == sum(len(data) for data, _ in files.values())
    tree = store.content.path(content.digest)
    found = {
        entry.name: (Path(entry.path).read_bytes(), bool(entry.stat().st_mode & stat.S_IXUSR))
        for entry in os.scandir(tree)
    }
    assert found == files
    assert set(store.content.files(content.digest)) == set(files)


@given(files=folders, data=st.data())
@quick
def test_any_one_change_changes_the_content(
    store: Store, tmp_path: Path, files: dict[str, tuple[bytes, bool]], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(files)))
    body, executable = files[name]
    kind = data.draw(st.sampled_from(["bytes", "mode", "name", "more", "fewer"]))
    changed = dict(files)
    if kind == "bytes":
        other = data.draw(st.binary(max_size=30))
        assume(other != body)
        changed[name] = (other, executable)
    elif kind == "mode":
        changed[name] = (body, not executable)
    elif kind in ("name", "more"):
        new = data.draw(names)
        assume(new not in files)
        changed[new] = (body, executable)
        if kind == "name":
            del changed[name]
    else:
        assume(len(files) > 1)
        del changed[name]
    assert store.content.put_path(write(tmp_path, files)) == store.content.put_path(write(tmp_path, dict(files)))
    assert store.content.put_path(write(tmp_path, files)) != store.content.put_path(write(tmp_path, changed))


def test_fault_10_names_and_bytes_are_framed(store: Store, tmp_path: Path) -> None:
    pairs = [{"a": (b"bc", False)}, {"ab": (b"c", False)}, {"a": (b"b", False), "c": (b"", False)}]
    assert len({store.content.put_path(write(tmp_path, pair)).digest for pair in pairs}) == 3


def test_a_value_is_never_a_file_that_spells_it(store: Store, tmp_path: Path) -> None:
    content = store.content.put_path(write(tmp_path, {"value.json": (b"1", False)}))
    spelled = [[name, file.digest, file.size, False] for name, file in store.content.files(content.digest).items()]
    assert store.content.put_value(spelled).digest != content.digest


def test_large_values_and_folders_are_objects(store: Store, tmp_path: Path) -> None:
    value = ["x" * 100] * 1000
    content = store.content.put_value(value)
    assert store.content.value(content.digest) == value
    assert json.loads((store.content.path(content.digest) / "value.json").read_bytes()) == value
    many = store.content.put_path(write(tmp_path, {f"{n:04}": (b"%d" % (n % 7), False) for n in range(900)}))
    assert len(store.content.files(many.digest)) == 900
    assert sorted(os.listdir(store.content.path(many.digest)))[:2] == ["0000", "0001"]
    row = store.database.one("SELECT count(*) FROM content WHERE object IS NOT NULL")
    assert row == (2,)


def test_a_file_keeps_its_name(store: Store, tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text("{}\n")
    content = store.content.put_path(tmp_path / "data.jsonl")
    assert list(store.content.files(content.digest)) == ["data.jsonl"]
    (tmp_path / "folder").mkdir()
    os.rename(tmp_path / "data.jsonl", tmp_path / "folder" / "data.jsonl")
    assert store.content.put_path(tmp_path / "folder") == content


def test_links_inside_are_followed_and_links_out_are_refused(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "deep").mkdir(parents=True)
    (root / "deep" / "file").write_text("x")
    (root / "link").symlink_to("deep/file")
    (root / "folder").symlink_to("deep")
    assert set(store.content.files(store.content.put_path(root).digest)) == {"deep/file", "link", "folder/file"}
    (tmp_path / "secret").write_text("s")
    (root / "out").symlink_to(tmp_path / "secret")
    with pytest.raises(DataError, match="leads out of the folder") as caught:
        store.content.put_path(root)
    assert "cp -rL" in str(caught.value)
    (root / "out").unlink()
    (root / "nowhere").symlink_to("absent")
    with pytest.raises(DataError, match="leads nowhere"):
        store.content.put_path(root)
    (root / "nowhere").unlink()
    (root / "deep" / "up").symlink_to("..")
    with pytest.raises(DataError, match="leads back"):
        store.content.put_path(root)


def test_empty_folders_are_not_kept_and_nothing_is_not_stored(store: Store, tmp_path: Path) -> None:
    root = write(tmp_path, {"a": (b"1", False)})
    plain = store.content.put_path(root)
    (root / "empty").mkdir()
    assert store.content.put_path(root) == plain
    with pytest.raises(DataError, match="holds no files"):
        store.content.put_path(root / "empty")
    with pytest.raises(DataError, match="no file or folder"):
        store.content.put_path(root / "absent")


def test_names_that_are_not_text_and_things_that_are_not_files_are_refused(store: Store, tmp_path: Path) -> None:
    root = write(tmp_path, {"a": (b"1", False)})
    bad = os.fsencode(root) + b"/\xff"
    with open(bad, "wb"):
        pass
    with pytest.raises(DataError, match="not UTF-8"):
        store.content.put_path(root)
    os.unlink(bad)
    os.mkfifo(root / "pipe")
    with pytest.raises(DataError, match="neither a file nor a folder"):
        store.content.put_path(root)


def test_a_tree_never_shares_the_users_file(store: Store, tmp_path: Path) -> None:
    root = write(tmp_path, {"a": (b"1", False), "run.sh": (b"#!", True)})
    tree = store.content.path(store.content.put_path(root).digest)
    for name in ("a", "run.sh"):
        assert not os.path.samefile(tree / name, root / name)
        assert (tree / name).stat().st_mode & 0o222 == 0
    (root / "a").write_text("2")
    assert (tree / "a").read_text() == "1"


@pytest.mark.parametrize("harm", ["extra", "missing", "altered", "replaced"])
def test_a_changed_folder_is_refused_until_it_is_removed(tmp_path: Path, harm: str) -> None:
    with Store.open(tmp_path / "store") as store:
        content = store.content.put_path(write(tmp_path, {"a": (b"1", False), "run": (b"2", True)}))
        tree = store.content.path(content.digest)
    if harm == "extra":
        (tree / "b").write_text("x")
    elif harm == "missing":
        (tree / "a").unlink()
    elif harm == "altered":
        (tree / "run").chmod(0o755)
        (tree / "run").write_text("3")
    else:
        (tree / "a").unlink()
        (tree / "a").write_text("9")
    with Store.open(tmp_path / "store") as store:
        with pytest.raises(CorruptError) as caught:
            store.content.path(content.digest)
        assert f"rm -r {tree}" in str(caught.value)
        os.system(f"rm -r '{tree}'")
        assert (store.content.path(content.digest) / "a").read_text() == "1"


def test_a_write_through_the_folder_is_found(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        content = store.content.put_path(write(tmp_path, {"a": (b"12345", False)}))
        tree = store.content.path(content.digest)
    (tree / "a").chmod(0o644)
    (tree / "a").write_text("1234x")
    with Store.open(tmp_path / "store") as store, pytest.raises(CorruptError, match="altered"):
        store.content.path(content.digest)


def test_an_altered_row_is_found(store: Store) -> None:
    content = store.content.put_value({"a": 1})
    with store.transaction():
        store.database.execute("UPDATE content SET body = ? WHERE digest = ?", (b'{"a":2}', content.digest))
    with pytest.raises(CorruptError, match="altered in the database"):
        store.content.value(content.digest)


def test_what_is_asked_for_wrongly_is_said(store: Store, tmp_path: Path) -> None:
    files = store.content.put_path(write(tmp_path, {"a": (b"1", False)}))
    with pytest.raises(DataError, match="files, not a JSON value"):
        store.content.value(files.digest)
    for look in (store.content.get, store.content.value, store.content.files, store.content.path):
        with pytest.raises(NotFoundError):
            look("0" * 64)
    assert not store.content.exists("0" * 64)
    with pytest.raises(CanonicalError, match=r"\$\.a\[1\]"):
        store.content.put_value({"a": [1, {2, 3}]})


def test_a_content_with_a_lost_object_does_not_exist(store: Store, tmp_path: Path) -> None:
    root = write(tmp_path, {"a": (b"1", False), "b": (b"2", False)})
    content = store.content.put_path(root)
    digest = store.content.files(content.digest)["a"].digest
    (store.path / "objects" / digest[:2] / digest[2:]).unlink()
    assert not store.content.exists(content.digest)
    assert store.content.put_path(root) == content
    assert store.content.exists(content.digest)
