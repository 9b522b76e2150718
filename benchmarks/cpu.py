"""CPU seconds of this process and of a server."""

import resource

import psutil
from redis import Redis


def own() -> float:
    """User and system time of this process and all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def of_redis(client: Redis) -> float:
    """As Redis itself counts it."""
    said = client.info("cpu")
    return float(said["used_cpu_user"]) + float(said["used_cpu_sys"])  # type: ignore[index]


def of_process(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
