"""What an executor has done so far, in numbers."""

from __future__ import annotations

from attrs import define, evolve, fields


@define
class Counters:
    """Counts of what went to a backend.

    Args:
        jobs: Jobs submitted; a local call is one job.
        pubs: Circuits sent, each with all its rows.
        rows: Rows of angles sent.
        transpilations: Circuits transpiled anew; one found in a cache is not counted.
        qpu_seconds: Seconds of a quantum processor, as its owner counts them.

    Example:
        >>> counters = Counters()
        >>> before = counters.copy()
        >>> counters.jobs += 1
        >>> counters.difference(before).jobs
        1
    """

    jobs: int = 0
    pubs: int = 0
    rows: int = 0
    transpilations: int = 0
    qpu_seconds: float = 0.0

    def copy(self) -> Counters:
        """These counts, no longer changing.

        Returns:
            A copy.
        """
        return evolve(self)

    def difference(self, before: Counters) -> Counters:
        """What was done since an earlier copy.

        Args:
            before: The earlier counts.

        Returns:
            These counts minus the earlier ones.
        """
        return Counters(
            **{
                one.name: getattr(self, one.name) - getattr(before, one.name)
                for one in fields(Counters)
            }
        )
