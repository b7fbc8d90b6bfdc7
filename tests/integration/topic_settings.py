"""Changes the settings of a world's topics, as an administrator could."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.world import World


async def set_on(world: World, wanted: Mapping[str, Mapping[str, str]]) -> None:
    """Sets, by topic without its prefix; returns when the broker says so itself."""
    admin = AdminClient({"bootstrap.servers": world.settings.kafka_bootstrap})
    prefix = world.settings.topic_prefix
    resources = [
        ConfigResource(
            ResourceType.TOPIC,
            prefix + topic,
            incremental_configs=[
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                for name, value in settings.items()
            ],
        )
        for topic, settings in wanted.items()
    ]
    for future in admin.incremental_alter_configs(resources).values():
        await asyncio.to_thread(future.result, 30)
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(_stand, admin, prefix, wanted):
            await asyncio.sleep(0.05)


def _stand(admin: AdminClient, prefix: str, wanted: Mapping[str, Mapping[str, str]]) -> bool:
    resources = [ConfigResource(ResourceType.TOPIC, prefix + topic) for topic in wanted]
    for resource, future in admin.describe_configs(resources).items():
        told = future.result(30)
        settings = wanted[resource.name.removeprefix(prefix)]
        if any(told[name].value != value for name, value in settings.items()):
            return False
    return True
