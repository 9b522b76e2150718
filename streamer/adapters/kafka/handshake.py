"""Why a broker's certificate is not believed: librdkafka says only that it is not, so the handshake is made once more.

Rule: for people who look (`streamer check`); a worker does not.
"""

import socket
import ssl
from collections.abc import Mapping
from typing import Any

from streamer.core.tls_words import tls_trouble

TIMEOUT_S = 3


def why_refused(connection: Mapping[str, Any]) -> str | None:
    """A sentence; None where no TLS is spoken, nobody is there, or the certificate is believed."""
    if "SSL" not in str(connection.get("security.protocol", "")).upper():
        return None
    for place in str(connection["bootstrap.servers"]).split(","):
        host, _, port = place.strip().rpartition("://")[2].rpartition(":")
        try:
            said = _shake_hands(host.strip("[]"), int(port), connection)
        except (OSError, ValueError):
            continue
        if said:
            return said
    return None


def _shake_hands(host: str, port: int, connection: Mapping[str, Any]) -> str | None:
    context = ssl.create_default_context()
    if ca := connection.get("ssl.ca.location"):
        context.load_verify_locations(cafile=str(ca))
    if str(connection.get("ssl.endpoint.identification.algorithm", "https")).lower() == "none":
        context.check_hostname = False
    with socket.create_connection((host, port), TIMEOUT_S) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=host):
                return None
        except ssl.SSLCertVerificationError as error:
            trouble = tls_trouble(str(error), whom="Kafka", ca="ssl.ca.location of kafka.options", cert="")
            return trouble.said if trouble else error.verify_message
