"""What other limiters, breakers and retries were seen to do wrong, asked of tidegate in Python.

Starts are booked rather than waited for, so that a schedule is read and nobody sleeps. What is seen
better from within has its test in C++:

=====================================================  ============================================
Seen of another                                        The test that tidegate does not
=====================================================  ============================================
10 a second let 19 through in one                      ``..._in_any_window`` below
20 in 1 ms around the edge of a cycle                  ``..._in_any_window`` below
a heavy start waits until all light ones are through   ``..._not_overtaken`` below
a newcomer overtakes those that wait                   ``..._while_somebody_waits`` below
a stalled loop lets a newcomer overtake                ``AStalledLoopLetsNobodyOvertake``
cancelled waiters stay until the first one goes        ``AfterACancelOfAllNothingStaysAndTheir...``
cancelled waiters keep their slots                     ``..._slots_are_free`` below
a key that is idle waits for another                   ``Those that wait for a key go in their...``
a hedge that fails ends what would succeed             ``AFailureWaitsForTheOther``
a slot is lost where a wait ends as one comes free     ``OneThatTimesOutAndAReleaseLoseNoSlot``
the first of all is refused                            ``..._granted_at_once`` below
a wait that cannot be met is waited for                ``..._refused_at_once`` below
two permits a moment apart, at a grid's line           ``..._closer_than_its_pace`` below
a large start is paid for by the next                  ``..._pays_for_itself_alone`` below
a breaker's lock is held while a call runs             ``test_no_lock_is_held_while_a_call_runs``
cancelled calls open a breaker                         ``test_what_is_no_fault_of_the_service_...``
two failures of every three calls never open it        ``..._of_every_three_open_it`` below
half-open lets a hundred through                       ``OfAHundredCallsHalfOpenLetsThreeIn``
a late success closes a half-open one                  ``ACallOfBeforeItOpenedDoesNotCloseIt...``
a probe that is lost blocks it for ever                ``ProbesThatNeverReportGiveTheirPlace...``
retries go on after their time is over                 ``..._after_its_time_is_over`` below
retries multiply the load on what is down              ``..._a_service_that_is_down`` below
=====================================================  ============================================
"""

import itertools
from collections.abc import Iterator

import pytest

import tidegate as tg
from tidegate.testing import VirtualTime, virtual_time


@pytest.fixture
def time() -> Iterator[VirtualTime]:
    with virtual_time() as made:
        yield made


def schedule(limiter: tg.Limiter, count: int, weight: int = 1) -> list[float]:
    """When so many would start that all ask now."""
    return [limiter.reserve(weight).start for _ in range(count)]


def most_in_any(window: float, starts: list[float]) -> int:
    """A nanosecond less than the window, which is one for the rounding of floats."""
    return max(sum(first <= s < first + window - 1e-6 for s in starts) for first in starts)


@pytest.mark.parametrize("burst", [1, 3, 10])
def test_a_strict_limit_lets_no_more_through_in_any_window(burst: int) -> None:
    """Also where the burst was unused before."""
    limiter = tg.Limiter(rate=tg.Rate(10, "1h", burst, strict=True))
    starts = schedule(limiter, 60)
    assert most_in_any(3600, starts) <= 10
    assert starts[burst - 1] - starts[0] < 60
    assert most_in_any(60, starts) == burst


def test_a_heavy_start_is_not_overtaken_by_light_ones() -> None:
    """Whatever its weight, it is served when it would have been."""
    limiter = tg.Limiter(rate=tg.Rate(10, "1h", burst=5))
    first = limiter.reserve(5)
    heavy = limiter.reserve(5)
    light = schedule(limiter, 30)
    assert heavy.start - first.start == pytest.approx(1800)
    assert min(light) > heavy.start


def test_nobody_comes_first_while_somebody_waits() -> None:
    """Neither with try_acquire() nor by booking."""
    limiter = tg.Limiter(rate="1/h")
    assert limiter.try_acquire()
    waiting = limiter.acquire()
    assert not limiter.try_acquire()
    with pytest.raises(tg.RateLimited) as caught:
        limiter.reserve()
    assert caught.value.retry_after > 7100  # behind the one that waits
    waiting.cancel()


