"""CloudEvents' structured mode: the record around its data, as JSON. In binary mode the value is the data itself, and
the event's attributes are headers. Source: CloudEvents 1.0, JSON format and Kafka binding."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from streamer.core.wire.containers.opening import Refusal

NAME = "cloudevents"
WANTED = "specversion"
BINARY_HEADER = "ce_specversion"


def claims(document: Mapping[str, Any]) -> bool:
    return "specversion" in document and ("data" in document or "data_base64" in document)


def data_of(document: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Bytes that are a value of their own, or a JSON document."""
    packed = document.get("data_base64")
    if isinstance(packed, str):
        try:
            return base64.b64decode(packed)
        except (binascii.Error, ValueError):
            raise Refusal("its data_base64 is not base64") from None
    data = document.get("data")
    return data.encode("utf-8", "replace") if isinstance(data, str) else data
