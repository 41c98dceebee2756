"""What each extra adds in MB: `python docs/weigh.py [EXTRA ...]`. Installs each into a folder of its own, with pip."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]


def installed(extra: str) -> tuple[float, set[str]]:
    """How many MB of files an installation has, before Python compiles them, and the packages it has."""
    wanted = f"{ROOT}[{extra}]" if extra else str(ROOT)
    with TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)  # noqa: S603  # our own
        pip = [sys.executable, "-m", "pip", "--python", f"{folder}/bin/python", "--disable-pip-version-check", "-q"]
        subprocess.run([*pip, "install", "--no-compile", wanted], check=True)  # noqa: S603  # pip, and our own tree
        files = [path for path in Path(folder).rglob("*") if path.is_file() and not path.is_symlink()]
        held = {path.parent.name.partition("-")[0] for path in files if path.match("*.dist-info/METADATA")}
        return sum(path.stat().st_size for path in files) / 1e6, held


def main() -> None:
    """One line for the base, and one for each extra: what it adds to that."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = sys.argv[1:] or list(project["optional-dependencies"])
    base, held = installed("")
    print(f"(none)     {base:4.0f} MB, {len(held)} packages: {', '.join(sorted(held, key=str.lower))}")
    for extra in extras:
        size, packages = installed(extra)
        print(f"{extra:10} +{size - base:4.0f} MB, {len(packages - held)} more packages", flush=True)


if __name__ == "__main__":
    main()
