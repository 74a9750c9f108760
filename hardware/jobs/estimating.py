"""An executor that sends nothing and notes what it would have cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import evolve
from numpy.typing import NDArray
from qiskit_aer import AerSimulator

from qml_qdl.circuits.errors import TargetError
from qml_qdl.hardware.jobs.client import JobRequest, Kind, Limits
from qml_qdl.hardware.jobs.cost import (
    LONGEST_JOB,
    Cost,
    cost_of,
    room,
    row_costs,
)
from qml_qdl.hardware.jobs.division import divide
from qml_qdl.hardware.jobs.remote import RemoteExecutor
from qml_qdl.hardware.jobs.requests import make_request
from qml_qdl.hardware.tapes.executor import (
    Counters,
    Estimates,
    Executor,
    Pub,
    no_counts,
    no_estimates,
)
from qml_qdl.hardware.tapes.outcomes import Counts


class EstimatingExecutor(Executor):
    """Stands in for another executor; every outcome is zero.

    Args:
        executor: A machine's, or that of a simulator with a machine's noise.
        costs: Where costs are noted, one for each call.

    Raises:
        TargetError: It is the executor of no machine.
    """

    def __init__(self, executor: Any, costs: list[Cost]) -> None:
        isa = getattr(executor, "isa", None)
        if isa is None or isinstance(isa.backend, AerSimulator):
            raise TargetError(
                f"target: what jobs cost can be told for a machine, got "
                f"{executor.name}; use 'ibm:ibm_NAME', 'ibm:least_busy', or without an "
                "account the model of a machine, 'aer:fake_NAME'"
            )
        self.isa = isa
        self._name = str(executor.name)
        self._counters = Counters()
        self._remote = executor if isinstance(executor, RemoteExecutor) else None
        self._costs = costs

    @property
    def name(self) -> str:
        """The other executor's name."""
        return self._name

    @property
    def counters(self) -> Counters:
        """Nothing was done."""
        return self._counters

    def sample(self, pubs: Sequence[Pub], shots: int) -> list[Counts]:
        """Notes the cost.

        Args:
            pubs: Circuits that measure.
            shots: Shots of every row.

        Returns:
            Zeros.
        """
        request = self._request("sample", pubs, shots)
        self._note(request, sum(pub.calibrates for pub in pubs))
        return [no_counts(pub, shots) for pub in pubs]

    def estimates(self, *, exact: bool) -> bool:
        """As the machine itself; that it is not exact is said by `estimate`.

        Args:
            exact: Whether exact values are asked for.
        """
        return exact or self._remote is not None

    def estimate(self, pubs: Sequence[Pub], shots: int | None) -> list[Estimates]:
        """Notes the cost.

        Args:
            pubs: Circuits that do not measure, with observables.
            shots: Shots of every row and basis.

        Returns:
            Zeros.

        Raises:
            TargetError: Exact values were asked for.
        """
        if shots is None:
            raise TargetError(
                "shots: a machine has no exact values, got shots=None; say how many "
                "shots (--shots 1000)"
            )
        self._note(self._request("estimate", pubs, shots))
        return [no_estimates(pub) for pub in pubs]

    def states(self, pubs: Sequence[Pub]) -> list[NDArray[np.complex128]]:
        """Refused: a machine does not show its state."""
        raise TargetError(
            "shots: a machine shows no states, and nothing exact; say how many shots "
            "(--shots 1000)"
        )

    def _request(self, kind: Kind, pubs: Sequence[Pub], shots: int) -> JobRequest:
        options = {} if self._remote is None else self._remote.options_for(kind)
        return make_request(kind, pubs, shots, self.isa, options, LONGEST_JOB)

    def _note(self, request: JobRequest, calibrations: int = 0) -> None:
        limits = Limits() if self._remote is None else self._remote.client.limits
        rows = [pub.rows for pub in request.pubs]
        jobs = divide(rows, row_costs(request), room(request, limits))
        cost = cost_of(request, self.isa.backend, len(jobs))
        own = cost.calibrations + calibrations
        self._costs.append(evolve(cost, calibrations=own))
