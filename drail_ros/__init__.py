# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""drail_ros: from demonstrations to a policy on hardware, as ROS 2 nodes over a ROS-free core."""

import os

_SPINS = '20000'
"""A quarter of a millisecond, longer than the pauses between the products of a small network."""


def wait_briefly() -> None:
    """Have OpenMP's threads, which torch computes with, ask the kernel for sleep soon.

    They wait for one another thousands of times a second. GNU's wait by spinning for
    milliseconds, unless told otherwise: quick on idle cores, but beside another program it spends
    the turns of the thread it waits for. Heeded only before torch is imported; whoever set a
    policy keeps it.
    """
    if not {'OMP_WAIT_POLICY', 'GOMP_SPINCOUNT'} & os.environ.keys():
        os.environ['GOMP_SPINCOUNT'] = _SPINS


wait_briefly()

__version__ = '0.1.0'
