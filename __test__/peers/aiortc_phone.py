"""One end of a call with aiortc. Commands come as lines of JSON on stdin, answers, events and the audio that is heard go to stdout.

Invariant: judgement is the caller's. What is heard goes out as it comes, as 16-bit PCM, mono, 16 kHz.
"""

import asyncio
import base64
import fractions
import json
import math
import sys

import av
from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError

RATE_HZ = 16_000
FRAME_S = 0.02
FRAME = int(RATE_HZ * FRAME_S)


def say(**message):
    print(json.dumps(message), flush=True)


class Tone(AudioStreamTrack):
    def __init__(self, hz):
        super().__init__()
        self.hz = hz
        self.frames = 0

    async def recv(self):
        loop = asyncio.get_running_loop()
        if self.frames == 0:
            self.began = loop.time()
        await asyncio.sleep(self.began + self.frames * FRAME_S - loop.time())
        first = self.frames * FRAME
        samples = bytearray()
        for at in range(first, first + FRAME):
            value = round(32767 * 0.5 * math.sin(2 * math.pi * self.hz * at / RATE_HZ))
            samples += value.to_bytes(2, sys.byteorder, signed=True)
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(bytes(samples))
        frame.pts, frame.sample_rate, frame.time_base = first, RATE_HZ, fractions.Fraction(1, RATE_HZ)
        self.frames += 1
        return frame


class Phone:
    def __init__(self):
        self.pc = RTCPeerConnection()
        self.channels = {}
        self.pc.on("track", lambda track: asyncio.ensure_future(self.listen(track)))
        self.pc.on("datachannel", self.adopt)
        for name in ("connectionState", "iceConnectionState", "signalingState"):
            changed = lambda name=name: say(event="state", name=name, value=getattr(self.pc, name))
            self.pc.on(name.lower() + "change", changed)

    async def listen(self, track):
        to_mono = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
        try:
            while True:
                for frame in to_mono.resample(await track.recv()):
                    samples = bytes(frame.planes[0])[: frame.samples * 2]
                    say(event="audio", samples=base64.b64encode(samples).decode())
        except MediaStreamError:
            say(event="ended")

    def adopt(self, channel):
        self.channels[channel.label] = channel
        channel.on("message", lambda data: self.got(channel.label, data))
        channel.on("close", lambda: say(event="channelclose", label=channel.label))
        channel.on("open", lambda: say(event="channelopen", label=channel.label))
        if channel.readyState == "open":
            say(event="channelopen", label=channel.label)

    @staticmethod
    def got(label, data):
        if isinstance(data, str):
            say(event="message", label=label, text=data)
        else:
            good = all(byte == (data[0] + at) % 256 for at, byte in enumerate(data))
            say(event="message", label=label, bytes=len(data), good=good)

    def speak(self, hz, codec=None):
        self.pc.addTrack(Tone(hz))
        if codec:
            known = RTCRtpSender.getCapabilities("audio").codecs
            self.pc.getTransceivers()[0].setCodecPreferences([it for it in known if it.mimeType == codec])

    def channel(self, label, **init):
        self.adopt(self.pc.createDataChannel(label, **init))

    def send(self, label, text):
        self.channels[label].send(text)

    def sendbytes(self, label, length, seed):
        self.channels[label].send(bytes((seed + at) % 256 for at in range(length)))

    def closechannel(self, label):
        self.channels[label].close()

    def direct(self, direction):
        self.pc.getTransceivers()[0].direction = direction

    async def offer(self):
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.described()

    async def answer(self, type, sdp):
        await self.pc.setRemoteDescription(RTCSessionDescription(type=type, sdp=sdp))
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        return self.described()

    async def accept(self, type, sdp):
        await self.pc.setRemoteDescription(RTCSessionDescription(type=type, sdp=sdp))

    def described(self):
        return {"type": self.pc.localDescription.type, "sdp": self.pc.localDescription.sdp}

    async def stats(self):
        report = await self.pc.getStats()
        return json.loads(json.dumps([vars(it) for it in report.values()], default=str))

    async def close(self):
        await self.pc.close()


async def main():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 22)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    phone = Phone()
    async for line in reader:
        command = json.loads(line)
        try:
            result = getattr(phone, command["do"])(**command["with"])
            say(id=command["id"], result=await result if asyncio.iscoroutine(result) else result)
        except Exception as error:
            say(id=command["id"], error=repr(error))


asyncio.run(main())
