"""[kafka] options, which are librdkafka's, as Faust's: translated or refused, never dropped."""

import ssl

import pytest

from streamer.errors import ConfigurationError
from streamer.monitor.credentials import translated
from tests.services.certificates import Authority

CANARY = "C4nary"


def test_nothing_said_is_plaintext_and_what_only_tunes_is_left_out() -> None:
    assert translated({"bootstrap.servers": "h:1", "queued.min.messages": 5, "client.id": "x"}) == (None, None, "", "")


@pytest.mark.parametrize("mechanism", ["PLAIN", "scram-sha-512"])
def test_a_password(mechanism: str, authority: Authority) -> None:
    options = {
        "security.protocol": "sasl_ssl",
        "sasl.mechanisms": mechanism,
        "sasl.username": "u",
        "sasl.password": CANARY,
        "ssl.ca.location": authority.ca_file,
    }
    found = translated(options)
    assert (found.mechanism, found.username, found.password) == (mechanism.upper(), "u", CANARY)
    assert found.context is not None
    assert found.context.verify_mode is ssl.CERT_REQUIRED
    assert len(found.context.get_ca_certs()) == 1  # nobody beside the authority that is named is believed


def test_a_client_certificate_and_a_host_that_is_not_compared(authority: Authority) -> None:
    mine = authority.issue("monitor")
    found = translated(
        {
            "security.protocol": "ssl",
            "ssl.ca.location": authority.ca_file,
            "ssl.certificate.location": mine.cert,
            "ssl.key.location": mine.key,
            "ssl.endpoint.identification.algorithm": "none",
        }
    )
    assert found.context is not None
    assert not found.context.check_hostname


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"sasl.oauthbearer.client.secret": CANARY}, "sasl.oauthbearer.client.secret"),
        ({"ssl.key.pem": CANARY}, "ssl.key.pem"),
        ({"security.protocol": "sasl_plaintext", "sasl.mechanism": "GSSAPI", "sasl.password": CANARY}, "GSSAPI"),
        ({"security.protocol": CANARY}, "security.protocol"),
        ({"security.protocol": "ssl", "ssl.ca.location": "/nowhere"}, "ssl.ca.location"),
    ],
)
def test_what_cannot_be_translated_is_named_and_no_secret_is(options: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named.replace(".", r"\.")) as said:
        translated(options)
    assert CANARY not in str(said.value)
