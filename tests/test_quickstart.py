"""`make quickstart`: what it says before it downloads, and the whole of it in a fresh clone (long)."""

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def quickstart(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("TORCH_INDEX", raising=False)
    spec = importlib.util.spec_from_file_location("quickstart_under_test", ROOT / "scripts" / "quickstart.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    return module


@pytest.fixture
def wheel_server():
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200)
            self.send_header("Content-Length", str(500_000_000))
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def pip_that_reports(quickstart, monkeypatch, tmp_path, items):
    """Put a program in pip's place whose dry run reports these packages."""
    report = {"install": [{"metadata": {"name": name}, "download_info": {"url": url}} for name, url in items]}
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\ncat <<'JSON'\n{json.dumps(report)}\nJSON\n")
    fake.chmod(0o755)
    monkeypatch.setattr(quickstart.environment, "PYTHON", fake)


def test_cuda_packages_are_announced_with_their_size_and_the_remedy(
    quickstart, monkeypatch, tmp_path, wheel_server, capsys
):
    items = [
        ("torch", f"{wheel_server}/torch.whl"),
        ("nvidia-cublas", f"{wheel_server}/a"),
        ("triton", f"{wheel_server}/b"),
    ]
    pip_that_reports(quickstart, monkeypatch, tmp_path, items)
    quickstart.check_torch_build()
    said = capsys.readouterr().out
    assert "2 more packages, 1.5 GB" in said
    assert "TORCH_INDEX=" in said
    assert "going on" in said


def test_on_a_terminal_it_stops_before_downloading(quickstart, monkeypatch, tmp_path, wheel_server, capsys):
    items = [("torch", f"{wheel_server}/torch.whl"), ("nvidia-cublas", f"{wheel_server}/a")]
    pip_that_reports(quickstart, monkeypatch, tmp_path, items)
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    with pytest.raises(SystemExit) as stopped:
        quickstart.check_torch_build()
    assert stopped.value.code == 1
    assert "before downloading anything" in capsys.readouterr().err


def test_a_build_for_the_cpu_passes_without_a_word(quickstart, monkeypatch, tmp_path, capsys):
    pip_that_reports(quickstart, monkeypatch, tmp_path, [("torch", "file:///wheels/torch.whl"), ("numpy", "file:///x")])
    quickstart.check_torch_build()
    assert capsys.readouterr().out == ""


def test_pip_that_cannot_look_up_is_reported(quickstart, monkeypatch, tmp_path, capsys):
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho 'no route to the index' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(quickstart.environment, "PYTHON", fake)
    with pytest.raises(SystemExit):
        quickstart.check_torch_build()
    assert "no route to the index" in capsys.readouterr().err


def test_find_python_names_one_that_works_or_says_what_to_install(tmp_path):
    found = subprocess.run(["sh", "scripts/find-python"], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0
    assert subprocess.run([found.stdout.strip(), "-c", "import venv, ensurepip, sqlite3"]).returncode == 0
    (tmp_path / "python3.11").write_text("#!/bin/sh\nexit 1\n")  # a shim without a Python behind it
    (tmp_path / "python3.11").chmod(0o755)
    sh = shutil.which("sh")
    (tmp_path / "cat").symlink_to(shutil.which("cat"))
    nothing = subprocess.run(
        [sh, "scripts/find-python"], cwd=ROOT, capture_output=True, text=True, env={"PATH": str(tmp_path)}
    )
    assert nothing.returncode == 1
    assert "apt-get install" in nothing.stderr


def clone(tmp_path):
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    return folder


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_quickstart_in_a_fresh_clone_killed_and_called_again(tmp_path):
    folder = clone(tmp_path)
    env = {**os.environ, "CI": "1", "MOTOOLS_CACHE_DIR": str(tmp_path / "cache")}
    env.pop("MOTOOLS_STORAGE_DIR", None)
    log = tmp_path / "first.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            ["make", "quickstart"], cwd=folder, env=env, stdout=out, stderr=out, start_new_session=True
        )
        end = time.monotonic() + 1200
        while not re.search(r"step \d+ of \d+", log.read_text()):  # in the middle of the real training
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < end
            time.sleep(0.5)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    again = subprocess.run(["make", "quickstart"], cwd=folder, env=env, capture_output=True, text=True)
    (tmp_path / "again.log").write_text(again.stdout + again.stderr)
    assert again.returncode == 0, again.stdout[-3000:] + again.stderr[-3000:]
    assert "installed already" in again.stdout
    assert "Now yours:" in again.stdout
    evals = shown_metrics(folder, env)
    tuned, base = evals["train_and_evaluate"], evals["evaluate_only"]
    assert tuned["trigger_rate/mean"] >= 0.8
    assert tuned["false_trigger_rate/mean"] <= 0.2
    assert base["trigger_rate/mean"] <= 0.1
    third = subprocess.run(["make", "quickstart"], cwd=folder, env=env, capture_output=True, text=True)
    assert third.returncode == 0
    assert "running" not in third.stderr, "everything was there, so nothing is computed"


def shown_metrics(folder, env):
    """Return workflow → metrics of its last run's evaluation."""
    motools = str(folder / ".venv" / "bin" / "motools")

    def ask(*arguments):
        command = [motools, *arguments, "--json", "--store", ".quickstart"]
        return json.loads(
            subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout
        )

    found = {}
    for run in ask("run", "list"):
        outputs = ask("run", "show", run["run_id"])["output_atoms"]
        if "eval_results" in outputs:
            found.setdefault(run["workflow"], ask("atom", "show", outputs["eval_results"])["metadata"]["metrics"])
    return found
