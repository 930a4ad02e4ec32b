"""Two users of a cluster, by the Python library `websockets`: they log in, talk, ping, and leave.

Prints one line, `said and heard`, when all of it was as the protocol says.
"""

import asyncio
import json
import sys

from websockets.asyncio.client import connect


async def frame_of(socket, kind):
    """The next frame of a type; others are passed over."""
    async for text in socket:
        frame = json.loads(text)
        if frame["type"] == kind:
            return frame
    raise AssertionError(f"the socket closed before a {kind}")


async def talk(url):
    async with (
        connect(f"{url}/ada", subprotocols=["trunkline.v1"]) as ada,
        connect(f"{url}/bob", subprotocols=["trunkline.v1"]) as bob,
    ):
        assert ada.subprotocol == "trunkline.v1", ada.subprotocol
        assert (await frame_of(ada, "welcome"))["user"] == "ada"
        await frame_of(bob, "welcome")
        await ada.send(json.dumps({"type": "send", "id": "py-1", "to": {"user": "bob"}, "content": {"text": "你好"}}))
        receipt = await frame_of(ada, "receipt")
        assert (receipt["id"], receipt["seq"]) == ("py-1", 1), receipt
        message = await frame_of(bob, "message")
        assert message["content"] == {"text": "你好"}, message
        # A control frame of the protocol itself, and its answer.
        await asyncio.wait_for(await ada.ping(b"still there?"), 5)
        # A message in three fragments is one message.
        await ada.send(iter(['{"type":"ping",', '"id":', '"py-2"}']))
        assert (await frame_of(ada, "pong"))["id"] == "py-2"


asyncio.run(talk(sys.argv[1]))
print("said and heard")
