"""A real Kafka that lets nobody in without a certificate or a password, and nobody do what was not granted.

Rule: the tests themselves come in by the plain listener, as the super user.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.services.certificates import Authority
from tests.services.kafka import KafkaServer

PASSWORD = "geheim-4f7a"
PLAIN_USER = "plain-user"
MODULES = "org.apache.kafka.common.security"
Grant = tuple[str, str, str]
"""Operation, kind of resource, its name."""


class SecuredKafka:
    """Listeners: PASSWORDS (SASL_SSL, PLAIN and SCRAM), CERTIFICATES (SSL that asks for one), EXPIRED, ELSEWHERE."""

    def __init__(self, home: Path, authority: Authority) -> None:
        self.authority = authority
        fresh, old = authority.issue("kafka"), authority.issue("kafka-old", expired=True)
        other = authority.issue("kafka-other", "kafka.internal")
        settings = {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            "listener.name.certificates.ssl.client.auth": "required",
            "listener.name.passwords.plain.sasl.jaas.config": (
                f'{MODULES}.plain.PlainLoginModule required user_{PLAIN_USER}="{PASSWORD}";'
            ),
            "listener.name.passwords.scram-sha-512.sasl.jaas.config": f"{MODULES}.scram.ScramLoginModule required;",
        }
        for listener, certificate in (
            ("passwords", fresh),
            ("certificates", fresh),
            ("expired", old),
            ("elsewhere", other),
        ):
            settings |= {
                f"listener.name.{listener}.ssl.keystore.type": "PEM",
                f"listener.name.{listener}.ssl.keystore.location": certificate.both,
                f"listener.name.{listener}.ssl.truststore.type": "PEM",
                f"listener.name.{listener}.ssl.truststore.location": authority.ca_file,
            }
        listeners = {"PASSWORDS": "SASL_SSL", "CERTIFICATES": "SSL", "EXPIRED": "SSL", "ELSEWHERE": "SSL"}
        self.server = KafkaServer(home, settings, listeners)

    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.server.bootstrap})

    def add_user(self, name: str, grants: Sequence[Grant] = ()) -> dict[str, str]:
        """A SCRAM user with these rights; what its client needs."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        admin = self.admin()
        added = admin.alter_user_scram_credentials([UserScramCredentialUpsertion(name, info, PASSWORD.encode())])
        for future in added.values():
            future.result(20)
        self.grant(name, grants)
        return self.by_password(name, "SCRAM-SHA-512")

    def grant(self, user: str, grants: Sequence[Grant]) -> None:
        bindings = [
            AclBinding(
                ResourceType[kind.upper()],
                name,
                ResourcePatternType.LITERAL,
                f"User:{user}",
                "*",
                AclOperation[operation.upper()],
                AclPermissionType.ALLOW,
            )
            for operation, kind, name in grants
        ]
        admin = self.admin()
        for future in admin.create_acls(bindings).values() if bindings else ():
            future.result(20)

    def by_password(self, user: str, mechanism: str, password: str = PASSWORD) -> dict[str, str]:
        return {
            "bootstrap.servers": self.server.at("PASSWORDS"),
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": self.authority.ca_file,
            "sasl.mechanism": mechanism,
            "sasl.username": user,
            "sasl.password": password,
        }


@pytest.fixture(scope="session")
def secured_kafka(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[SecuredKafka]:
    made = SecuredKafka(tmp_path_factory.mktemp("kafka-secured"), authority)
    try:
        made.server.start()
        yield made
    finally:
        made.server.stop()
