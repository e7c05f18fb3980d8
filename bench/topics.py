# Copyright 2026 drail_ros maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except
# in compliance with the License. You may obtain a copy of the License at
# http://www.apache.org/licenses/LICENSE-2.0 Unless required by applicable law or agreed to in
# writing, software distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
# language governing permissions and limitations under the License.

"""Training over topics over the same training in process, environment steps per second.

Both sides train with the same settings and take turns, an iteration each; over topics the
environments are in a simulator node, another process, as `drail up train_fetch` starts it.

    .venv/bin/python bench/topics.py [--quick]
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor

from drail_ros import pipeline
from drail_ros.learn.train.online import Trainer
from drail_ros.learn.train.settings import make_run_settings, task_of
from drail_ros.nodes.batch_topics import TopicChannel
from drail_ros.sim.make import make_sim
from drail_ros.sim.remote.client import HEARTBEAT_PERIOD_S, RemoteSim


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--quick', action='store_true', help='under 50 s')
    parser.add_argument('--num-envs', type=int, default=32)
    options = parser.parse_args()
    os.environ.setdefault('ROS_DOMAIN_ID', str(101 + os.getpid() % 100))
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    rclpy.init()
    node = rclpy.create_node('trainer')
    simulator = subprocess.Popen([sys.executable, '-m', 'drail_ros.nodes.simulator'])
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    done = threading.Event()
    spinner = threading.Thread(target=spin, args=(executor, done))
    spinner.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            compare(node, options, Path(folder))
    finally:
        done.set()
        spinner.join()
        simulator.terminate()
        simulator.wait()
        rclpy.try_shutdown()


def spin(executor: SingleThreadedExecutor, done: threading.Event) -> None:
    while not done.is_set():
        executor.spin_once(timeout_sec=0.1)


def compare(node: rclpy.node.Node, options: argparse.Namespace, folder: Path) -> None:
    trainers = {}
    for side in ('topics', 'in process'):
        run = make_run_settings({'num_envs': options.num_envs, 'total_steps': 10 ** 7,
                                 'warm_start': 0,
                                 'output_dir': str(folder / side.replace(' ', '_'))})
        task = task_of(run)
        if side == 'topics':
            sim = RemoteSim(TopicChannel(node), task, run.num_envs, run.noise)
            node.create_timer(HEARTBEAT_PERIOD_S, sim.heartbeat)
        else:
            sim = make_sim(task, run.num_envs, run.noise)
        trainers[side] = Trainer(sim, pipeline.demonstrations_for(run, print), run,
                                 lambda step, metrics: None)
    steps = run.num_envs * run.rollout_steps
    seconds: dict[str, list[float]] = {side: [] for side in trainers}
    for iteration in range(8 if options.quick else 60):
        for side in sorted(trainers, reverse=bool(iteration % 2)):
            began = time.perf_counter()
            trainers[side].iterate()
            if iteration > 0:
                seconds[side].append(time.perf_counter() - began)
    ratio = np.array(seconds['in process']) / np.array(seconds['topics'])
    value, against = (steps / float(np.median(seconds[side])) for side in
                      ('topics', 'in process'))
    print(f'{len(ratio)} pairs of iterations of {steps} steps; ratio quartiles '
          f'{np.percentile(ratio, [25, 75]).round(3)}')
    print(json.dumps({'name': 'topics', 'value': round(value), 'against': round(against),
                      'ratio': round(float(np.median(ratio)), 3), 'unit': 'env steps/s'}))


if __name__ == '__main__':
    main()
