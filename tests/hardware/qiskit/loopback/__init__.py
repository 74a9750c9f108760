"""IBM's Runtime service in small, on 127.0.0.1, for tests without a network.

The real `qiskit-ibm-runtime` client talks to it over HTTP. It runs what is submitted
with Aer, keeps a record of every request, job and row, and breaks on demand.
"""

from tests.hardware.qiskit.loopback.faults import Fault
from tests.hardware.qiskit.loopback.jobs import Ending, Job
from tests.hardware.qiskit.loopback.server import LoopbackServer, Request

__all__ = ["Ending", "Fault", "Job", "LoopbackServer", "Request"]
