"""Fake installed distributions: real metadata and modules in a folder that subprocesses have on their path."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

GOOD = """
from motools.plugins import ProviderComponent, hookimpl

@hookimpl
def motools_providers():
    return [ProviderComponent(name="{name}", target="{package}.impl:Thing", summary="A {name}", cache_version=3)]
"""


class Site:
    """A folder of installed distributions, with a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "site"
        self.folder.mkdir()
        self.cache = folder / "cache"
        self.work = folder / "work"
        self.work.mkdir()
        self.env: dict[str, str] = {}

    def install(
        self,
        name: str,
        source: str | None = None,
        *,
        version: str = "1.0",
        requires: tuple[str, ...] = ("motools>=0.1",),
        component: str | None = None,
    ) -> Path:
        """Install a distribution whose declaring module has `source`; by default it declares one provider."""
        package = name.replace("-", "_")
        if source is None:
            source = GOOD.format(name=component or package, package=package)
        module = self.folder / package
        module.mkdir()
        (module / "__init__.py").write_text("")
        (module / "_plugin.py").write_text(textwrap.dedent(source))
        (module / "impl.py").write_text("class Thing:\n    pass\n\n\nclass Settings:\n    pass\n")
        info = self.folder / f"{package}-{version}.dist-info"
        info.mkdir()
        lines = [f"Name: {name}", f"Version: {version}", f"Summary: About {name}", "License-Expression: MIT"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join(["Metadata-Version: 2.4", *lines, "", ""]))
        (info / "entry_points.txt").write_text(f"[motools]\n{package} = {package}._plugin\n")
        (info / "RECORD").write_text("")
        return module / "_plugin.py"

    def remove(self, name: str) -> None:
        """Uninstall a distribution."""
        package = name.replace("-", "_")
        shutil.rmtree(self.folder / package)
        for info in self.folder.glob(f"{package}-*.dist-info"):
            shutil.rmtree(info)

    def environment(self) -> dict[str, str]:
        """The environment of a subprocess that sees this site."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("MOTOOLS_", "PYTHONPATH"))}
        return {**clean, "PYTHONPATH": str(self.folder), "MOTOOLS_CACHE_DIR": str(self.cache), **self.env}

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        """Start Python with `arguments`."""
        return subprocess.Popen(
            [sys.executable, *arguments],
            env=self.environment(),
            cwd=self.work,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )

    def python(self, code: str) -> Any:
        """Run code that prints JSON in a new process and return that."""
        child = self.start("-c", textwrap.dedent(code))
        out, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
        return json.loads(out)

    def motools(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line."""
        child = self.start("-m", "motools", *arguments)
        out, err = child.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, child.returncode, out, err)

    def listed(self) -> dict[str, Any]:
        """What `motools plugin list --json` prints, without what else is installed here: plugins and names by plugin."""
        done = self.motools("plugin", "list", "--json")
        assert done.returncode == 0, done.stderr
        data = json.loads(done.stdout)
        ours = {path.name.partition("-")[0].replace("_", "-") for path in self.folder.glob("*.dist-info")}
        plugins = {each["distribution"]: each for each in data["plugins"] if each["distribution"] in ours}
        names: dict[str, list[str]] = {name: [] for name in plugins}
        for each in data["components"]:
            if each["distribution"] in plugins:
                names[each["distribution"]].append(each["name"])
        return {"plugins": plugins, "names": names}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)
