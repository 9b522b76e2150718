"""Makes the real services of tests/services available to every test. Nothing skips: a missing service is a failure."""

from importlib.util import find_spec

import hypothesis

# On a machine that others share no test fails for being slow.
hypothesis.settings.register_profile("shared", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("shared")

# A service's module is its plugin; the fixtures start their program when the first test asks.
SERVICES = (
    "kafka",
    "redis",
    "redis_cluster",
    "certificates",
    "kafka_secured",
    "mlflow",
    "collector",
    "promtool",
    "receiver",
    "alertmanager",
)

pytest_plugins = [f"tests.services.{name}" for name in SERVICES if find_spec(f"tests.services.{name}")]
