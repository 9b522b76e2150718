"""Kafka hangs: its process stands still, connections stay open. streamer says so, stays alive, and ends in time."""

import pytest

from tests.e2e.test_outages import services, stage

__all__ = ["services", "stage"]
pytestmark = [pytest.mark.slow, pytest.mark.real]
GRACE_S = 30
"""Kubernetes' default between SIGTERM and SIGKILL."""