def test_after_a_cancel_of_all_their_slots_are_free() -> None:
    """The next start is where the first of them would have been."""
    limiter = tg.Limiter("slots", rate="1/h")
    first = limiter.reserve()
    waiting = [limiter.acquire() for _ in range(5)]
    for operation in waiting:
        operation.cancel()
    for operation in waiting:
        with pytest.raises(tg.Cancelled):
            operation.result(60)
    booked = limiter.acquire(timeout="2h")
    assert not booked.done
    booked.cancel()
    with pytest.raises(tg.Cancelled):
        booked.result(60)
    assert limiter.stats().lost == 0
    assert 3500 < limiter.acquire(timeout=1).error.retry_after <= 3600  # type: ignore[union-attr]
    assert first.delay == 0


def test_an_idle_limiter_does_not_wait_for_another() -> None:
    """Though one waits, in this process, under the same name."""
    busy, idle = tg.Limiter("key", rate="1/h"), tg.Limiter("key", rate="1/h")
    assert busy.try_acquire()
    waiting = busy.acquire()
    assert idle.acquire().done
    waiting.cancel()


@pytest.mark.parametrize("rate", ["1/h", "1/d", tg.Rate(7, 60, strict=True)])
def test_the_first_of_all_is_granted_at_once(rate: str | tg.Rate) -> None:
    """Nothing has to be saved up."""
    assert tg.Limiter(rate=rate).try_acquire()
    assert tg.Limiter(pace="1d").try_acquire()


def test_a_wait_that_cannot_be_met_is_refused_at_once() -> None:
    """And takes nothing."""
    limiter = tg.Limiter(rate=tg.Rate(1, 1000))
    first = limiter.reserve()
    for _ in range(5):
        refused = limiter.acquire(timeout=0.5)
        assert refused.done
        assert isinstance(refused.error, tg.RateLimited)
    assert limiter.reserve().start - first.start == pytest.approx(1000)


def test_no_start_is_closer_than_its_pace() -> None:
    """From whatever moment the first one is."""
    starts = schedule(tg.Limiter(pace=200, jitter=100, pause=(5, 1000, 2000)), 40)
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert min(gaps) >= 200 - 1e-5  # a pace counts microseconds
    assert sum(gap >= 1200 for gap in gaps) == 7


def test_a_large_start_pays_for_itself_alone() -> None:
    """It waits until it is paid for, and the next one does not."""
    limiter = tg.Limiter(rate=tg.Rate(10, "1h", burst=50))
    first = limiter.reserve(50)
    large = limiter.reserve(50)
    assert large.start - first.start == pytest.approx(18_000)
    assert limiter.reserve().start - large.start == pytest.approx(360)


def test_two_failures_of_every_three_open_it() -> None:
    """Though none follows three others."""
    breaker = tg.Breaker("of_three")
    for n in range(30):
        if breaker.state == "open":
            break
        permit = breaker.enter()
        permit.success() if n % 3 == 2 else permit.failure()
    assert breaker.state == "open"


def test_no_attempt_begins_after_its_time_is_over(time: VirtualTime) -> None:
    """Nor does a pause go on until then."""
    begun = []

    @tg.retry(attempts=50, timeout=0.5, backoff=0.4, max_backoff=0.4)
    def fails() -> None:
        begun.append(time.now())
        raise ConnectionError

    started = time.now()
    with pytest.raises(ConnectionError):
        fails()
    assert len(begun) > 1
    assert max(begun) < started + 0.5
    assert time.now() < started + 0.5


def test_a_service_that_is_down_gets_a_fifth_more_than_before(time: VirtualTime) -> None:
    """However many callers there are: three functions share what there is."""
    budget = tg.RetryBudget(0.2, 0, 10)
    attempts = 0

    def fails() -> None:
        nonlocal attempts
        attempts += 1
        raise ConnectionError

    functions = [tg.retry(budget=budget)(fails) for _ in range(3)]
    for n in range(1000):
        with pytest.raises(ConnectionError):
            functions[n % 3]()
    assert 1000 + 200 - 1 <= attempts <= 1000 + 200 + 10
