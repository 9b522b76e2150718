"""What OpenSSL says of a failed handshake, as a sentence with its remedy: the one table for every client."""

import re
from typing import NamedTuple


class TlsTrouble(NamedTuple):
    said: str
    lasting: bool
    """Only another setting mends it; otherwise the other side may, and it is tried again."""


_TABLE: tuple[tuple[str, str, bool], ...] = (
    ("has expired", "the certificate of {whom} has expired: renew it there", False),
    ("not yet valid", "the certificate of {whom} is not yet valid: look at both clocks", False),
    (
        "mismatch|not valid for",
        "the certificate of {whom} is for another host: correct the address, or issue it for this one",
        True,
    ),
    ("alert certificate expired", "our certificate has expired: renew what {cert} names", True),
    ("alert unknown ca", "{whom} does not trust our certificate: correct {cert}", True),
    (
        "alert (certificate required|bad certificate|certificate unknown|decrypt error|handshake failure)"
        "|peer did not return a certificate",
        "{whom} wants a client certificate that it trusts: set {cert}",
        True,
    ),
    (
        "wrong version number|record layer failure|unexpected message|packet length too long|plaintext broker listener",
        "{whom} does not speak TLS there: correct the address",
        True,
    ),
    (
        "certificate.verify.failed|self.signed|unable to get local issuer",
        "the certificate of {whom} is signed by no CA that is trusted here: set {ca}",
        True,
    ),
)


def tls_trouble(said: str, *, whom: str, ca: str, cert: str) -> TlsTrouble | None:
    """None if the words are not about TLS. `ca`, `cert`: the names of the settings."""
    words = said.lower().replace("_", " ")
    for pattern, sentence, lasting in _TABLE:
        if re.search(pattern, words):
            return TlsTrouble(sentence.format(whom=whom, ca=ca, cert=cert), lasting)
    return None
