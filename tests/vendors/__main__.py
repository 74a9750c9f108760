"""Runs the contract on each vendor's machine: `python -m tests.vendors [NAME ...]`.

Each vendor has an environment of its own over the packages of this one, thrown away
when the next begins. It ends with the table, and with 1 where a vendor failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from importlib.metadata import requires
from pathlib import Path

from tests.vendors.vendors import VENDORS

ROOT = Path(__file__).parent.parent.parent
HOME = ROOT / ".venv-vendors"


def fresh(requirements: Sequence[str]) -> Path | None:
    """The Python of a new environment; None where they do not go with ours."""
    venv.create(HOME, clear=True, with_pip=True)
    packages = next(HOME.glob("lib/python*/site-packages"))
    own = sysconfig.get_path("purelib")
    # Packages of this environment are seen there, and this library with them.
    (packages / "below.pth").write_text(f"import site; site.addsitedir({own!r})\n")
    python = HOME / "bin" / "python"
    ours = [line for line in requires("qml-qdl") or () if "extra ==" not in line]
    ranges = HOME / "ranges.txt"
    ranges.write_text("\n".join(ours))
    install = [str(python), "-m", "pip", "install", "--quiet", "--constraint"]
    done = subprocess.run([*install, str(ranges), *requirements])
    return None if done.returncode else python


def outcome(name: str, python: Path | None) -> str:
    """What the table says of a vendor."""
    if python is None:
        return "does not install beside this library"
    command = [str(python), "-m", "pytest", "-q", "-p", "no:benchmark"]
    done = subprocess.run(
        [*command, str(ROOT / "tests" / "vendors" / "contract.py")],
        cwd=ROOT,
        env={**os.environ, "QDL_VENDOR": name},
    )
    if done.returncode:
        return "failed"
    return "passed" if VENDORS[name].fails is None else "refused, as expected"


def main() -> None:
    unknown = set(sys.argv[1:]) - set(VENDORS)
    if unknown:
        sys.exit(f"expected some of {', '.join(VENDORS)}, got {', '.join(unknown)}")
    table: dict[str, str] = {}
    made: tuple[tuple[str, ...], Path | None] = ((), None)
    for name in sys.argv[1:] or VENDORS:
        needs = VENDORS[name].requirements
        if made[0] != needs:
            made = (needs, fresh(needs))
        table[name] = outcome(name, made[1])
    for name, said in table.items():
        print(f"{name:20}{' '.join(VENDORS[name].requirements):63}{said}")
    sys.exit(
        bool({"failed", "does not install beside this library"} & {*table.values()})
    )


if __name__ == "__main__":
    main()
