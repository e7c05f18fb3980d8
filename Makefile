# Everything runs in .venv, which the first call fills and later calls leave alone.
#
#   make PYTHON=python3.12     the Python it is made with (3.11 or newer)
#   make TORCH=/path/to.whl    another build of torch than pip finds for the pinned version

PYTHONS := python3 python3.14 python3.13 python3.12 python3.11
IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(firstword $(foreach python,$(PYTHONS),\
	$(shell $(python) -c '$(IS_NEW_ENOUGH)' 2>/dev/null && echo $(python))))
TORCH ?= $(shell grep '^torch==' constraints.txt)
PIP = .venv/bin/python -m pip --disable-pip-version-check --quiet

# In a shell with a sourced ROS distro, the distro's rclpy, built for another Python perhaps, would
# hide the one in .venv, its libraries would mix with those of the wheels, and its middleware need
# not be among them. So the distro is left out here, for these commands only; colcon and
# `ros2 launch` are the way to run with it.
ifdef AMENT_PREFIX_PATH
unexport PYTHONPATH AMENT_PREFIX_PATH LD_LIBRARY_PATH RMW_IMPLEMENTATION
endif
# Set by the wheels for the children of a process, wrong for another virtual environment.
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE

.PHONY: demo test test-slow check format bench clean

demo: .venv/ready
	.venv/bin/drail demo

# Many tests wait for processes: a few more of them at a time than there are cores.
test: .venv/ready
	@OMP_NUM_THREADS=1 .venv/bin/python -m pytest -q -n $$(( $$(nproc) + 1 )) --dist worksteal

test-slow: .venv/ready
	@.venv/bin/python -m pytest -q -m slow

check: .venv/ready
	.venv/bin/ruff check .
	.venv/bin/mypy

format: .venv/ready
	.venv/bin/ruff check --fix .

# The peers that a benchmark compares with run in environments of their own, started by it; a task is
# there to be measured by one.
bench: .venv/ready
	@set -e; for file in $(filter-out %_peer.py %_task.py,$(wildcard bench/*.py)); do \
	  echo "== $$file"; .venv/bin/python "$$file"; done

# Keeps .venv: delete it by hand to start afresh.
clean:
	rm -rf build dist install log *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find bench drail_ros launch test -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# The drail_ros in .venv is the source tree itself (--editable): edits need no new installation.
# Without a GPU, the CPU build of torch is a far smaller download; it is taken where the sources pip is
# configured with offer one.
.venv/ready: setup.py package.xml constraints.txt
	@test -n '$(PYTHON)' && $(PYTHON) -c '$(IS_NEW_ENOUGH)' || { \
	  echo 'error: no Python 3.11 or newer found (tried: $(or $(PYTHON),$(PYTHONS)))' >&2; \
	  echo '  do: install one and name it: make PYTHON=/path/to/python3.12' >&2; exit 1; }
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv || \
	  $(PYTHON) -m virtualenv .venv || { \
	  echo 'error: $(PYTHON) can make no virtual environment' >&2; \
	  echo '  do: install its venv module (Debian, Ubuntu: sudo apt install python3-venv)' >&2; exit 1; }
	@echo 'installing drail_ros and its dependencies in .venv (once, some minutes)'
	@command -v nvidia-smi >/dev/null || test '$(origin TORCH)' != file || \
	  $(PIP) install -c constraints.txt '$(TORCH)+cpu' 2>/dev/null || true
	$(PIP) install -c constraints.txt '$(TORCH)'
	$(PIP) install -c constraints.txt --editable '.[formats,ros,test,view]'
	@touch $@
