"""The README's Python runs, and its drawing is the true one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_python_blocks_run_one_after_the_other() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    assert str(names["U"]) in README
    assert names["layer"](names["torch"].rand(5, 2)).shape == (5, 2)
