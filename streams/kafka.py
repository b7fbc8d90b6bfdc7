"""How every client of ours reaches Kafka: aiokafka for records, librdkafka for topic ids and administration."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer

if TYPE_CHECKING:
    from ledger.settings import Settings


def aiokafka_options(settings: Settings, bootstrap: str) -> dict[str, Any]:
    """Connection options of an aiokafka client."""
    options: dict[str, Any] = {
        "bootstrap_servers": bootstrap,
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_sasl_mechanism:
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": settings.kafka_sasl_password,
        }
    if "SSL" in settings.kafka_security_protocol:
        options["ssl_context"] = ssl.create_default_context(
            cafile=str(settings.kafka_ssl_cafile) if settings.kafka_ssl_cafile else None
        )
    return options


async def started_producer(settings: Settings, bootstrap: str, **more: Any) -> AIOKafkaProducer:
    """An idempotent producer with acks=all, started; one that cannot start is stopped again and its error raised."""
    options = aiokafka_options(settings, bootstrap)
    producer = AIOKafkaProducer(**options, acks="all", enable_idempotence=True, **more)
    # A start that is cancelled half-way would leave its connection open.
    starting = asyncio.ensure_future(producer.start())
    try:
        await asyncio.shield(starting)
    except BaseException:
        await asyncio.wait((starting,))
        await producer.stop()
        raise
    return producer


def librdkafka_options(settings: Settings, bootstrap: str) -> dict[str, Any]:
    """Connection options of a librdkafka client. Its log goes nowhere: it repeats what we report ourselves."""
    options: dict[str, Any] = {
        "bootstrap.servers": bootstrap,
        "security.protocol": settings.kafka_security_protocol,
        "log_level": 0,
    }
    if settings.kafka_sasl_mechanism:
        options |= {
            "sasl.mechanism": settings.kafka_sasl_mechanism,
            "sasl.username": settings.kafka_sasl_username,
            "sasl.password": settings.kafka_sasl_password,
        }
    if settings.kafka_ssl_cafile:
        options["ssl.ca.location"] = str(settings.kafka_ssl_cafile)
    return options
