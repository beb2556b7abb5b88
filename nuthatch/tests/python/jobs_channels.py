"""Django Channels: both layers of channels_redis."""

import asyncio
import sys

from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

HOSTS = [f"redis://127.0.0.1:{sys.argv[1]}"]


async def receive(layer, channel):
    return await asyncio.wait_for(layer.receive(channel), 5)


async def queues():
    layer = RedisChannelLayer(hosts=HOSTS)
    waiting = asyncio.ensure_future(receive(layer, "plain"))
    await asyncio.sleep(0.2)
    await layer.send("plain", {"type": "late"})
    assert await waiting == {"type": "late"}
    channels = [await layer.new_channel() for _ in range(5)]
    for channel in channels:
        await layer.group_add("group", channel)
    for n in range(10):
        await layer.group_send("group", {"type": "news", "n": n})
    for channel in channels:
        assert [(await receive(layer, channel))["n"] for _ in range(10)] == list(range(10))
    await layer.flush()
    await layer.close_pools()


async def messages():
    layers = [RedisPubSubChannelLayer(hosts=HOSTS) for _ in range(2)]
    channels = [await layer.new_channel() for layer in layers]
    for layer, channel in zip(layers, channels):
        await layer.group_add("group", channel)
    await asyncio.sleep(0.2)
    for n in range(100):
        await layers[0].group_send("group", {"type": "news", "n": n})
    for layer, channel in zip(layers, channels):
        assert [(await receive(layer, channel))["n"] for _ in range(100)] == list(range(100))


asyncio.run(queues())
asyncio.run(messages())
print("done")
