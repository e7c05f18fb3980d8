"""Choose the simulator of a task."""

from __future__ import annotations

from drail_ros.sim.array_sim import ArraySim
from drail_ros.sim.episodes import EpisodicSim
from drail_ros.sim.mujoco_sim import MujocoSim
from drail_ros.tasks.task import Task


def make_sim(task: Task, num_envs: int, noise: float, *, threads: int = 0,
             first_env: int = 0) -> EpisodicSim:
    """Return a simulator in this process of ``num_envs`` environments of the task.

    Raises:
        UserError: the noise level lies outside the task's.

    """
    if task.dynamics is not None:
        task.check_noise(noise)
        return ArraySim(task, num_envs, first_env)
    return MujocoSim(task, num_envs, noise, threads, first_env)
