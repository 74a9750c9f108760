"""Signals that wait until a training has written its checkpoint."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from qml_qdl.training.signals import ENDING, HeldSignals


@pytest.fixture
def came() -> Iterator[list[int]]:
    """Numbers of the signals that came through, to handlers of a program's own."""
    seen: list[int] = []
    before = {each: signal.getsignal(each) for each in ENDING}
    for each in ENDING:
        signal.signal(each, lambda number, frame: seen.append(number))
    mine = {each: signal.getsignal(each) for each in ENDING}
    yield seen
    after = {each: signal.getsignal(each) for each in ENDING}
    for each, handler in before.items():
        signal.signal(each, handler)
    assert after == mine


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_a_signal_waits_until_it_is_delivered(
    number: signal.Signals, came: list[int]
) -> None:
    with HeldSignals() as held:
        assert not held.came
        signal.raise_signal(number)
        assert (held.came, came) == (True, [])
        held.deliver()
        assert (held.came, came) == (False, [number])
        # The handler had all go on: the next one waits again.
        signal.raise_signal(number)
        assert came == [number]
    assert came == [number, number]


def test_a_second_one_acts_at_once(came: list[int]) -> None:
    with HeldSignals():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert came == [signal.SIGINT]
    assert came == [signal.SIGINT, signal.SIGTERM]


def test_handlers_that_were_set_meanwhile_are_held_too(came: list[int]) -> None:
    with HeldSignals() as held:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        held.hold()
        signal.raise_signal(signal.SIGTERM)
        assert held.came
    assert came == [signal.SIGTERM]


def test_it_is_delivered_after_an_error_but_not_after_an_interrupt(
    came: list[int],
) -> None:
    def end_with(error: BaseException) -> None:
        with HeldSignals():
            signal.raise_signal(signal.SIGTERM)
            raise error

    with pytest.raises(ZeroDivisionError):
        end_with(ZeroDivisionError())
    assert came == [signal.SIGTERM]
    with pytest.raises(KeyboardInterrupt):
        end_with(KeyboardInterrupt())
    assert came == [signal.SIGTERM]


def test_signals_that_are_ignored_stay_so(came: list[int]) -> None:
    handler = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with HeldSignals() as held:
        signal.raise_signal(signal.SIGTERM)
        assert not held.came
    assert signal.signal(signal.SIGTERM, handler) is signal.SIG_IGN


def test_outside_the_main_thread_nothing_changes(came: list[int]) -> None:
    handlers: list[object] = []

    def hold() -> None:
        with HeldSignals():
            handlers.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    assert handlers == [before]
