"""How errors are mitigated: what is asked for, misread bits, noise taken to zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qml_qdl.circuits.errors import ArgumentError, ArgumentTypeError
from qml_qdl.hardware.mitigation import Mitigation, extrapolate, readings_of

ZEROS, ONES = np.array([0.05, 0.2]), np.array([0.9, 0.98])
"""How often each of two bits reads 1 where it is 0, and where it is 1."""


class TestOption:
    def test_words(self) -> None:
        assert Mitigation.of(None) is None
        assert Mitigation.of("readout") == Mitigation(zne_scales=(1,))
        assert Mitigation.of("zne") == Mitigation(readout=False)
        own = Mitigation(extrapolation="linear")
        assert Mitigation.of("readout+zne") == Mitigation()
        assert Mitigation.of(own) is own

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"zne_scales": ()}, "odd numbers that begin with 1"),
            ({"zne_scales": (3, 5)}, "odd numbers that begin with 1"),
            ({"zne_scales": (1, 2)}, "odd numbers that begin with 1"),
            ({"zne_scales": (1, 1)}, "odd numbers that begin with 1"),
            ({"extrapolation": "cubic"}, "extrapolation: expected .*linear"),
            ({"folding": "random"}, "folding: expected .*global"),
            ({"calibration_rows": 0}, "calibration_rows: expected at least 1"),
        ],
        ids=str,
    )
    def test_what_cannot_be_is_refused(self, options: Any, text: str) -> None:
        with pytest.raises(ArgumentError, match=text):
            Mitigation(**options)

    def test_other_words_and_types_are_refused(self) -> None:
        with pytest.raises(ArgumentError, match=r"mitigation: expected .*readout"):
            Mitigation.of("reading")
        with pytest.raises(ArgumentTypeError, match=r"mitigation: expected .* got 3"):
            Mitigation.of(3)


class TestReadings:
    def test_they_give_the_mean_of_words_without_errors(self) -> None:
        table = np.random.default_rng(1).dirichlet(np.ones(4)).reshape(2, 2)
        bit0, bit1 = (
            np.array([[1 - zero, zero], [1 - one, one]])
            for zero, one in zip(ZEROS, ONES, strict=True)
        )
        read = bit1.T @ table @ bit0  # (bit 1, bit 0)
        values = readings_of(ZEROS, ONES)
        signs = np.array([1.0, -1.0])
        assert np.sum(read @ values[0]) == pytest.approx(np.sum(table @ signs))
        both = values[1] @ read @ values[0]
        assert both == pytest.approx(signs @ table @ signs)

    def test_without_errors_they_are_signs(self) -> None:
        found = readings_of(np.zeros(2), np.ones(2))
        np.testing.assert_array_equal(found, [[1.0, -1.0]] * 2)

    def test_a_bit_that_reads_always_the_same_is_refused(self) -> None:
        with pytest.raises(ArgumentError, match="choose other qubits by initial_lay"):
            readings_of(np.array([0.5]), np.array([0.5]))


class TestExtrapolation:
    def test_lines_are_extrapolated_exactly(self) -> None:
        noisy = np.array([[0.7, -0.2], [0.5, 0.2], [0.3, 0.6]])
        for kind in ("linear", "richardson"):
            found, _ = extrapolate(noisy, np.zeros_like(noisy), (1, 3, 5), kind)
            np.testing.assert_allclose(found, [0.8, -0.4], atol=1e-12)

    def test_richardson_goes_through_all_points(self) -> None:
        scales = np.array([1, 3, 5])
        noisy = 0.9 - 0.2 * scales + 0.01 * scales**2
        found, _ = extrapolate(noisy, np.zeros(3), (1, 3, 5), "richardson")
        np.testing.assert_allclose(found, 0.9, atol=1e-12)

    def test_decays_are_extrapolated_exactly(self) -> None:
        noisy = np.array([[0.8 * np.exp(-0.3 * x), -np.exp(-x)] for x in (1, 3, 5)])
        found, _ = extrapolate(noisy, np.zeros_like(noisy), (1, 3, 5))
        np.testing.assert_allclose(found, [0.8, -1.0], atol=1e-12)

    def test_what_is_no_decay_is_a_line(self) -> None:
        noisy = np.array([[0.2, 0.0], [-0.1, 0.0]])
        found, _ = extrapolate(noisy, np.zeros_like(noisy), (1, 3))
        np.testing.assert_allclose(found, [0.35, 0.0], atol=1e-12)

    @pytest.mark.parametrize("kind", ["linear", "richardson", "exponential"])
    def test_errors_are_those_of_repeated_samples(self, kind: str) -> None:
        rng = np.random.default_rng(0)
        true = 0.8 * np.exp(-0.1 * np.array([1, 3, 5]))
        sampled = true[:, None] + rng.normal(0, 0.01, (3, 4000))
        found, errors = extrapolate(
            sampled, np.full_like(sampled, 0.01), (1, 3, 5), kind
        )
        assert errors.mean() == pytest.approx(found.std(), rel=0.05)
