# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Bytes on the channel: named arrays and a few facts, and how facts are read with suspicion.

The bytes are a safetensors blob: self-describing, checked on reading, nothing executable in it.
Whoever can write to the channel can write anything, so every fact has a type and bounds.
``messages.py`` says which facts there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import json
import sys
from typing import Any, NoReturn

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from drail_ros.tasks.task import Array

PROTOCOL = 'drail_ros batch 3'
LARGEST_COUNT = 2 ** 63 - 1
"""Sequence numbers and seeds are int64 wherever they go."""
LONGEST_NAME = 200
LONGEST_TEXT = 4000

_UNREADABLE = (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError,
               OverflowError, MemoryError)
"""What safetensors, json and numpy raise on bytes that are no message."""


class MalformedMessageError(ValueError):
    """Bytes that are no message of this protocol."""


@dataclass(frozen=True)
class Packet:
    """What a message is made of, as it is on the wire; the methods read it, checked.

    All of these raise MalformedMessageError where what is asked for is missing or something else.
    """

    kind: str
    session: str
    sequence: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)

    def pack(self) -> bytes:
        """Return the bytes."""
        header = {'protocol': PROTOCOL, 'kind': self.kind, 'session': self.session,
                  'sequence': self.sequence, 'facts': dict(self.facts)}
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        return save(arrays, {'message': json.dumps(header, allow_nan=False)})

    def fact(self, name: str) -> Any:
        """Return whatever was sent under a name."""
        if name not in self.facts:
            raise MalformedMessageError(f'{self.kind!r} lacks {name}')
        return self.facts[name]

    def name(self, name: str, *, may_be_empty: bool = False) -> str:
        """Return a short text of one line."""
        value = self.fact(name)
        if (not isinstance(value, str) or len(value) > LONGEST_NAME or not value.isprintable()
                or not (value or may_be_empty)):
            self._refuse(name, 'a short text')
        return value

    def text(self, name: str) -> str:
        """Return a text of a few lines."""
        value = self.fact(name)
        if (not isinstance(value, str) or len(value) > LONGEST_TEXT
                or not value.replace('\n', '').isprintable()):
            self._refuse(name, 'a text')
        return value

    def count(self, name: str, low: int = 0, high: int = LARGEST_COUNT) -> int:
        """Return a whole number within bounds."""
        value = self.fact(name)
        if not is_count(value, low, high):
            self._refuse(name, f'a whole number from {low} to {high}')
        return value

    def number(self, name: str) -> float:
        """Return a finite number."""
        value = self.fact(name)
        # Compared before it is converted, for a whole number may be too large for a float.
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not (
                abs(value) <= sys.float_info.max):
            self._refuse(name, 'a finite number')
        return float(value)

    def array(self, name: str, dtype: type, shape: tuple[int | None, ...]) -> Array:
        """Return an array of finite numbers; None in ``shape`` is any length."""
        if name not in self.arrays:
            raise MalformedMessageError(f'{self.kind!r} lacks array {name}')
        array = self.arrays[name]
        if array.dtype != dtype or len(array.shape) != len(shape) or any(
                there != wanted for there, wanted in zip(array.shape, shape)
                if wanted is not None):
            raise MalformedMessageError(f'{self.kind!r} has {name} as {array.dtype} of shape '
                                        f'{array.shape}, expected {np.dtype(dtype)} of {shape}')
        if not np.isfinite(array).all():
            raise MalformedMessageError(f'{self.kind!r} has {name} that is not finite')
        return array

    def _refuse(self, name: str, expected: str) -> NoReturn:
        raise MalformedMessageError(f'{self.kind!r} has no {name} that is {expected}')


def unpack(content: bytes) -> Packet:
    """Return what some bytes are made of; its facts are yet to be read.

    Raises:
        MalformedMessageError: they are no message, or one of another protocol version.

    """
    try:
        length = int.from_bytes(content[:8], 'little')
        header = json.loads(json.loads(content[8:8 + length])['__metadata__']['message'])
        protocol, kind, session, sequence, facts = (
            header[name] for name in ('protocol', 'kind', 'session', 'sequence', 'facts'))
        arrays = load(content)
    except _UNREADABLE as error:
        raise MalformedMessageError(f'not a message: {type(error).__name__}') from error
    if protocol != PROTOCOL:
        found = repr(protocol[:LONGEST_NAME]) if isinstance(protocol, str) else 'no text'
        raise MalformedMessageError(f'found {found}, expected {PROTOCOL!r}')
    for word in (kind, session):
        if not isinstance(word, str) or len(word) > LONGEST_NAME or not word.isprintable():
            raise MalformedMessageError('kind or session is not a short text')
    if not is_count(sequence) or not isinstance(facts, dict):
        raise MalformedMessageError('no sequence number, or no facts')
    return Packet(kind, session, sequence, facts, arrays)


def is_count(value: object, low: int = 0, high: int = LARGEST_COUNT) -> bool:
    """Whether something from outside is a whole number within bounds; True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
