"""The two WebSocket profiles of the bridge, seen from the AI's side.

A wire turns messages into events and commands into messages. Which profile a connection speaks shows in its first
message, so nothing is configured. Events: ("audio", samples), ("dtmf", digit), ("mark", name), ("interrupted", None),
("transfer", why it failed or None), ("stop", reason).
A mark comes back when it was played or cleared; whoever clears forgets his marks. With BARGE_IN=bridge the bridge clears by
itself: "interrupted" comes before the marks of what was cleared.
A bridge that says nothing about its audio, or sends some at once, sends PCM16 at 16 kHz.
"""

import base64
import json

from audio import decode_mulaw, encode_mulaw, from_bytes, to_bytes

FRAME_MS = 20
USUAL_RATE = 16000


class JambonzWire:
    """jambonz `listen`, streaming: binary PCM16 at the rate the preamble names."""

    def __init__(self, socket, preamble):
        self._socket = socket
        self.rate = int(preamble.get("sampleRate", USUAL_RATE))
        self.call_id = preamble.get("callId") or preamble.get("callSid") or socket.request.path.rsplit("/", 1)[-1]
        self.caller = preamble.get("from")
        self.resumed = bool(preamble.get("resumed"))

    def read(self, message):
        if isinstance(message, bytes):
            return ("audio", from_bytes(message))
        message = json.loads(message)
        if message.get("event") == "dtmf":
            return ("dtmf", message["dtmf"])
        if message.get("event") == "speech":
            return ("interrupted", None) if message["interrupted"] else None
        if message.get("event") == "transfer":
            return ("transfer", message.get("reason"))
        if message.get("event") == "stop":
            return ("stop", message.get("reason"))
        if message.get("type") == "mark":
            return ("mark", message["data"]["name"])
        return None

    async def say(self, samples):
        await self._socket.send(to_bytes(samples))

    async def clear(self):
        await self._send(type="killAudio")

    async def mark(self, name):
        await self._send(type="mark", data={"name": name})

    async def press(self, digits):
        await self._send(type="dtmf", data={"dtmf": digits})

    async def transfer(self, to):
        await self._send(type="transfer", data={"to": to})

    async def hang_up(self):
        await self._send(type="disconnect")

    async def _send(self, **message):
        await self._socket.send(json.dumps(message))


class TwilioWire:
    """Twilio Media Streams: base64 of mu-law at 8 kHz in JSON."""

    def __init__(self, socket, start):
        self._socket = socket
        self._stream = start["streamSid"]
        parameters = start["start"].get("customParameters", {})
        self.rate = int(start["start"]["mediaFormat"]["sampleRate"])
        self.call_id = parameters.get("callId") or start["start"]["callSid"]
        self.caller = parameters.get("from")
        self.resumed = parameters.get("resumed") == "true"

    def read(self, message):
        message = json.loads(message)
        event = message.get("event")
        if event == "media":
            return ("audio", decode_mulaw(base64.b64decode(message["media"]["payload"])))
        if event == "dtmf":
            return ("dtmf", message["dtmf"]["digit"])
        if event == "mark":
            return ("mark", message["mark"]["name"])
        if event == "speech":
            return ("interrupted", None) if message["speech"]["interrupted"] else None
        if event == "transfer":
            return ("transfer", message["transfer"].get("reason"))
        if event == "stop":
            return ("stop", None)
        return None

    async def say(self, samples):
        payload = base64.b64encode(encode_mulaw(samples)).decode()
        await self._send("media", media={"payload": payload})

    async def clear(self):
        await self._send("clear")

    async def mark(self, name):
        await self._send("mark", mark={"name": name})

    async def press(self, digits):
        await self._send("dtmf", dtmf={"digits": digits})

    async def transfer(self, to):
        await self._send("transfer", transfer={"to": to})

    async def hang_up(self):
        await self._send("stop")

    async def _send(self, event, **body):
        await self._socket.send(json.dumps({"event": event, "streamSid": self._stream, **body}))


async def accept(socket):
    """The wire of a new connection."""
    first = await socket.recv()
    first = {} if isinstance(first, bytes) else json.loads(first)
    if first.get("event") == "connected":
        return TwilioWire(socket, json.loads(await socket.recv()))
    return JambonzWire(socket, first)
