# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""When an observation is acted upon, in plain numbers: 10 Hz, messages fresh for 0.25 s."""

from __future__ import annotations

import pytest

from drail_ros.robot.freshness import Due, Freshness
from drail_ros.robot.refusals import RefusedError

PERIOD_S, MAX_AGE_S = 0.1, 0.25


class Senses:
    """Two topics, whose messages arrive as soon as they are stamped, unless a test says else."""

    def __init__(self) -> None:
        self.freshness = Freshness(('arm', 'goal'), PERIOD_S, MAX_AGE_S)

    def sense(self, topic: str, stamp_s: float, clock_s: float | None = None,
              now_s: float | None = None) -> Due | None:
        now_s = stamp_s if now_s is None else now_s
        self.freshness.sense(topic, round(stamp_s * 1e9), now_s)
        return self.freshness.due(round((stamp_s if clock_s is None else clock_s) * 1e9), now_s)

    def both(self, stamp_s: float, clock_s: float | None = None,
             now_s: float | None = None) -> Due | None:
        assert self.sense('arm', stamp_s, clock_s, now_s) is None
        return self.sense('goal', stamp_s, clock_s, now_s)


@pytest.fixture
def senses() -> Senses:
    return Senses()


def test_it_waits_for_every_topic(senses: Senses) -> None:
    assert senses.freshness.missing() == ['arm', 'goal']
    assert senses.sense('arm', 5.0) is None
    assert senses.sense('arm', 5.1) is None
    assert senses.freshness.missing() == ['goal']
    assert senses.sense('goal', 5.15) == Due(5_150_000_000, 5.15, repeats=False, begins=True)
    assert senses.freshness.missing() == ['arm', 'goal'], 'each is used once'


def test_after_a_lost_message_the_others_are_not_seen_a_period_late(senses: Senses) -> None:
    """What waits for a lost message is replaced before it is used."""
    assert senses.both(5.0)
    assert senses.sense('goal', 5.1) is None, 'that of the arm was lost'
    assert senses.sense('arm', 5.2) is None, 'goal is a period older'
    due = senses.sense('goal', 5.2)
    assert due is not None and due.stamp_ns == 5_200_000_000
    assert senses.both(5.3) and senses.both(5.4), 'and all is as before'


@pytest.mark.parametrize(('apart_s', 'waits'), [(0.089, False), (0.091, True)])
def test_who_is_slower_than_the_rate_is_waited_for_once(apart_s: float, waits: bool,
                                                        senses: Senses) -> None:
    assert senses.sense('goal', 5.0) is None
    first = senses.sense('arm', 5.0 + apart_s)
    assert (first is None) == waits
    if waits:
        assert senses.sense('arm', 5.15) is not None, 'it speaks again: the goal is slower'
        assert senses.sense('goal', 5.3) is None
        assert senses.sense('arm', 5.31) is not None, 'these lie together'


def test_what_is_dropped_is_missing(senses: Senses) -> None:
    senses.sense('arm', 5.0)
    senses.freshness.drop('arm')
    assert senses.sense('goal', 5.0) is None
    assert senses.freshness.missing() == ['arm']


@pytest.mark.parametrize(('gap_s', 'expected'), [
    pytest.param(0.08, None, id='too-early'),
    pytest.param(0.089, None, id='still-too-early'),
    pytest.param(0.091, {'repeats': False, 'begins': False}, id='early-by-jitter'),
    pytest.param(0.1, {'repeats': False, 'begins': False}, id='next'),
    pytest.param(0.24, {'repeats': False, 'begins': False}, id='late'),
    pytest.param(0.26, {'repeats': False, 'begins': True}, id='too-late-to-go-on'),
    pytest.param(-0.05, None, id='a-little-back'),
])
def test_the_rate_is_kept_by_stamps(gap_s: float, expected: dict[str, bool] | None,
                                    senses: Senses) -> None:
    """However little real time passes: a simulator may be faster than it."""
    assert senses.both(5.0, now_s=5.0)
    due = senses.both(5.0 + gap_s, now_s=5.001)
    assert due == (expected and Due(round((5.0 + gap_s) * 1e9), 5.001, **expected))


@pytest.mark.parametrize(('after_s', 'is_due'), [(0.001, False), (0.089, False), (0.091, True)])
def test_repeats_are_answered_at_most_at_the_rate(after_s: float, is_due: bool,
                                                  senses: Senses) -> None:
    assert senses.both(5.0, now_s=5.0)
    due = senses.both(5.0, now_s=5.0 + after_s)
    assert due == (Due(5_000_000_000, 5.0 + after_s, repeats=True, begins=False) if is_due
                   else None)


