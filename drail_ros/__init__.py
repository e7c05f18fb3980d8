"""drail_ros: from demonstrations to a policy on hardware, as ROS 2 nodes over a ROS-free core."""

__version__ = '0.1.0'
