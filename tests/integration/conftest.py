"""Fixtures of integration tests beside the services."""

from tests.evaluate_bench import bench as bench
