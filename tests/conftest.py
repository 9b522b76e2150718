"""Makes the real services of tests/services available to every test. Nothing skips: a missing service is a failure."""

from importlib.util import find_spec

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
