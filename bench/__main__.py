"""`python -m bench`: measure, print one table, write JSON."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from bench.environment import FOLDER, prepared
from bench.measure import BenchError, Measured, measure, peers
from bench.report import notes, results, table

ROWS = ("process", "chain", "wide", "ingest")


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure motools beside other tools.")
    parser.add_argument("--rows", default=",".join(ROWS), help="which, of " + ", ".join(ROWS))
    parser.add_argument("--rounds", type=int, default=5, help="how often each tool does each work (5)")
    parser.add_argument("--quick", action="store_true", help="small sizes and one round: does it run at all?")
    parser.add_argument(
        "--no-peers", action="store_true", help="motools and the machine's limit alone, in this environment"
    )
    parser.add_argument("--json", type=Path, help="write everything here too")
    asked = parser.parse_args()
    python = Path(sys.executable) if asked.no_peers else prepared()
    FOLDER.mkdir(exist_ok=True)
    measured: list[Measured] = []
    try:
        for name in asked.rows.split(","):
            row = import_module(f"bench.rows.{name}").ROW
            tools = [tool for tool in row.sides if not (asked.no_peers and tool in peers(row))]
            print(f"· {row.title}: {', '.join(tools)}", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
                rounds = 1 if asked.quick else asked.rounds
                measured.append(measure(name, row, tools, python, Path(folder), rounds, asked.quick))
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    found = results(measured)
    print(table(found), notes(measured), sep="\n\n")
    if asked.json:
        about = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.platform()}
        asked.json.write_text(json.dumps({"about": about, "results": found}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