@pytest.mark.parametrize(('sensed', 'reason'), [
    pytest.param({'clock_s': 5.251}, 'stale', id='stale'),
    pytest.param({'clock_s': 4.749}, 'from the future', id='future'),
])
def test_old_and_future_messages_are_refused(sensed: dict[str, float], reason: str,
                                             senses: Senses) -> None:
    senses.freshness.sense('arm', 5_000_000_000, 5.0)
    with pytest.raises(RefusedError) as error:
        senses.sense('goal', 5.0, now_s=5.0, **sensed)
    assert error.value.reason == reason


@pytest.mark.parametrize('clock_s', [5.249, 4.751])
def test_up_to_the_limit_they_are_acted_upon(clock_s: float, senses: Senses) -> None:
    senses.freshness.sense('arm', 5_000_000_000, 5.0)
    assert senses.sense('goal', 5.0, clock_s, now_s=5.0)


def test_one_old_message_of_several_is_named(senses: Senses) -> None:
    senses.sense('goal', 5.0)
    with pytest.raises(RefusedError, match='stale: goal is 0.300 s old'):
        senses.sense('arm', 5.3, now_s=5.1)


def test_one_future_message_of_several_is_named(senses: Senses) -> None:
    senses.sense('arm', 5.0)
    with pytest.raises(RefusedError, match='from the future: goal is 0.300 s ahead of'):
        senses.sense('goal', 5.3, clock_s=5.0, now_s=5.0)


def test_a_clock_that_stands_still_does_not_keep_messages_fresh(senses: Senses) -> None:
    senses.sense('goal', 5.0, 5.0, now_s=5.0)
    with pytest.raises(RefusedError, match=r'stale: goal came 0.260 s ago'):
        senses.sense('arm', 5.0, 5.0, now_s=5.26)


@pytest.mark.parametrize(('stamp_s', 'reason'), [(0.0, 'unstamped'), (-1.0, 'negative stamp')])
def test_impossible_stamps_are_refused_and_replace_what_was_there(
        stamp_s: float, reason: str, senses: Senses) -> None:
    senses.sense('arm', 5.0)
    with pytest.raises(RefusedError) as error:
        senses.sense('arm', stamp_s, 5.0, 5.0)
    assert error.value.reason == reason
    assert senses.sense('goal', 5.0) is None


def test_a_clock_at_zero_is_none(senses: Senses) -> None:
    with pytest.raises(RefusedError, match='no clock'):
        senses.sense('arm', 0.04, 0.0)


def test_stamps_that_go_back_are_told_once_and_acting_begins_anew(senses: Senses) -> None:
    assert senses.both(5.0, now_s=5.0)
    senses.sense('arm', 4.9, 5.0, now_s=5.01)
    with pytest.raises(RefusedError, match='time went back: sensors by 0.100 s'):
        senses.sense('goal', 4.9, 5.0, now_s=5.01)
    assert senses.freshness.missing() == ['arm', 'goal']
    assert senses.both(4.95, 5.0, now_s=5.05) is None, 'at most at the rate'
    assert senses.sense('goal', 4.95, 5.0, now_s=5.1) == Due(4_950_000_000, 5.1, repeats=False,
                                                             begins=True)


def test_a_clock_that_goes_back_is_told_and_nothing_before_is_used(senses: Senses) -> None:
    senses.sense('goal', 5.0, 5.0, now_s=5.0)
    with pytest.raises(RefusedError, match='time went back: the clock by 4.900 s'):
        senses.sense('arm', 0.1, 0.1, now_s=5.1)
    assert senses.freshness.missing() == ['arm', 'goal']
    assert senses.both(0.2, now_s=5.2) == Due(200_000_000, 5.2, repeats=False, begins=True)


def test_a_clock_may_be_set_back_a_little(senses: Senses) -> None:
    """As time servers do."""
    assert senses.both(5.0, 5.0, now_s=5.0)
    assert senses.both(5.1, 4.95, now_s=5.1)


def test_after_a_pause_what_was_seen_is_forgotten(senses: Senses) -> None:
    assert senses.both(5.0)
    senses.sense('arm', 5.1)
    senses.freshness.begin()
    assert senses.freshness.missing() == ['arm', 'goal']
    due = senses.both(5.1, now_s=5.2)
    assert due and due.begins
