# Every target makes .venv from constraints.txt by itself when it is missing or older.
PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1
# What is compiled once is kept: tests rewrite their asserts, and start processes.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-slow test-oldest test-oldest-qiskit test-oldest-torch \
	test-vendors bench bench-operators bench-peers bench-pennylane-qiskit \
	bench-qiskit-machine-learning bench-kernels bench-netket kernel-tables docs \
	docs-full lint types constraints clean

# The demo is always trained anew; runs of other names are never touched.
demo: .venv/installed
	rm -rf runs/demo
	$(BIN)/qml-qdl train --name demo --seeds 5

test: .venv/installed
	$(BIN)/python -m pytest -n 2 -p no:benchmark -m "not slow"

test-slow: .venv/installed
	$(BIN)/python -m pytest -p no:benchmark -m slow

# The lowest versions that pyproject.toml allows: those of all but torch, then torch's. Old
# packages use what newer ones call deprecated, and PennyLane's NumPy does not go with
# autograd 1.9. The second environment takes 4.6 GB.
FLOORS := sed -n '/^dependencies/,/^]/s/^ *"\([a-z-]*\)>=\([0-9.]*\).*/\1==\2/p' pyproject.toml
OLDEST := -m pytest -q -p no:benchmark -W ignore::DeprecationWarning -m "not slow"

test-oldest: test-oldest-qiskit test-oldest-torch

test-oldest-qiskit:
	$(PYTHON) -m venv --clear .venv-oldest-qiskit
	$(FLOORS) | grep -v '^torch==' > .venv-oldest-qiskit/floors.txt
	echo 'autograd<1.9' >> .venv-oldest-qiskit/floors.txt
	.venv-oldest-qiskit/bin/python -m pip install --quiet 'torch==2.13.0' \
		--constraint .venv-oldest-qiskit/floors.txt --editable '.[dev]'
	.venv-oldest-qiskit/bin/python $(OLDEST) tests/hardware/qiskit tests/hardware/jobs \
		tests/nn/test_qiskit_targets.py tests/nn/test_circuits_on_targets.py tests/testing

test-oldest-torch:
	$(PYTHON) -m venv --clear .venv-oldest-torch
	grep -v '^torch==' constraints.txt > .venv-oldest-torch/pinned.txt
	.venv-oldest-torch/bin/python -m pip install --quiet \
		"$$($(FLOORS) | grep '^torch==')" --constraint .venv-oldest-torch/pinned.txt \
		--editable '.[dev]'
	.venv-oldest-torch/bin/python $(OLDEST) tests/nn tests/hardware/simulator

# A short contract on machines of other vendors, each in an environment of its own.
test-vendors: .venv/installed
	$(BIN)/python -m tests.vendors

# One after the other, one thread; the medians also go to .benchmarks/latest.json.
bench: .venv/installed
	mkdir -p .benchmarks
	$(BIN)/python -m pytest tests/benchmarks -q --benchmark-columns=median \
		--benchmark-json=.benchmarks/latest.json

# PennyLane's operators on 3 to 12 wires, beside its own two devices.
bench-operators: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.operators

# README's tables of the simulator beside its peers, in versions of their own; mindquantum
# pins a rich that is older than ours. JAX, too, has one thread. A quarter of an hour.
bench-peers: pyproject.toml constraints.txt tests/benchmarks/requirements.txt
	$(PYTHON) -m venv --clear .venv-peers
	.venv-peers/bin/python -m pip install --quiet 'torch==2.13.0' --editable '.[dev]' \
		--requirement tests/benchmarks/requirements.txt
	.venv-peers/bin/python -m pip install --quiet --no-deps 'mindquantum==0.12.0'
	XLA_FLAGS='--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1' \
		.venv-peers/bin/python -m tests.benchmarks.peer_table

