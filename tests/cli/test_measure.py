from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from qml_qdl.cli import main
from qml_qdl.tomography import Measurements
from tests.hardware.qiskit.loopback import LoopbackServer
from tests.hardware.qiskit.loopback.setting import isolate, use

Capture = pytest.CaptureFixture[str]

BELL = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\nh q[0];\ncx q[0], q[1];\n'
MODULE = """
import pennylane as qml
import torch
from qml_qdl.circuits import AngleEncoding, StronglyEntangling
from qml_qdl.nn import QuantumLayer

encoding = AngleEncoding(2)
circuit = StronglyEntangling(2)

@qml.qnode(qml.device("default.qubit", wires=1))
def plus():
    qml.Hadamard(0)
    return qml.expval(qml.X(0))

def layer():
    generator = torch.Generator().manual_seed(0)
    return QuantumLayer(encoding, target="lightning.qubit", generator=generator)
"""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    isolate(monkeypatch, tmp_path)
    Path("bell.qasm").write_text(BELL)
    Path("measured_module.py").write_text(MODULE)
    monkeypatch.delitem(sys.modules, "measured_module", raising=False)
    return tmp_path


def test_a_program_of_openqasm(capsys: Capture) -> None:
    words = ["measure", "bell.qasm", "--shots", "50", "--out", "bell.npz"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("450 shots of 2 wires in 9 bases on qdl.simulator: bell.npz")
    data = Measurements.read("bell.npz")
    assert data.histogram("ZZ")[[1, 2]].tolist() == [0, 0]
    assert data.histogram("YY")[[0, 3]].tolist() == [0, 0]
    assert main(words) == 0
    assert (Measurements.read("bell.npz").counts == data.counts).all()


def test_objects_of_a_module_of_ones_own(capsys: Capture) -> None:
    assert (
        main(["measure", "measured_module.plus", "--bases", "X,Z", "--shots", "9"]) == 0
    )
    data = Measurements.read("measurements.npz")
    assert data.histogram("X").tolist() == [9, 0]
    words = ["measure", "measured_module.layer", "--inputs", "0,3.14159265"]
    assert main([*words, "--bases", "z", "--shots", "5", "--out", "layer.txt"]) == 0
    assert "lightning.qubit" in capsys.readouterr().out
    assert "ZZ 01 5" in Path("layer.txt").read_text()
    np.savez("angles.npz", weights_0=np.zeros((1, 2, 3)))
    words = ["measure", "measured_module.circuit", "--weights", "angles.npz"]
    assert main([*words, "--bases", "random", "--num-bases", "6", "--shots", "1"]) == 0
    assert Measurements.read("measurements.npz").total_shots == 6


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")  # torch's own
def test_the_circuit_of_a_run(capsys: Capture) -> None:
    words = ["train", "--model", "nqs", "--state", "circuit", "--data", "heisenberg"]
    words += ["--data.size", "4", "--epochs", "1", "--seeds", "1", "--no-twin"]
    assert main([*words, "--quiet", "--name", "ring", "--accelerator", "cpu"]) == 0
    capsys.readouterr()
    assert main(["measure", "ring", "--bases", "z", "--shots", "100"]) == 0
    assert "runs/ring/measurements.npz" in capsys.readouterr().out
    data = Measurements.read("runs/ring/measurements.npz")
    assert (data.num_wires, data.total_shots) == (4, 100)


def test_a_machine_is_paid_once_though_the_command_is_killed(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    words = ["measure", "bell.qasm", "--target", "ibm:ibm_manila", "--shots", "20"]
    words += ["--bases", "ZZ,XX", "--out", "bell.npz"]
    with LoopbackServer(["manila"], seed=3, queue_delay=300.0) as server:
        use(monkeypatch, server)
        program = (
            "import sys; from qml_qdl.cli import main; sys.exit(main(sys.argv[1:]))"
        )
        with subprocess.Popen([sys.executable, "-c", program, *words]) as process:
            while not server.jobs:
                assert process.poll() is None
                time.sleep(0.05)
            process.kill()
        assert not Path("bell.npz").exists()
        for job in server.jobs.values():
            job.release()
        server.queue_delay = 0.0
        assert main(words) == 0
        assert len(server.jobs) == 1
        (job_id,) = server.jobs
        out = capsys.readouterr().out
        assert f"jobs: {job_id}" in out
        assert "misread: 0 as 1 " in out
        assert main([*words, "--again", "second"]) == 0
        assert len(server.jobs) == 2
    data = Measurements.read("bell.npz")
    assert data.confusion is not None
    assert data.total_shots == 40


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "circuit: expected a run of runs, a file that ends with .qasm"),
        (["none.qasm"], "circuit: there is no file 'none.qasm'"),
        (["measured_module.nix"], "circuit: expected something that measured_module"),
        (["measured_module.encoding"], "inputs: the circuit takes inputs, got ()"),
        (["measured_module.plus", "--inputs", "1"], "inputs: the circuit takes none"),
        (["measured_module.plus", "--inputs", "a"], "expected numbers such as 0.1,0.2"),
        (["measured_module.circuit"], "weights: expected tensors by name"),
        (["bell.qasm", "--bases", "XYZ"], "words of 2 letters"),
        (["bell.qasm", "--out", "a.csv"], "--out: expected a file that ends with .npz"),
        (["bell.qasm", "--target", "aer:fake_nix"], "fake_nix"),
        (["bell.qasm", "--calibration-rows", "2"], "calibration_rows: qdl.simulator"),
        (["broken.qasm"], "'broken.qasm': text: expected a program in OpenQASM"),
        (["binary.qasm"], "'binary.qasm' is no text"),
    ],
)
def test_what_is_wrong_is_one_line(
    words: list[str], message: str, capsys: Capture
) -> None:
    Path("broken.qasm").write_text("OPENQASM 2.0; qreg q[2]; foo q[0];")
    Path("binary.qasm").write_bytes(b"\xff\xfe\x00")
    assert main(["measure", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
    assert not Path("measurements.npz").exists()
