"""Kills `qml-qdl train` at random moments, resumes, and compares with a whole run.

Run as a script by test_signals.py: the imports are paid once, each command is a fork.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch

import qml_qdl.training  # noqa: F401 - before the first fork, or each one pays for it
from qml_qdl.cli import main

WORDS = {
    "classifier": "--data iris --limit 80 --layers 1 --epochs 6 --batch-size 8",
    "patch_gan": "--model patch_gan --data digits --label 0 --layers 1 --epochs 3",
    "rbm": "--model rbm --data digits --limit 120 --epochs 6 --batch-size 16",
}
"""Trainings of some seconds; pictures and report are part of them."""


def state(folder: Path) -> dict[str, Any]:
    """All numbers of a run."""
    numbers: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".ckpt" and path.name != "previous.ckpt":
            content = torch.load(path, weights_only=True)
            numbers[name] = {k: v.tolist() for k, v in content["state_dict"].items()}
            numbers[f"{name} moments"] = repr(content.get("optimizer_states"))
        elif path.name == "metrics.csv":
            numbers[name] = path.read_text()
        elif path.name == "result.json":
            content = json.loads(path.read_text())
            numbers[name] = {
                k: v for k, v in content.items() if k not in ("seconds", "seal")
            }
    return numbers


def started(words: list[str], log: Path) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with log.open("w") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
                code = main(words)
                sys.stderr.flush()
        finally:
            os._exit(code)
    return child


def finished(words: list[str], log: Path) -> float:
    begun = time.perf_counter()
    _, status = os.waitpid(started(words, log), 0)
    if status != 0:
        raise RuntimeError(f"{words}: {status}: {log.read_text()}")
    return time.perf_counter() - begun


def compare(root: Path, kind: str, kills: int, seed: int) -> None:
    torch.set_num_threads(1)
    generator = random.Random(seed)
    words = ["train", *WORDS[kind].split(), "--accelerator", "cpu", "--seeds", "1"]
    words += ["--no-twin", "--quiet", "--runs-dir", str(root), "--name"]
    log = root / "log"
    seconds = finished([*words, "whole"], log)
    whole = state(root / "whole")
    struck = {signal.SIGKILL: 0, signal.SIGTERM: 0}
    run = 0
    while sum(struck.values()) < kills:
        run += 1
        folder = root / f"cut{run}"
        resumed = ["train", "--resume", str(folder), "--quiet"]
        for _ in range(4):
            begun = (folder / "config.json").exists()
            child = started(resumed if begun else [*words, folder.name], log)
            time.sleep(generator.uniform(0, seconds))
            # The rarer one, so that both strike however few kills there are.
            number = min(struck, key=lambda each: (struck[each], generator.random()))
            os.kill(child, number)
            _, status = os.waitpid(child, 0)
            if status == 0:  # it was faster
                break
            struck[number] += 1
            if number == signal.SIGTERM and os.WIFEXITED(status):
                text = log.read_text()
                if os.WEXITSTATUS(status) != 143 or "continue with: " not in text:
                    raise RuntimeError(f"SIGTERM: {status}: {text}")
            elif os.WTERMSIG(status) != number:
                raise RuntimeError(f"{number}: ended with {status}: {log.read_text()}")
        begun = (folder / "config.json").exists()
        finished(resumed if begun else [*words, folder.name], log)
        now = state(folder)
        differing = [key for key in whole | now if now.get(key) != whole.get(key)]
        left = [str(path) for path in folder.rglob(".*")]
        if differing or left:
            raise RuntimeError(f"{folder}: {differing} differ, {left} are left")
    print(f"{struck[signal.SIGKILL]} times SIGKILL, {struck[signal.SIGTERM]} SIGTERM")


if __name__ == "__main__":
    compare(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
