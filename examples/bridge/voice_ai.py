#!/usr/bin/env python3
"""A voice AI for the bridge, as small as one can be and still hold a conversation.

It greets, says back what it hears, falls silent when the caller speaks (barge-in), and reads digits: those before a `#`
are read out and pressed back. Put your own bot in the place of `Parrot`; `realtime.py` shows one on a speech-to-speech API.

    python voice_ai.py            WebSocket on VOICE_AI_PORT (8765), notices by HTTP on VOICE_AI_HTTP_PORT (8766)

VOICE_AI_HOST     127.0.0.1
VOICE_AI_BOT      parrot | realtime
VOICE_AI_GREETING a WAV to greet with, instead of espeak-ng's voice or greeting.wav
VOICE_AI_TOKEN    refuse whoever does not send it (the bridge's PYTHON_TOKEN)
"""

import asyncio
import errno
import hmac
import http
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from array import array
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from audio import SpeechDetector, read_wav
from wires import FRAME_MS, accept

HERE = Path(__file__).parent
SUBPROTOCOL = "audio.jambonz.org"
GREETING = "Hello. Say something, and I will say it back to you."
TOKEN = os.environ.get("VOICE_AI_TOKEN", "")
LONGEST_ECHO_S = 30
LARGEST_NOTICE = 100_000


def log(text):
    print(text, flush=True)


class Voice:
    """Text to samples: espeak-ng where it is installed; without it only the greeting has a voice."""

    def __init__(self):
        self._espeak = shutil.which("espeak-ng")
        self._known = {}

    async def __call__(self, text, rate):
        if (text, rate) not in self._known:
            self._known[text, rate] = await asyncio.to_thread(self._make, text, rate)
        return self._known[text, rate]

    def _make(self, text, rate):
        recorded = os.environ.get("VOICE_AI_GREETING")
        if text == GREETING and (recorded or not self._espeak):
            return read_wav(recorded or HERE / "greeting.wav", rate)
        if not self._espeak:
            return array("h")
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            subprocess.run([self._espeak, "-s", "150", "-w", file.name, text], check=True)
            return read_wav(file.name, rate)


voice = Voice()


class Parrot:
    """One call. `talking` holds from the first sample sent until the mark behind the last one comes back."""

    def __init__(self, wire):
        self.wire = wire
        self.detector = SpeechDetector(wire.rate)
        self.heard = array("h")
        self.digits = ""
        self.marks = 0
        self.talking = False

    async def begin(self):
        if not self.wire.resumed:
            await self.say(await voice(GREETING, self.wire.rate))

    async def say(self, samples):
        if not samples:
            return
        self.talking = True
        self.marks += 1
        step = self.wire.rate * FRAME_MS // 1000
        for at in range(0, len(samples), step):
            await self.wire.say(samples[at : at + step])
        await self.wire.mark(f"said {self.marks}")

    async def be_quiet(self):
        self.talking = False
        self.marks += 1  # the mark of what is cleared now says nothing any more
        await self.wire.clear()

    async def on_audio(self, samples):
        change = self.detector.feed(samples)
        if change == "begin":
            log(f"call {self.wire.call_id}: the caller speaks")
            if self.talking:
                log(f"call {self.wire.call_id}: interrupted")
                await self.be_quiet()
        self.heard.extend(samples)
        if self.detector.speaking:
            del self.heard[: -LONGEST_ECHO_S * self.wire.rate]
        elif change == "end":
            said, self.heard = self.heard, array("h")
            await self.say(said[: -self.wire.rate * SpeechDetector.END_MS // 1000])
        else:
            # What was before the detector was sure belongs to the first word.
            del self.heard[: -self.wire.rate // 5]

    async def on_dtmf(self, digit):
        log(f"call {self.wire.call_id}: digit {digit}")
        if digit != "#":
            self.digits += digit
            return
        digits, self.digits = self.digits, ""
        if digits:
            await self.wire.press(digits)
            await self.say(await voice(f"You pressed {' '.join(digits)}.", self.wire.rate))

    async def on_mark(self, name):
        if name == f"said {self.marks}":
            self.talking = False

    async def on_interrupted(self, _):
        log(f"call {self.wire.call_id}: interrupted by the bridge")
        self.talking = False


def make_bot(wire):
    if os.environ.get("VOICE_AI_BOT") == "realtime":
        from realtime import Realtime

        return Realtime(wire, log)
    return Parrot(wire)


async def converse(socket):
    wire = await accept(socket)
    bot = make_bot(wire)
    log(f"call {wire.call_id}: {'resumed' if wire.resumed else 'begun'} at {wire.rate} Hz")
    try:
        await bot.begin()
        async for message in socket:
            event = wire.read(message)
            if event is None:
                continue
            kind, value = event
            if kind == "stop":
                break
            if kind != "transfer" or hasattr(bot, "on_transfer"):
                await getattr(bot, f"on_{kind}")(value)
    except ConnectionClosed:
        pass
    finally:
        if hasattr(bot, "end"):
            await bot.end()
        log(f"call {wire.call_id}: over")


def subprotocol(_connection, offered):
    """jambonz's, if that is what the caller speaks; Twilio offers none."""
    return SUBPROTOCOL if SUBPROTOCOL in offered else None


def trusted(headers):
    return not TOKEN or hmac.compare_digest(headers.get("Authorization", ""), f"Bearer {TOKEN}")


def check(connection, request):
    if not trusted(request.headers):
        return connection.respond(http.HTTPStatus.UNAUTHORIZED, "wrong token\n")
    if not request.path.startswith("/audio/"):
        return connection.respond(http.HTTPStatus.NOT_FOUND, "calls are at /audio/{callId}\n")
    return None


class Notices(BaseHTTPRequestHandler):
    """POST: the bridge tells that a call began or ended."""

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        if not trusted(self.headers) or length > LARGEST_NOTICE:
            self.send_error(401 if length <= LARGEST_NOTICE else 413)
            return
        try:
            notice = json.loads(self.rfile.read(length))
            log(f"notice: call {notice['callId']} {notice['event']} {notice.get('reason', '')}".rstrip())
        except (ValueError, KeyError, TypeError):
            self.send_error(400)
            return
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def port_of(name, default):
    """The port that a setting names; whoever finds it taken inside is told which setting that is."""
    port = int(os.environ.get(name, default))
    try:
        yield port
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise SystemExit(f"port {port} is taken: set {name}") from None


async def main():
    host = os.environ.get("VOICE_AI_HOST", "127.0.0.1")
    with port_of("VOICE_AI_HTTP_PORT", "8766") as port:
        notices = ThreadingHTTPServer((host, port), Notices)
    threading.Thread(target=notices.serve_forever, daemon=True).start()
    over = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        try:
            asyncio.get_running_loop().add_signal_handler(name, over.set)
        except NotImplementedError:  # Windows: KeyboardInterrupt ends the loop
            pass
    # A bot that is slow to read must not stop the pongs; compression only costs time here.
    with port_of("VOICE_AI_PORT", "8765") as port:
        server = await serve(
            converse, host, port, select_subprotocol=subprotocol, process_request=check, compression=None, max_queue=256
        )
    async with server:
        log(f"listening: ws://{host}:{port}/audio/{{callId}}, notices http://{host}:{notices.server_address[1]}")
        await over.wait()
    notices.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