# One training step on pennylane-qiskit's qiskit.aer, which needs an older Qiskit.
bench-pennylane-qiskit: .venv/installed
	$(PYTHON) -m venv --clear .venv-pennylane-qiskit
	.venv-pennylane-qiskit/bin/python -m pip install --quiet 'torch==2.13.0' \
		'pennylane==0.45.1' 'pennylane-qiskit==0.45.0'
	$(BIN)/python -m tests.benchmarks.qiskit_peer pennylane-qiskit \
		.venv-pennylane-qiskit/bin/python

# One training step of a circuit of Qiskit's, beside qiskit-machine-learning.
bench-qiskit-machine-learning: .venv/installed
	$(PYTHON) -m venv --clear .venv-qiskit-machine-learning
	.venv-qiskit-machine-learning/bin/python -m pip install --quiet 'torch==2.13.0' \
		'qiskit==2.6.2' 'qiskit-machine-learning==0.9.1'
	$(BIN)/python -m tests.benchmarks.qiskit_peer qiskit-machine-learning \
		.venv-qiskit-machine-learning/bin/python --rows 32

# A Gram matrix of fidelities beside qiskit-machine-learning's, in one environment.
bench-kernels:
	$(PYTHON) -m venv --clear .venv-kernels
	.venv-kernels/bin/python -m pip install --quiet 'torch==2.13.0' \
		'qiskit-machine-learning==0.9.1' --constraint constraints.txt --editable .
	.venv-kernels/bin/python -m tests.benchmarks.kernel_peer

# Quantum kernels beside RBF and polynomial ones: the tables of docs/concepts/kernels.md.
kernel-tables: .venv/installed
	for data in two_moons wine breast_cancer; do \
		COLUMNS=100 $(BIN)/qml-qdl kernels $$data --seeds 5 || exit 1; \
	done

# Steps of variational Monte Carlo beside NetKet's; its environment has no torch.
bench-netket: .venv/installed
	$(PYTHON) -m venv --clear .venv-netket
	.venv-netket/bin/python -m pip install --quiet 'netket==3.23'
	$(BIN)/python -m tests.benchmarks.netket_peer .venv-netket/bin/python

# The site, in docs/_build/html; where there is Chromium, it is then opened there. Warnings
# are errors. What has not changed is not read again, unless the last build failed: pages
# that were read do not warn again.
SPHINX := $(BIN)/python -m sphinx -q -W --keep-going docs docs/_build/html
SITE_TEST := $(BIN)/python -m pytest -q -p no:benchmark tests/docs/test_site.py -rs

docs: .venv/installed
	$(SPHINX) -d docs/_build/doctrees || { rm -rf docs/_build/doctrees; exit 1; }
	$(SITE_TEST)

# The same with every notebook executed, unless it is as it was when last executed.
docs-full: .venv/installed
	$(SPHINX) -d docs/_build/doctrees-full -D nb_execution_mode=cache \
		|| { rm -rf docs/_build/doctrees-full; exit 1; }
	$(SITE_TEST)

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m docs._ext.docstrings

types: .venv/installed
	$(BIN)/mypy

# The kernel is compiled anew when its text changes; the rest of the environment stays.
KERNEL := setup.py $(wildcard hardware/simulator/kernel/*.cpp) \
	$(wildcard hardware/simulator/kernel/*.h) $(wildcard hardware/simulator/kernel/*.inc)

.venv/installed: .venv/environment $(KERNEL)
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

.venv/environment: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "qml-qdl needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear .venv
	QML_QDL_KERNEL=none $(BIN)/python -m pip install --quiet --constraint constraints.txt \
		--editable '.[dev]'
	touch $@

# The newest versions that resolve together, without the local suffix of a CPU build.
constraints:
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet 'torch==2.13.0' --editable '.[dev]'
	echo '# Every tested version, exactly. Renew with: make constraints' > constraints.txt
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+[a-z0-9.]*$$//' >> constraints.txt
	touch .venv/environment .venv/installed

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
