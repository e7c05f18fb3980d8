# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Choose how MuJoCo draws without a screen; to be asked before anything imports mujoco."""

from __future__ import annotations

import ctypes.util
import os
import sys

from drail_ros.errors import UserError

VARIABLE = 'MUJOCO_GL'
_LIBRARIES = {'egl': 'EGL', 'osmesa': 'OSMesa'}
"""Of each way of drawing without a screen; the first one found is taken."""
INSTALL = ('sudo apt install libegl1 libgl1-mesa-dri (any processor, and what GPUs need besides '
           'their driver), or libosmesa6 and MUJOCO_GL=osmesa')


def choose_gl() -> None:
    """Set MUJOCO_GL where nobody has and there is no screen to draw on.

    Raises:
        UserError: there is nothing to draw with.

    """
    if os.environ.get(VARIABLE) or sys.platform != 'linux' or os.environ.get('DISPLAY'):
        return
    for name, library in _LIBRARIES.items():
        if ctypes.util.find_library(library):
            os.environ[VARIABLE] = name
            return
    raise UserError('nothing to draw with', found='no screen, and neither libEGL nor libOSMesa',
                    expected='one of the two', do=INSTALL)
