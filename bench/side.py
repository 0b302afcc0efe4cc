"""Does one tool's work once: `python -m bench.side ROW TOOL PLACE SIZE` says the seconds it took on the last line."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Do what the command line says."""
    row, tool, place, size = sys.argv[1:]
    side = import_module(f"bench.rows.{row}").ROW.sides[tool]
    print(f"\nSECONDS {side.work(Path(place), int(size))!r}")


if __name__ == "__main__":
    main()
