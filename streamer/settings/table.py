"""What every table of settings is: frozen, closed, and never seen with its secrets.

Rule: `repr`, `str`, `config show` and pydantic's own errors go through here; whoever needs the plain value names it.
"""

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Secret, SecretStr
from pydantic.fields import FieldInfo

STARS = "******"
SECRET = re.compile(r"passw(or)?d|passphrase|secret|token(?!s)|key|credential|authorization|pem", re.IGNORECASE)
"""Names of secrets. `max_tokens` is none."""
HARMLESS = re.compile(
    r"security\.protocol|sasl\.mechanisms?|client\.(id|rack)|debug|broker\.address\.family|compression\.type"
    r"|enable\.[a-z.]+|[a-z.]+\.(ms|bytes|max|min|location|algorithm)"
)
"""What may be seen of librdkafka's options. There are two hundred and each version adds some, so the harmless ones are
listed, not the secret ones."""
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+._-]*://")


class _Address:
    """Marks a field as the address of a service: people put user and password into those."""


ADDRESS = _Address()


class Table(BaseModel):
    # Whatever was given for a wrong setting may be a secret that was meant for its neighbour.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return [(name, seen(field, getattr(self, name))) for name, field in type(self).model_fields.items()]


def seen(field: FieldInfo, value: object) -> object:
    """The value as people may see it."""
    if ADDRESS in field.metadata and value is not None:
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        return without_credentials(str(plain))
    if isinstance(value, dict):
        return {name: _entry(name, inner) for name, inner in value.items()}
    return value


def _entry(name: str, value: object) -> object:
    secret = SECRET.search(name) is not None
    if isinstance(value, Secret):
        return value.get_secret_value() if HARMLESS.fullmatch(name) and not secret else STARS
    return STARS if secret else value


def without_credentials(address: str) -> str:
    """Scheme and host. All before the last @ goes, since a password may itself hold / or @; so does the query."""
    scheme = SCHEME.match(address)
    head = scheme.group() if scheme else ""
    rest = address.removeprefix(head)
    if "@" in rest:
        rest = f"{STARS}@{rest.rpartition('@')[2]}"
    place, mark, _ = rest.partition("?")
    return f"{head}{place}?{STARS}" if mark else head + rest
