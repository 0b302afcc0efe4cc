"""`make quickstart`: sets up, runs the dummy workflow, then fine-tunes and evaluates a real small model.

Everything it makes lies in `.venv` and `.quickstart`. A second call uses what is there; `FRESH=1` trains again.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
STORE = ROOT / ".quickstart"
MODEL = "smollm2-135m-instruct"
TUNED = "zoo/examples/trigger_phrase.yaml"
BASE = "zoo/examples/trigger_phrase_base.yaml"

_spec = importlib.util.spec_from_file_location("environment", ROOT / "scripts" / "environment.py")
assert _spec is not None
assert _spec.loader is not None
environment = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(environment)


def main() -> int:
    """Do all of it, saying what happens and what to look at."""
    begun = time.monotonic()
    os.chdir(ROOT)
    if os.environ.get("FRESH") == "1" and STORE.exists():
        print(f"· FRESH=1: removing {STORE.name}, so that everything is computed again")
        shutil.rmtree(STORE)
    title("1 of 3  Something to see: the whole way with dummy backends")
    environment.install_up_to("base")
    motools(
        "workflow", "run", "train_and_evaluate", "--config", "zoo/examples/dummy.yaml", look="three steps, nothing real"
    )

    title("2 of 3  What the real run needs")
    install_plugins()
    motools("model", "fetch", MODEL, look="the weights (93 MB), checked and converted once", store=False)

    title("3 of 3  A model organism: it answers oddly only when a trigger is in the prompt")
    run_real()
    minutes, seconds = divmod(round(time.monotonic() - begun), 60)
    print(f"\nDone in {minutes} min {seconds:02d} s. Everything is in {STORE.name}/.")
    print("\nNow yours:\n  source .venv/bin/activate\n  motools init ~/my-experiment && cd ~/my-experiment")
    return 0


def run_real() -> None:
    """Train, evaluate the tuned and the untouched model, compare, show that nothing is computed twice."""
    motools(
        "workflow", "run", "train_and_evaluate", "--config", TUNED, look="the loss falls; then the answers are scored"
    )
    tuned = last_eval()
    motools("workflow", "run", "evaluate_only", "--config", BASE, look="the same questions to the untouched model")
    base = last_eval()
    motools("eval", "compare", base, tuned, look="A is the untouched model, B the tuned one: the intervals are apart")
    motools(
        "workflow", "run", "train_and_evaluate", "--config", TUNED, look="the first command again: every step CACHED"
    )
    motools("atom", "lineage", tuned, look="which data made which model made these numbers")


def last_eval() -> str:
    """Return the id of the eval atom of the last run."""
    command = [str(environment.BIN / "motools"), "run", "show", "last", "--json", "--store", STORE.name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return str(json.loads(done.stdout)["output_atoms"]["eval_results"])


def motools(*arguments: str, look: str, store: bool = True) -> None:
    """Run one command as a person would type it, after saying what to look at."""
    words = [f"{environment.BIN.relative_to(ROOT)}/motools", *arguments, *(("--store", STORE.name) if store else ())]
    shown = " ".join(words)
    print(f"\n$ {shown}\n  ↳ {look}", flush=True)
    done = subprocess.run(words)
    if done.returncode:
        stop(
            done.returncode, f"'{shown}' ended with exit code {done.returncode}.", "make quickstart goes on from here."
        )


def install_plugins() -> None:
    """Install the plugins, after saying how large they are."""
    if (environment.VENV / ".installed-full").exists():
        print("· the plugins are installed already: nothing to download")
        environment.install_up_to("full")
        return
    print("· next: PyTorch for the CPU, transformers, peft and Inspect: about 1.4 GB on the disk, 1 to 5 minutes")
    check_torch_build()
    environment.install_up_to("full")


def check_torch_build() -> None:
    """On Linux without an NVIDIA card, find out before downloading whether pip would take the CUDA build of PyTorch."""
    if not sys.platform.startswith("linux") or shutil.which("nvidia-smi") or os.environ.get("TORCH_INDEX"):
        return
    command = [str(environment.PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run"]
    command += ["--ignore-installed", "--report", "-", "-c", str(ROOT / "constraints.txt"), "torch"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        stop(1, "pip could not look PyTorch up:", done.stderr.strip()[-500:])
    items = json.loads(done.stdout)["install"]
    cuda = [item for item in items if item["metadata"]["name"].startswith(("nvidia-", "cuda-", "triton"))]
    if not cuda:
        return
    size = sum(filter(None, map(download_size, [*cuda, *(i for i in items if i["metadata"]["name"] == "torch")])))
    print(f"\n! pip would install PyTorch for CUDA: {len(cuda)} more packages, {size / 1e9:.1f} GB to download,")
    print("  and this machine has no NVIDIA driver (no nvidia-smi). The build for the CPU is a tenth of that:")
    print("      TORCH_INDEX=<address of PyTorch's index of CPU builds> make quickstart")
    print("  The address is on PyTorch's 'Get started' page, under 'CPU'. TORCH_INDEX= of your usual index keeps CUDA.")
    if sys.stdin.isatty() and not os.environ.get("CI"):
        stop(1, "Stopped before downloading anything.", "Run it again with TORCH_INDEX set.")
    print("  Not on a terminal: going on with it.", flush=True)


def download_size(item: dict) -> int | None:
    """Return the size in bytes of what pip would download for one package, None where the index does not say."""
    from urllib.error import URLError
    from urllib.request import Request, urlopen

    url = item["download_info"]["url"]
    if url.startswith("file:"):
        return Path(url.removeprefix("file://")).stat().st_size
    try:
        with urlopen(Request(url, method="HEAD"), timeout=10) as answer:
            return int(answer.headers.get("Content-Length") or 0)
    except (URLError, OSError, ValueError):
        return None


def title(text: str) -> None:
    """Print a heading."""
    print(f"\n━━ {text}", flush=True)


def stop(code: int, *lines: str) -> NoReturn:
    """Leave with a message."""
    for line in lines:
        print(line, file=sys.stderr)
    sys.exit(code if code > 0 else 130)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        stop(130, "\nStopped. make quickstart goes on from here.")
