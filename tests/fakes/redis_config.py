"""The configuration in force and the pause, as each bucket has them; see redis_scripts."""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from streamer.core.lifecycle import IN_FORCE_MS
from tests.fakes.redis_state import Bucket

NOTHING: Mapping[str, Any] = MappingProxyType({})


def next_generation(b: Bucket, now: int, content: bytes) -> tuple[int, bool]:
    config, name = b.edit(("config",), dict[str, Any]()), f"g:{hashlib.sha1(content).hexdigest()}"
    is_new = config.get("content") != content
    if is_new and name in config and now - config["alive"] < IN_FORCE_MS:
        return config[name], False
    number = config.get("generation", 0) + is_new
    config |= {"generation": number, "content": content, "alive": now, name: number}
    return number, is_new


def raise_generation(b: Bucket, generation: int, content: bytes) -> None:
    config = b.edit(("config",), dict[str, Any]())
    if config.get("generation", 0) <= generation:
        config |= {"generation": generation, "content": content}


def said(b: Bucket) -> Mapping[str, Any]:
    """What the bucket has of it, to read."""
    found: Mapping[str, Any] = b.keys.get(("config",), NOTHING)
    return found


def is_paused(b: Bucket) -> bool:
    return bool(said(b).get("paused", False))
