"""The live view: what stands on a real terminal's screen at points in time, and that it costs little."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from motools.cli.drawing import FINE, PLAIN, draw, roughly
from motools.cli.live import View, open_view
from motools.cli.screen import LEAST_SECONDS, Screen
from motools.cli.watched import Watched, sparkline
from motools.engine.record import RunEvent

STEPS = """
import time
from pathlib import Path
from motools.workflow import Workflow, step

HERE = Path(__file__).parent

def wait(name):
    while not (HERE / name).exists():
        time.sleep(0.01)

@step(outputs={"a": "value"}, cache_version=1)
def prepare(config: dict, input_atoms, workspace, context):
    print("printed by a step")
    return {"a": 1}

@step(inputs={"a": "value"}, outputs={"b": "value"}, cache_version=1)
def train(config: dict, input_atoms, workspace, context):
    for turn in range(1, 46):
        context.progress(turn / 100, f"turn {turn}", loss=10 / turn)
    context.log("half \\x1b[2J\\x07 way", n=1)
    context.spend(input_tokens=1200, output_tokens=34, cost_usd=0.25)
    wait("go")
    for line in range(12):
        context.log(f"line {line}")
    wait("end")
    return {"b": 1}

@step(inputs={"b": "value"}, outputs={"c": "value"}, cache_version=1)
def evaluate(config: dict, input_atoms, workspace, context):
    if (HERE / "end").read_text():
        raise RuntimeError((HERE / "end").read_text())
    return {"c": 1}

workflow = Workflow("demo", [prepare, train, evaluate])

def many():
    names = [f"s{n}" for n in range(400)]
    from motools.workflow import Step
    def make(name):
        def fn(config, input_atoms, workspace):
            return {name: 1}
        return fn
    return Workflow("many", [Step(name, {}, {name: "value"}, None, make(name), cache_version=1) for name in names])
