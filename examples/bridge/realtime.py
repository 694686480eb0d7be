"""A bot on a speech-to-speech API at 24 kHz (OpenAI Realtime and those that speak its protocol).

    VOICE_AI_BOT=realtime OPENAI_API_KEY=… python voice_ai.py

REALTIME_URL    wss://api.openai.com/v1/realtime?model=gpt-realtime
REALTIME_PROMPT instructions for the model

The call's rate is converted to 24 kHz and back here; with SAMPLE_RATE=24000 at the bridge the conversion falls away.
Barge-in: the API says `speech_started`; the bridge is told to drop what it has not played, and the API how much of its
answer the caller has really heard (conversation.item.truncate). How much that is, is known from marks: one behind each
piece of audio, its name the item and the milliseconds up to there.
"""

import asyncio
import base64
import json
import os

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from audio import Resampler, from_bytes, to_bytes

API_RATE = 24000
URL = "wss://api.openai.com/v1/realtime?model=gpt-realtime"
PROMPT = "You are on the telephone. Answer in one or two short sentences."


class Realtime:
    def __init__(self, wire, log):
        self.wire = wire
        self._log = log
        self._api = None
        self._reader = None
        self._up = Resampler(wire.rate, API_RATE)
        self._down = Resampler(API_RATE, wire.rate)
        self._item = None
        self._cut_item = None
        self._sent_ms = 0.0
        self._played_ms = 0

    async def begin(self):
        key = os.environ.get("OPENAI_API_KEY", "")
        self._api = await connect(
            os.environ.get("REALTIME_URL", URL), additional_headers={"Authorization": f"Bearer {key}"}, max_size=None
        )
        pcm = {"type": "audio/pcm", "rate": API_RATE}
        await self._send(
            "session.update",
            session={
                "type": "realtime",
                "instructions": os.environ.get("REALTIME_PROMPT", PROMPT),
                "audio": {
                    "input": {"format": pcm, "turn_detection": {"type": "server_vad"}},
                    "output": {"format": pcm},
                },
            },
        )
        if not self.wire.resumed:
            await self._send("response.create")  # it greets
        self._reader = asyncio.create_task(self._read())

    async def on_audio(self, samples):
        audio = base64.b64encode(to_bytes(self._up.feed(samples))).decode()
        try:
            await self._send("input_audio_buffer.append", audio=audio)
        except ConnectionClosed:
            await self.wire.hang_up()

    async def on_dtmf(self, digit):
        content = [{"type": "input_text", "text": f"(The caller pressed {digit} on the keypad.)"}]
        await self._send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        await self._send("response.create")

    async def on_mark(self, name):
        item, _, ms = name.rpartition(" ")
        if item == self._item and item != self._cut_item:
            self._played_ms = max(self._played_ms, int(ms))

    async def on_interrupted(self, _):
        self._cut_item = self._item  # its marks that come now were cleared, not played

    async def end(self):
        if self._reader:
            self._reader.cancel()
        if self._api:
            await self._api.close()

    async def _read(self):
        try:
            async for message in self._api:
                await self._on(json.loads(message))
        except ConnectionClosed:
            pass
        self._log(f"call {self.wire.call_id}: the API closed")
        await self.wire.hang_up()

    async def _on(self, event):
        kind = event.get("type")
        if kind in ("response.output_audio.delta", "response.audio.delta"):  # the second is the beta's name
            await self._speak(event["item_id"], from_bytes(base64.b64decode(event["delta"])))
        elif kind == "input_audio_buffer.speech_started":
            await self._interrupted()
        elif kind == "error":
            self._log(f"call {self.wire.call_id}: the API says: {event.get('error', {}).get('message')}")

    async def _speak(self, item, samples):
        if item != self._item:
            self._item, self._sent_ms, self._played_ms = item, 0.0, 0
        self._sent_ms += 1000 * len(samples) / API_RATE
        await self.wire.say(self._down.feed(samples))
        await self.wire.mark(f"{item} {int(self._sent_ms)}")

    async def _interrupted(self):
        if self._item is None or self._played_ms >= int(self._sent_ms):
            return
        item, self._item = self._item, None  # the marks cleared now were not played
        await self.wire.clear()
        await self._send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=self._played_ms)

    async def _send(self, kind, **body):
        await self._api.send(json.dumps({"type": kind, **body}))
