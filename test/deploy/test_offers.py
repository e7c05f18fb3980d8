# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Announcements are read with suspicion, and loaded beside whoever drives."""

from __future__ import annotations

import threading
import time

import pytest

from drail_ros.deploy.offers import Offer, OfferReader, parse_offer
from drail_ros.errors import UserError
from drail_ros.robot.refusals import RefusedError


@pytest.mark.parametrize('text', [
    '', '3', '[]', '{"file": "a", "sha256": "b"}', '{"file": "a", "sha256": "b", "step": true}',
    '{"file": "a", "sha256": "b", "step": 1.0}', '{"file": null, "sha256": "b", "step": 1}',
    '[' * 9000, '{"file": "a", "sha256": "b", "step": 1' + ' ' * 10_000 + '}',
    '{"file": "a", "sha256": "b", "step": ' + '9' * 5000 + '}'])
def test_what_is_no_announcement_is_refused(text: str) -> None:
    with pytest.raises(RefusedError) as error:
        parse_offer(text)
    assert error.value.reason == 'policy' and len(str(error.value)) < 300


def test_an_announcement_is_read() -> None:
    assert parse_offer('{"file": "/a", "sha256": "b", "step": 7, "more": 1}') == Offer(
        '/a', 'b', 7)


def collect(reader: OfferReader, count: int) -> list[tuple[int, object]]:
    """Wait for so many results; the exception stands for a policy that failed."""
    found: list[tuple[int, object]] = []
    until = time.monotonic() + 30.0
    while len(found) < count:
        assert time.monotonic() < until
        found += [(offer.step, future.exception() or future.result())
                  for offer, future in reader.loaded()]
        time.sleep(0.001)
    return found


def test_loading_blocks_nobody_and_only_the_latest_that_waits_is_loaded() -> None:
    go = threading.Event()
    loading = threading.Event()

    def load(offer: Offer) -> int:
        loading.set()
        assert go.wait(30.0)
        return 10 * offer.step

    reader = OfferReader(load)  # type: ignore[arg-type]
    reader.submit(Offer('a', '', 1))
    assert loading.wait(30.0)
    for step in (2, 3, 4):
        reader.submit(Offer('a', '', step))
    assert not list(reader.loaded())
    go.set()
    assert collect(reader, 2) == [(1, 10), (4, 40)]


def test_one_that_fails_does_not_end_the_reader() -> None:
    errors = [UserError('no'), RuntimeError('bug')]

    def load(offer: Offer) -> int:
        if offer.step < 2:
            raise errors[offer.step]
        return offer.step

    reader = OfferReader(load)  # type: ignore[arg-type]
    for step in range(3):
        reader.submit(Offer('a', '', step))
        assert collect(reader, 1) == [(step, errors[step] if step < 2 else 2)]
