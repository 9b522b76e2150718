"""`[kafka] options`, which are librdkafka's, as Faust's credentials.

Rule: an option that says who may read, or whom to believe, is translated or refused, never dropped. Those that only
tune librdkafka mean nothing to another client and are left out.
"""

import ssl
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeVar

from streamer.errors import ConfigurationError

T = TypeVar("T")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
SAFE = ("security.", "sasl.", "ssl.", "enable.ssl.", "enable.sasl.")
KNOWN = frozenset(
    {
        "security.protocol",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.username",
        "sasl.password",
        "ssl.ca.location",
        "ssl.certificate.location",
        "ssl.key.location",
        "ssl.key.password",
        "ssl.endpoint.identification.algorithm",
        "enable.ssl.certificate.verification",
    }
)
Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]


class Credentials(NamedTuple):
    """What Faust is given: a TLS context, a SASL user, both, or neither."""

    context: ssl.SSLContext | None
    mechanism: str | None
    username: str
    password: str


def translated(options: Mapping[str, Any]) -> Credentials:
    """ConfigurationError that names an option which Faust cannot go by."""
    foreign = sorted(name for name in options if name.startswith(SAFE) and name not in KNOWN)
    if foreign:
        raise ConfigurationError(
            f"kafka.options: the monitor's client does not know {', '.join(foreign)}; "
            f"it takes {', '.join(sorted(KNOWN))}"
        )
    protocol = str(options.get("security.protocol", "plaintext")).upper()
    if protocol not in ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"):
        raise ConfigurationError("kafka.options: security.protocol is none of plaintext, ssl, sasl_plaintext, sasl_ssl")
    context = _context(options) if protocol.endswith("SSL") else None
    if not protocol.startswith("SASL"):
        return Credentials(context, None, "", "")
    mechanism = str(options.get("sasl.mechanism", options.get("sasl.mechanisms", "GSSAPI"))).upper()
    if mechanism not in MECHANISMS:
        raise ConfigurationError(
            f"kafka.options: the monitor's client takes sasl.mechanism {', '.join(MECHANISMS)}, not {mechanism}"
        )
    return Credentials(context, mechanism, str(options.get("sasl.username", "")), str(options.get("sasl.password", "")))


def _context(options: Mapping[str, Any]) -> ssl.SSLContext:
    ca_file, cert_file = options.get("ssl.ca.location"), options.get("ssl.certificate.location")
    own_ca = str(ca_file) if ca_file and str(ca_file) != "probe" else None  # then nobody else's is believed
    context = _read("ssl.ca.location", lambda: ssl.create_default_context(cafile=own_ca))
    if cert_file:
        key, password = options.get("ssl.key.location"), str(options.get("ssl.key.password", ""))
        _read("ssl.certificate.location", lambda: context.load_cert_chain(str(cert_file), key and str(key), password))
    if str(options.get("ssl.endpoint.identification.algorithm", "https")).lower() == "none":
        context.check_hostname = False
    if str(options.get("enable.ssl.certificate.verification", "true")).lower() in ("false", "0"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _read(option: str, load: Callable[[], T]) -> T:
    try:
        return load()
    except OSError as error:
        why = "it holds none, or certificate and key do not belong together" if isinstance(error, ssl.SSLError) else ""
        raise ConfigurationError(
            f"kafka.options: {option}: {why or error.strerror}; name a readable file in PEM"
        ) from None
