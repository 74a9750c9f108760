"""The native kernel of the simulator, which is optional: without it torch does all.

Everything else stands in pyproject.toml.
"""

import hashlib
import os
import sys
from pathlib import Path

from setuptools import Extension, setup

FOLDER = Path("hardware/simulator/kernel")
TEXTS = [FOLDER / name for name in ("program.h", "level.inc", "kernel.cpp")]


def kernel() -> Extension:
    """The extension; it knows the hash of its text, so that an old one is noticed."""
    digest = hashlib.sha256(b"".join(text.read_bytes() for text in TEXTS)).hexdigest()
    return Extension(
        "qml_qdl.hardware.simulator.kernel._kernel",
        [str(TEXTS[-1])],
        depends=[str(text) for text in TEXTS[:-1]],
        define_macros=[("TEXT", f'"{digest[:16]}"')],
        # Products and sums may be fused, but nothing else may change what numbers are.
        extra_compile_args=[
            "-std=c++17",
            "-O3",
            "-g0",
            "-ffp-contract=fast",
            "-fno-math-errno",
        ],
        language="c++",
        py_limited_api=True,
        optional=True,
    )


wanted = os.environ.get("QML_QDL_KERNEL") != "none" and sys.platform != "win32"
setup(ext_modules=[kernel()] if wanted else [])
