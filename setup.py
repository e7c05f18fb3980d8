"""What colcon and pip install; name, version and other facts about the package: package.xml."""

from glob import glob
from xml.etree import ElementTree

from setuptools import find_packages, setup

package = ElementTree.parse('package.xml')
name = package.findtext('name')
maintainer = package.find('maintainer')

setup(
    name=name,
    version=package.findtext('version'),
    description=package.findtext('description'),
    maintainer=maintainer.text,
    maintainer_email=maintainer.get('email'),
    license=package.findtext('license'),
    packages=find_packages(include=[name, f'{name}.*']),
    package_data={f'{name}.tasks': ['experts/*.onnx']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{name}']),
        (f'share/{name}', ['package.xml']),
        (f'share/{name}/launch', sorted(glob('launch/*.launch.py'))),
        (f'share/{name}/config', sorted(glob('config/*.*'))),
        (f'share/{name}/rviz', sorted(glob('rviz/*.rviz'))),
        # Where `ros2 run` and launch look for nodes. As entry points only colcon would put them
        # there, and pip would fill bin/ with commands called simulator and viewer.
        (f'lib/{name}', sorted(glob('scripts/*'))),
    ],
    entry_points={'console_scripts': ['drail = drail_ros.cli:main']},
    zip_safe=False,
    python_requires='>=3.11',
    install_requires=[
        'gymnasium>=1.0',
        'gymnasium-robotics>=1.4',
        'matplotlib',
        'mcap',
        'mujoco>=4',
        'numpy>=1.26',
        'onnx',
        'onnxruntime>=1.20',
        'onnxscript',
        'pyyaml',
        'rosbags',
        'safetensors',
        'tensorboard',
        'torch>=2.4',
        'tqdm',
    ],
    extras_require={
        'ros': [
            'ros-rclpy[fastrtps]',
            'ros-builtin-interfaces',
            'ros-diagnostic-msgs',
            'ros-geometry-msgs',
            'ros-lifecycle-msgs',
            'ros-rcl-interfaces',
            'ros-rosgraph-msgs',
            'ros-sensor-msgs',
            'ros-std-msgs',
            'ros-std-srvs',
            'ros-visualization-msgs',
        ],
        'formats': ['h5py', 'pyarrow>=15'],
        'gpu': ['onnxruntime-gpu>=1.20'],
        'view': ['opencv-python-headless', 'pillow'],
        'test': ['mypy', 'pandas', 'pytest<9', 'pytest-xdist', 'ruff'],
    },
)
