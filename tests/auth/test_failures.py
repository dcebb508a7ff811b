"""Refused credentials are counted by address: as many as are declared, forgotten in a minute, in bounded memory."""

import pytest

from gateway.auth import failures as module
from gateway.auth.failures import Failures


class Watch:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_an_address_may_fail_so_often_and_again_after_the_time_it_is_told() -> None:
    watch = Watch()
    failures = Failures(watch)
    for _ in range(6):
        assert failures.wait("a", 6) == 0
        failures.note("a", 6)
    wait = failures.wait("a", 6)
    assert wait == 10  # six a minute
    watch.at += wait
    assert failures.wait("a", 6) == 0
    failures.note("a", 6)
    assert failures.wait("a", 6) > 0
    assert failures.wait("b", 6) == 0


def test_a_minute_forgets_all_of_it() -> None:
    watch = Watch()
    failures = Failures(watch)
    failures.note("a", 3)
    assert failures
    watch.at += 60
    assert failures.wait("a", 3) == 0
    assert not failures


def test_addresses_are_bounded_and_the_one_that_failed_longest_ago_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ADDRESSES", 3)
    failures = Failures(Watch())
    for address in ("a", "b", "a", "c", "d"):
        failures.note(address, 2)
    assert len(failures) == 3
    assert failures.wait("a", 2) > 0 and failures.wait("b", 1) == 0


def test_one_network_of_ipv6_is_one_address() -> None:
    failures = Failures(Watch())
    failures.note("2001:db8::1", 1)
    assert failures.wait("2001:db8::ffff:2", 1) > 0
    assert failures.wait("2001:db8:0:1::1", 1) == 0
    failures.note("fe80::1%eth0", 1)
    assert failures.wait("fe80::2", 1) > 0
    failures.note("no:address", 1)
    assert failures.wait("no:address", 1) > 0
