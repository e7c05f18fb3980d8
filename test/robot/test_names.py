# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Names of a robot for those of a task."""

from __future__ import annotations

import pytest

from drail_ros.errors import UserError
from drail_ros.robot.names import parse_names, RobotNames

KNOWN = ['robot0:left', 'robot0:right', 'lift']


@pytest.mark.parametrize(('text', 'expected'), [
    ('', {}),
    ('lift:=torso', {'lift': 'torso'}),
    (' robot0:left:=l , robot0:right:=robot/r, ', {'robot0:left': 'l',
                                                   'robot0:right': 'robot/r'}),
    ('robot0:left:=robot0:right, robot0:right:=robot0:left',
     {'robot0:left': 'robot0:right', 'robot0:right': 'robot0:left'}),
])
def test_names_are_read(text: str, expected: dict[str, str]) -> None:
    assert parse_names('joint_names', text, KNOWN) == expected


@pytest.mark.parametrize(('text', 'message'), [
    pytest.param('lfit:=a', 'did you mean lift', id='unknown'),
    pytest.param('lift:=a, lift:=b', "names 'lift' twice", id='twice'),
    pytest.param('robot0:left:=a, lift:=a', 'found:    a', id='one-robot-name-for-two'),
    pytest.param('robot0:left:=lift', 'found:    lift', id='a-name-that-stays'),
    pytest.param('lift', 'wrong form', id='no-pair'),
    pytest.param('lift:=', 'wrong form', id='no-robot-name'),
    pytest.param(':=lift', 'wrong form', id='no-task-name'),
])
def test_what_is_ambiguous_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_names('joint_names', text, KNOWN)


def test_what_is_not_listed_is_named_alike() -> None:
    names = RobotNames({'lift': 'torso'}, {'world': 'base_link'})
    assert [names.joint('lift'), names.joint('elbow')] == ['torso', 'elbow']
    assert [names.frame('world'), names.frame('lift')] == ['base_link', 'lift']
