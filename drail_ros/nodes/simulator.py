"""The simulator node: a slice of a trainer's batch, or one robot with the topics of hardware."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from rclpy.node import Node

from drail_ros import settings
from drail_ros.nodes.batch_simulator import serve_batches
from drail_ros.nodes.parameters import OVERRIDABLE, declare
from drail_ros.nodes.robot_simulator import RobotSettings, RobotSimulator
from drail_ros.nodes.running import Stop, run_node
from drail_ros.settings import setting


@dataclass(frozen=True)
class SimulatorSettings(RobotSettings):
    """Settings of the node; those of the robot are used in mode ``robot``."""

    mode: str = setting('batch', 'batch: for a trainer, who says what; robot: as hardware is',
                        choices=('batch', 'robot'))
    threads: int = setting(0, 'threads that simulate a batch; 0 is one for each core', low=0)


class SimulatorNode(Node):
    """Wires one of the two simulators to topics."""

    stop: Stop

    def __init__(self) -> None:
        super().__init__('simulator', **OVERRIDABLE)
        chosen = SimulatorSettings(**declare(self, settings.specs(SimulatorSettings).values()))
        if chosen.mode == 'batch':
            self.close = serve_batches(self, chosen.threads).close
        else:
            self.close = RobotSimulator(self, chosen).close


def main() -> int:
    """Run the node."""
    return run_node(SimulatorNode)


if __name__ == '__main__':
    sys.exit(main())