"""


class Terminal:
    """A process on a terminal of its own, and what stands on its screen."""

    def __init__(self, folder: Path, *words: str, width: int = 100, height: int = 24, **env: str) -> None:
        self.screen = pyte.HistoryScreen(width, height, history=2000, ratio=0.5)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self._ours, theirs = pty.openpty()
        self.resize(width, height)
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("MOTOOLS_", "NO_COLOR", "COLUMNS", "LINES"))}
        own = {"TERM": "xterm-256color", "MOTOOLS_CACHE_DIR": str(folder / "cache"), "MOTOOLS_USER": "ann"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "motools", *words],
            cwd=folder,
            env={**kept, **own, "PYTHONIOENCODING": "utf-8", **env},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self.settings = termios.tcgetattr(theirs)
        self._theirs = theirs

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.screen.resize(height, width)

    def press(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def read(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self._ours], [], [], min(left, 0.05))[0]:
                continue
            try:
                data = os.read(self._ours, 1 << 16)
            except OSError:
                return
            self.raw += data
            self._stream.feed(data)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines).rstrip()

    @property
    def all_text(self) -> str:
        """Return what stands on the screen and what scrolled out of it."""
        above = ["".join(line[x].data for x in sorted(line)).rstrip() for line in self.screen.history.top]
        return "\n".join([*above, *self.lines]).rstrip()

    def until(self, holds: Callable[[str], bool], seconds: float = 30) -> str:
        end = time.monotonic() + seconds
        while not holds(self.text):
            assert time.monotonic() < end, f"this stands there:\n{self.text}"
            self.read(0.05)
        return self.text

    def ends(self, seconds: float = 30) -> int:
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, f"it goes on:\n{self.text}"
            self.read(0.05)
        said = -1
        while len(self.raw) > said:
            said = len(self.raw)
            self.read(0.2)
        return int(self.process.returncode)

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self._ours)
        with contextlib.suppress(OSError):
            os.close(self._theirs)


@pytest.fixture
def terminal(tmp_path: Path):
    (tmp_path / "steps.py").write_text(STEPS)
    opened: list[Terminal] = []

    def start(*words: str, **more: Any) -> Terminal:
        opened.append(Terminal(tmp_path, *words, **more))
        return opened[-1]

    start.folder = tmp_path  # type: ignore[attr-defined]
    yield start
    for each in opened:
        each.close()


RUN = ("workflow", "run", "./steps.py:workflow")


def test_the_screen_shows_each_step_and_what_is_final_stays(terminal: Any) -> None:
    shown = terminal(*RUN, height=40)
    text = shown.until(lambda text: "45%" in text and "half" in text and "printed by a step" in text)
    head = next(line for line in shown.lines if "1 of 3 steps" in line)
    assert "demo" in head
    assert "1 running" in head
    assert "1,234 tokens, $0.25" in head
    train = next(line for line in shown.lines if line.startswith("● train"))
    assert "━" * 9 + "╌" * 11 in train
    assert "loss 0.2222" in train
    assert re.search("[▁▂▃▄▅▆▇█]{4}", train)
    assert any(line.startswith("✓ prepare") and "value-ann-" in line for line in shown.lines)
    assert any(line.startswith("· evaluate") for line in shown.lines)
    assert "half \\x1b[2J\\x07 way  n 1" in text, "control bytes are visible, also on the screen"
    assert text.index("· evaluate") < text.index("half"), "what was said last stands below the steps"
    (terminal.folder / "go").touch()
    text = shown.until(lambda text: "line 11" in text)
    assert "half" in text, "what scrolled out of the lines below stands above"
    assert text.index("half") < text.index("● train") < text.index("line 11")
    (terminal.folder / "end").touch()
    assert shown.ends() == 0
    text = shown.text
    order = ["printed by a step", "half", *(f"line {n}\n" for n in range(12)), "  completed"]
    places = [text.index(each) for each in order]
    assert places == sorted(places)
    assert "●" not in text, "the frame is gone"
    assert text.count("tokens") == 0
    assert not shown.screen.cursor.hidden


def test_a_failure_stays_and_a_second_run_shows_what_it_usually_takes(terminal: Any) -> None:
    (terminal.folder / "go").touch()
    (terminal.folder / "end").write_text("the disk is on fire")
    shown = terminal(*RUN)
    assert shown.ends() == 1
    assert "evaluate  FAILED" in shown.text
    assert "error:" in shown.text
    (terminal.folder / "end").unlink()
    shown = terminal(*RUN, "--no-cache")
    shown.until(lambda text: "● train" in text)
    shown.until(lambda text: bool(re.search(r"about \d+ s left", text)))


def test_ctrl_c_leaves_a_clean_terminal_and_the_command_that_resumes(terminal: Any) -> None:
    (terminal.folder / "go").touch()
    shown = terminal(*RUN)
    shown.until(lambda text: "line 11" in text)
    shown.press(b"\x03")
    assert shown.ends() == 130
    text = shown.text
    run_id = re.search(r"\d{8}-\d{6}-[a-z]{4}", text)
    assert run_id
    assert "paused." in text
    assert f"To continue:  motools run resume {run_id[0]}" in text
    assert text.index("line 11") < text.index("paused.")
    assert any("train" in line and "45%" in line for line in shown.lines), "how far it came stays"
    assert not shown.screen.cursor.hidden
    assert termios.tcgetattr(shown._theirs) == shown.settings
    shown = terminal("run", "resume", run_id[0])
    text = shown.until(lambda text: "1 of 3 steps" in text and "● train" in text)
    assert text.index("✓ prepare") < text.index("● train") < text.index("· evaluate")
    (terminal.folder / "end").touch()
    assert shown.ends() == 0
    assert "goes on" in shown.all_text


def test_a_run_of_another_process_is_watched(terminal: Any) -> None:
    driver = terminal(*RUN)
    driver.until(lambda text: "● train" in text)
    watching = terminal("run", "watch", "last")
    watching.until(lambda text: "● train" in text and "45%" in text and "half" in text)
    os.killpg(driver.process.pid, signal.SIGKILL)
    driver.process.wait()
    watching.until(lambda text: "is gone" in text and "motools run resume" in text)
    (terminal.folder / "go").touch()
    (terminal.folder / "end").touch()
    assert terminal("run", "resume", "last").ends() == 0
    assert watching.ends() == 0
    assert "completed" in watching.text
    assert "●" not in watching.text


def test_a_terminal_may_be_narrow_and_may_be_resized(terminal: Any) -> None:
    shown = terminal(*RUN, width=40, height=12)
    shown.until(lambda text: "● train" in text and "45%" in text)
    assert any(line.endswith("…") for line in shown.lines)
    shown.resize(120, 30)
    shown.until(lambda text: "1 of 3 steps" in text)
    shown.resize(60, 20)
    shown.read(1.5)
    assert [line for line in shown.lines if line.startswith("● train")] != []
    (terminal.folder / "go").touch()
    (terminal.folder / "end").touch()
    assert shown.ends() == 0
    assert "completed" in shown.text
    assert not shown.screen.cursor.hidden


def test_a_run_of_many_steps_is_counted_and_drawn_seldom(terminal: Any) -> None:
    shown = terminal("workflow", "run", "./steps.py:many", width=80, height=24)
    assert shown.ends(60) == 0
    frames = shown.raw.count(b" steps")
    assert 1 <= frames < 120
    assert "400 of 400 steps" not in shown.text, "the frame is gone"
    assert shown.all_text.count(" finished") == 400


@pytest.mark.parametrize(("env", "words"), [({"NO_COLOR": "1"}, ()), ({"TERM": "dumb"}, ()), ({}, ("--quiet",))])
def test_lines_where_nothing_can_or_shall_be_drawn(terminal: Any, env: dict[str, str], words: tuple[str, ...]) -> None:
    (terminal.folder / "go").touch()
    (terminal.folder / "end").touch()
    shown = terminal(*RUN, *words, height=60, **env)
    assert shown.ends() == 0
    assert b"\x1b[?25l" not in shown.raw, "the cursor is never hidden"
    assert ("prepare   done in" in shown.text) == (not words)


def test_on_no_terminal_there_are_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert type(open_view()) is View


# -- drawing, by itself


def event(number: int, kind: str, at: float = 100.0, **body: Any) -> RunEvent:
    return RunEvent("20260101-000000-abcd", number, kind, body, at)


def watched(*events: tuple[str, dict[str, Any]], steps: int = 3) -> Watched:
    run = Watched()
    run.take(event(1, "run_started", workflow="demo", settings={f"step{n}": {} for n in range(steps)}))
    for number, (kind, body) in enumerate(events, 2):
        run.take(event(number, kind, body.pop("at", 100.0 + number), **body))
    return run


def shown(run: Watched, **more: Any) -> list[str]:
    given_: dict[str, Any] = {"width": 80, "height": 24, "now": 110.0, **more}
    return ["".join(text for text, _ in line) for line in draw({"": run}, (), {}, (), **given_)]


def test_of_a_thousand_steps_those_that_matter_are_shown_and_all_are_counted() -> None:
    done = [("step_finished", {"node": f"step{n}", "outputs": {}}) for n in range(500)]
    running = [("step_started", {"node": f"step{n}"}) for n in (700, 701)]
    failed = [("step_failed", {"node": "step600", "error": {"message": "odd"}})]
    lines = shown(watched(*done, *running, *failed, steps=1000))
    assert len(lines) <= 24
    text = "\n".join(lines)
    assert "500 of 1000 steps" in text
    assert "● step700" in text
    assert "● step701" in text
    assert "✗ step600" in text
    assert "✓ step499" in text
    assert "· step501" in text
    said = re.search(r"([\d,]+) more: (\d+) waiting, (\d+) done", lines[-1])
    assert said
    assert int(said[1].replace(",", "")) == int(said[2]) + int(said[3]) == 1000 - (len(lines) - 2)


def test_time_left_follows_progress_else_what_it_usually_takes() -> None:
    run = watched(
        ("step_started", {"node": "step0", "at": 100.0}),
        ("step_progress", {"node": "step0", "fraction": 0.0, "message": "", "at": 130.0}),
        ("step_progress", {"node": "step0", "fraction": 0.5, "message": "", "at": 140.0}),
    )
    assert run.steps["step0"].left(140.0) == pytest.approx(10.0), "loading for 30 s is no part of the rate"
    assert run.left(140.0) is None, "nothing is known of the others"
    run.steps["step1"].usual, run.steps["step2"].usual = 60.0, 5.0
    assert run.left(140.0) == pytest.approx(75.0), "one after the other where the graph is not known"
    run.reads = {"step0": (), "step1": (), "step2": ("step0",)}
    assert run.left(140.0) == pytest.approx(60.0), "the longest way"
    assert "about 60 s left" in shown(run, now=140.0)[0]
    run.steps["step1"].status, run.steps["step1"].started = "running", 70.0
    assert run.steps["step1"].left(140.0) is None, "it takes longer than usual"
    assert [roughly(s) for s in (3.4, 42.0, 100.0, 9000.0)] == ["3 s", "40 s", "2 min", "2 h"]


def test_a_lost_step_begins_anew_and_a_resumed_run_has_none_running() -> None:
    run = watched(("step_started", {"node": "step0"}), ("run_paused", {"reason": "interrupted"}), ("run_resumed", {}))
    assert [step.status for step in run.steps.values()] == ["waiting"] * 3
    run = watched(("step_finished", {"node": "step0", "outputs": {}}), ("step_lost", {"node": "step0", "outputs": {}}))
    assert run.steps["step0"].status == "waiting"


def test_cells_have_a_line_each_with_counts() -> None:
    cells = ["plain seed=0", "plain seed=1", "odd seed=0", "odd seed=1"]
    runs = {
        "": watched(("step_started", {"node": "odd seed=0"}), steps=0),
        cells[0]: watched(
            *[("step_finished", {"node": f"step{n}", "outputs": {}}) for n in range(3)], ("run_completed", {})
        ),
        cells[1]: watched(
            ("step_finished", {"node": "step0", "outputs": {}}),
            ("step_started", {"node": "step1"}),
            ("step_progress", {"node": "step1", "fraction": 0.25, "message": "", "data": {"loss": 0.5}}),
        ),
        cells[2]: watched(
            ("step_failed", {"node": "step0", "error": {"message": "out of memory"}}), ("run_failed", {})
        ),
    }
    drawn = draw(runs, cells, {cells[3]: "not begun"}, (), width=100, height=20, now=110.0)
    lines = ["".join(text for text, _ in line) for line in drawn]
    assert "4 cells: " in lines[0]
    assert re.match(r"✓ plain seed=0 +\S+ +3/3", lines[1])
    assert re.match(r"● plain seed=1 +\S+ +1/3  step1  ━+╌+  25%  loss 0.5", lines[2])
    assert "odd seed=0" in lines[3]
    assert "step0 FAILED: out of memory" in lines[3]
    assert "not begun" in lines[4]
    few = draw(runs, cells, {}, (), width=100, height=4, now=110.0)
    assert len(few) <= 4


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
kinds = st.sampled_from(["started", "progress", "finished", "cached", "failed", "spent", "waiting", "lost"])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(names, min_size=1, max_size=12, unique=True),
    st.lists(st.tuples(kinds, st.integers(0, 11), names, st.floats(allow_nan=True)), max_size=30),
    st.integers(20, 200),
    st.integers(3, 60),
    st.lists(names, max_size=8),
    st.sampled_from([FINE, PLAIN]),
)
def test_whatever_is_said_it_fits_and_steers_nothing(
    steps: list[str], said: list[Any], width: int, height: int, tail: list[str], marks: Any
) -> None:
    run = Watched()
    run.take(event(1, "run_started", workflow=steps[0], settings={name: {} for name in steps}))
    for number, (kind, place, text, figure) in enumerate(said, 2):
        body: dict[str, Any] = {"node": steps[place % len(steps)], "outputs": {"a": text}, "error": {"message": text}}
        body |= {
            "message": text,
            "fraction": figure if figure == figure else None,
            "data": {"loss": figure},
            "run": text,
        }
        body |= {"input_tokens": 5, "output_tokens": 1, "cost_usd": None if figure != figure else abs(figure)}
        run.take(event(number, f"step_{kind}", 100.0 + number, **body))
    lines = draw({"": run}, (), {}, tail, width=width, height=height, now=200.0, marks=marks)
    assert len(lines) <= height
    for line in lines:
        assert sum(cell_len(text) for text, _ in line) <= width
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", "".join(text for text, _ in line))


@settings(deadline=None)
@given(st.lists(st.floats(), max_size=200), st.integers(1, 40))
def test_a_sparkline_is_no_wider_than_it_may_be(values: list[float], width: int) -> None:
    assert len(sparkline(values, width)) <= width


def test_a_thousand_tiny_steps_are_drawn_at_most_eight_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    stop = threading.Event()

    def drain() -> None:
        while not stop.is_set():
            if select.select([ours], [], [], 0.05)[0]:
                with contextlib.suppress(OSError):  # the other end is closed
                    os.read(ours, 1 << 16)

    reader = threading.Thread(target=drain)
    reader.start()
    try:
        with open(theirs, "w", encoding="utf-8") as stream:
            monkeypatch.setattr(sys, "stderr", stream)
            begun = time.monotonic()
            with Screen() as screen:
                tell = screen.listener()
                tell(event(1, "run_started", time.time(), workflow="w", settings={f"s{n}": {} for n in range(1000)}))
                told = 0.0
                for number in range(1000):
                    node = f"s{number}"
                    at = time.perf_counter()
                    tell(event(2 * number + 2, "step_started", time.time(), node=node, activation=node, key="k"))
                    tell(event(2 * number + 3, "step_finished", time.time(), node=node, outputs={}, seconds=0.001))
                    told += time.perf_counter() - at
                    time.sleep(0.001)
            took = time.monotonic() - begun
            assert sys.stderr is stream
            assert screen.drawn <= took / LEAST_SECONDS + 3
            assert told / 1000 < 0.001, "microseconds a step, also while it is drawn"
    finally:
        stop.set()
        reader.join()
        os.close(ours)


def test_a_view_that_breaks_breaks_no_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import motools.cli.drawing as drawing

    with open(tmp_path / "err", "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(drawing, "draw", lambda *_, **__: 1 / 0)
        with Screen() as screen:
            tell = screen.listener()
            tell(event(1, "run_started", workflow="w", settings={"a": {}}))
            screen._thread.join(10)
            tell(event(2, "step_failed", node="a", error={"message": "odd"}))
        assert sys.stderr is stream
    said = (tmp_path / "err").read_text(encoding="utf-8")
    assert "The live view ended: ZeroDivisionError" in said
    assert said.index("of w") < said.index("live view ended") < said.index("FAILED: odd")


def test_what_is_over_at_once_is_not_drawn_but_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import motools.cli.screen as screen_module

    monkeypatch.setattr(screen_module, "BEGIN_SECONDS", 60.0)
    with open(tmp_path / "err", "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with Screen() as screen:
            screen.listener()(event(1, "run_started", workflow="w", settings={"a": {}}))
            print("printed by a step", file=sys.stderr)
            screen.listener()(event(2, "step_finished", node="a", outputs={"x": "value-1"}, seconds=0.1))
    said = (tmp_path / "err").read_text(encoding="utf-8")
    assert said == "run 20260101-000000-abcd of w\nprinted by a step\n  a  done in 0.1 s → value-1\n"
    assert screen.drawn == 0


def test_what_draws_is_loaded_only_when_something_is_drawn() -> None:
    code = "import sys, motools.cli.screen; sys.exit(any(name.split('.')[0] == 'rich' for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
