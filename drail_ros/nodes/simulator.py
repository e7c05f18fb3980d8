# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""The simulator node: a slice of a trainer's batch, or one robot with the topics of hardware."""

from __future__ import annotations

from dataclasses import dataclass
import sys

from drail_ros import settings
from drail_ros.nodes.batch_simulator import BatchSimulator
from drail_ros.nodes.parameters import declare
from drail_ros.nodes.robot_simulator import RobotSettings, RobotSimulator
from drail_ros.nodes.running import run_node, RunnableNode, Stop
from drail_ros.settings import setting


@dataclass(frozen=True)
class SimulatorSettings(RobotSettings):
    """Settings of the node; those of the robot are used in mode ``robot``."""

    mode: str = setting('batch', 'batch: for a trainer, who says what; robot: as hardware is',
                        choices=('batch', 'robot'))
    threads: int = setting(0, 'threads that simulate a batch; 0 is one for each core', low=0)


class SimulatorNode(RunnableNode):
    """Wires one of the two simulators to topics."""

    def __init__(self, stop: Stop) -> None:
        super().__init__('simulator', stop)
        self._simulator: BatchSimulator | RobotSimulator | None = None

    def begin(self) -> None:
        """Start the simulator that was chosen."""
        chosen = SimulatorSettings(**declare(self, settings.specs(SimulatorSettings).values()))
        self._simulator = (BatchSimulator(self, chosen.threads) if chosen.mode == 'batch'
                           else RobotSimulator(self, chosen, self.stop.request))

    def serves_a_trainer(self) -> bool:
        """Whether a trainer that lives holds this simulator."""
        return isinstance(self._simulator, BatchSimulator) and self._simulator.is_owned

    def close(self) -> None:
        """Release the simulation."""
        if self._simulator is not None:
            self._simulator.close()


def main() -> int:
    """Run the node."""
    return run_node(SimulatorNode, is_needed=SimulatorNode.serves_a_trainer)


if __name__ == '__main__':
    sys.exit(main())
