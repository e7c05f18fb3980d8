# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Scalars, and assignments as text."""

from __future__ import annotations

from dataclasses import dataclass
import math

import pytest

from drail_ros.errors import UserError
from drail_ros.settings import assigned, parse_assignments, Scalar, setting, Settings, specs


@dataclass(frozen=True)
class Some(Settings):
    """One of each type."""

    count: int = setting(1, 'how many')
    rate: float = setting(0.5, 'how fast', unit='m/s', high=10.0)
    any_rate: float = setting(0.5, 'no range')
    on: bool = setting(False, 'whether')
    path: str = setting('', 'where')
    form: str = setting('a', 'which', choices=('a', 'b'))


@pytest.mark.parametrize(('name', 'given', 'value'), [
    ('count', '1e4', 10_000), ('count', 3.0, 3), ('count', '9007199254740993', 2 ** 53 + 1),
    ('count', ' 5 ', 5), ('count', '1' * 400, int('1' * 400)), ('rate', '1e-3', 1e-3),
    ('rate', 2, 2.0), ('on', 'Yes', True), ('on', 0, False), ('path', 2024, '2024'),
    ('path', 'a b', 'a b'), ('form', 'b', 'b')])
def test_text_and_numbers_become_the_type(name: str, given: object, value: Scalar) -> None:
    found = specs(Some)[name].convert(given)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(('name', 'given', 'told'), [
    ('count', 'abc', 'wrong type'), ('count', '1.5', 'wrong type'), ('count', True, 'wrong type'),
    ('count', 'nan', 'wrong type'), ('count', math.inf, 'wrong type'), ('count', [], 'wrong type'),
    ('rate', 'fast', 'wrong type'), ('rate', False, 'wrong type'), ('rate', None, 'wrong type'),
    ('rate', 11, 'out of range'), ('rate', 'nan', 'not finite'), ('rate', '-inf', 'not finite'),
    ('any_rate', 'inf', 'not finite'), ('any_rate', math.nan, 'not finite'),
    ('on', 2, 'wrong type'), ('on', 'maybe', 'wrong type'), ('on', [True], 'wrong type'),
    ('path', None, 'wrong type'), ('path', ['a'], 'wrong type'), ('path', True, 'wrong type'),
    ('form', 'c', 'one of a, b')])
def test_other_values_are_refused(name: str, given: object, told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        specs(Some)[name].convert(given)
    assert repr(name) in str(caught.value)


def test_a_description_tells_unit_range_and_choices() -> None:
    known = specs(Some)
    assert known['rate'].describe() == 'how fast [m/s] in [-inf, 10]'
    assert known['form'].describe() == 'which; one of a, b'


@pytest.mark.parametrize(('text', 'found'), [
    ('', {}),
    ('learner.width=128 reward.epochs=8', {'learner.width': '128', 'reward.epochs': '8'}),
    ('  a=1\n\tb=2 ', {'a': '1', 'b': '2'}),
    ("path='a b' other=\"it's\"", {'path': 'a b', 'other': "it's"}),
    ('empty= a=b=c', {'empty': '', 'a': 'b=c'}),
])
def test_assignments_are_read_as_a_shell_reads_words(text: str, found: dict[str, str]) -> None:
    assert parse_assignments(text) == found


@pytest.mark.parametrize(('text', 'told'), [
    ('a=1 width', ["'width'", 'NAME=VALUE']),
    ('a = 1', ["'a'", 'no space']),
    ('=1', ["'=1'"]),
    ('a=1 a=2', ["'a' is assigned twice", "'1', '2'"]),
    ("a='1", ["a='1", 'close']),
])
def test_what_assigns_nothing_is_named(text: str, told: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        parse_assignments(text)
    for part in told:
        assert part in str(caught.value)


def test_words_are_taken_as_they_are() -> None:
    assert assigned(['path=a b', "quoted='x'"]) == {'path': 'a b', 'quoted': "'x'"}
