# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Policies that somebody announces: what an announcement says, and loading what it points to.

An announcement is JSON with ``file``, ``sha256`` and ``step``. Files are read in a thread of
their own, for a disk may be slow, and a robot that is being driven must not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
import json
import queue
import threading

from drail_ros.deploy.onnx_policy import OnnxPolicy
from drail_ros.errors import UserError
from drail_ros.robot.refusals import RefusedError

REASON = 'policy'
"""Under which refused announcements are counted."""
_LONGEST_TEXT = 10_000
_SHOWN = 100


@dataclass(frozen=True)
class Offer:
    """An announced policy."""

    file: str
    sha256: str
    step: int


def parse_offer(text: str) -> Offer:
    """Return what an announcement says.

    Raises:
        RefusedError: it is no JSON, or lacks something.

    """
    if len(text) > _LONGEST_TEXT:
        raise RefusedError(REASON, f'the announcement has {len(text)} characters')
    try:
        said = json.loads(text)
        offer = Offer(said['file'], said['sha256'], said['step'])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RefusedError(REASON, f'{type(error).__name__} in the announcement '
                           f'{text[:_SHOWN]!r}') from error
    if [type(value) for value in vars(offer).values()] != [str, str, int]:
        raise RefusedError(REASON, f'wrong types in the announcement {text[:_SHOWN]!r}')
    return offer


def load_offered(offer: Offer, device: str) -> OnnxPolicy:
    """Load an announced policy.

    Raises:
        UserError: it cannot be loaded, or is another than was announced.

    """
    policy = OnnxPolicy(offer.file, device)
    if policy.sha256 != offer.sha256:
        raise UserError(f'policy {policy.path} is not the one that was announced',
                        found=policy.sha256, expected=offer.sha256[:_SHOWN])
    return policy


class OfferReader:
    """Loads announced policies in the background; of several that wait, only the latest."""

    def __init__(self, load: Callable[[Offer], OnnxPolicy]) -> None:
        self._load = load
        self._offers: queue.SimpleQueue[Offer] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Offer, Future[OnnxPolicy]]] = queue.SimpleQueue()
        # A daemon: a file that never comes must not keep the process from ending.
        threading.Thread(target=self._work, daemon=True).start()

    def submit(self, offer: Offer) -> None:
        """Have a policy loaded; returns at once."""
        self._offers.put(offer)

    def loaded(self) -> Iterator[tuple[Offer, Future[OnnxPolicy]]]:
        """Yield what was loaded, or failed to, since this was last asked."""
        while not self._done.empty():
            yield self._done.get()

    def _work(self) -> None:
        while True:
            offer = self._offers.get()
            while not self._offers.empty():
                offer = self._offers.get()
            future: Future[OnnxPolicy] = Future()
            try:
                future.set_result(self._load(offer))
            except Exception as error:
                future.set_exception(error)
            self._done.put((offer, future))
