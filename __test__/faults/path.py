"""What the router of `npm run faults` does to the datagrams that it forwards: it loses, repeats, delays and translates them.

The kernel hands over each packet through a TUN device, whose name is the argument, and takes back what goes on. Orders
come on stdin, one JSON object a line, and stand until the next; what one leaves out is nought:

    {"loss": 0.4, "twice": 0.5, "delay_ms": 200, "jitter_ms": 100, "late": 0.25, "late_ms": 45,
     "nat": {"inside": "10.71.1.2", "outside": "10.71.9.1", "binding": 1}}

`late` is the share of packets that wait for `late_ms` more. Another `binding` of the NAT means other ports, and that
nothing comes in by the old ones. Each order is answered with what became of the packets since the last one.

Invariant: the dice are seeded, and thrown in the order in which packets come.
"""

import fcntl
import heapq
import json
import os
import random
import select
import socket
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
UDP = 17
IP_BYTES_MAX = 65535
FIRST_PORT = 40_000
PORTS_PER_BINDING = 1000


def ones_complement_sum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


class Datagram:
    """A UDP datagram in IPv4, whole or the first fragment of one."""

    def __init__(self, packet):
        self.packet = bytearray(packet)
        self.ip_bytes = (packet[0] & 0x0F) * 4

    @staticmethod
    def is_one(packet):
        fragment_offset = struct.unpack("!H", packet[6:8])[0] & 0x1FFF
        return packet[0] >> 4 == 4 and packet[9] == UDP and fragment_offset == 0

    def source(self):
        return bytes(self.packet[12:16]), self._port(0)

    def destination(self):
        return bytes(self.packet[16:20]), self._port(2)

    def readdress(self, source=None, destination=None):
        for at, port_at, address in ((12, 0, source), (16, 2, destination)):
            if address:
                self.packet[at : at + 4] = address[0]
                struct.pack_into("!H", self.packet, self.ip_bytes + port_at, address[1])
        struct.pack_into("!H", self.packet, 10, 0)
        struct.pack_into("!H", self.packet, 10, 0xFFFF ^ ones_complement_sum(self.packet[: self.ip_bytes]))
        # RFC 768: nought means that there is none.
        struct.pack_into("!H", self.packet, self.ip_bytes + 6, 0)
        return bytes(self.packet)

    def _port(self, at):
        return struct.unpack_from("!H", self.packet, self.ip_bytes + at)[0]


class Nat:
    """One port for each port inside, whomever it speaks to; in comes what was spoken to (RFC 4787, as most routers at home)."""

    def __init__(self, inside, outside, binding):
        self.order = (inside, outside, binding)
        self.inside, self.outside = socket.inet_aton(inside), socket.inet_aton(outside)
        self.next_port = FIRST_PORT + binding * PORTS_PER_BINDING
        self.outside_ports = {}
        self.inside_ports = {}
        self.spoken_to = set()

    def translate(self, packet):
        """The packet as it goes on, or None."""
        ends = packet[12:16], packet[16:20]
        if self.inside not in ends and self.outside not in ends:
            return packet
        if not Datagram.is_one(packet):
            return None
        datagram = Datagram(packet)
        (source, source_port), (destination, destination_port) = datagram.source(), datagram.destination()
        if source == self.inside:
            if source_port not in self.outside_ports:
                self.outside_ports[source_port] = self.next_port
                self.inside_ports[self.next_port] = source_port
                self.next_port += 1
            self.spoken_to.add((source_port, datagram.destination()))
            return datagram.readdress(source=(self.outside, self.outside_ports[source_port]))
        inside_port = self.inside_ports.get(destination_port)
        if destination != self.outside or (inside_port, datagram.source()) not in self.spoken_to:
            return None
        return datagram.readdress(destination=(self.inside, inside_port))


class Path:
    def __init__(self, device):
        self.device = device
        self.dice = random.Random(1)
        self.order = {}
        self.nat = None
        self.waiting = []
        self.taken = 0
        self.forget()

    def forget(self):
        self.counts = {"came": 0, "lost": 0, "twice": 0, "overtaken": 0, "refused": 0}
        self.last_sent = -1

    def obey(self, order):
        self.order = order
        nat = order.get("nat")
        if nat is None:
            self.nat = None
        elif self.nat is None or self.nat.order != (nat["inside"], nat["outside"], nat["binding"]):
            self.nat = Nat(**nat)
        said, _ = self.counts, self.forget()
        return said

    def take(self, packet, now):
        self.counts["came"] += 1
        lost, twice, late = (self.dice.random() < self.order.get(share, 0) for share in ("loss", "twice", "late"))
        if lost:
            self.counts["lost"] += 1
            return
        packet = self.nat.translate(packet) if self.nat else packet
        if packet is None:
            self.counts["refused"] += 1
            return
        self.counts["twice"] += twice
        for _ in range(1 + twice):
            wait_ms = self.order.get("delay_ms", 0) + self.order.get("jitter_ms", 0) * self.dice.random()
            wait_ms += self.order.get("late_ms", 0) * late
            heapq.heappush(self.waiting, (now + wait_ms / 1000, self.taken, packet))
            self.taken += 1

    def send(self, now):
        while self.waiting and self.waiting[0][0] <= now:
            _, number, packet = heapq.heappop(self.waiting)
            self.counts["overtaken"] += number < self.last_sent
            self.last_sent = max(self.last_sent, number)
            try:
                os.write(self.device, packet)
            except OSError:
                self.counts["refused"] += 1

    def pause(self, now):
        return max(0, self.waiting[0][0] - now) if self.waiting else None


def main():
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", sys.argv[1].encode(), IFF_TUN | IFF_NO_PI))
    path = Path(device)
    print(json.dumps({}), flush=True)
    while True:
        ready, _, _ = select.select([device, sys.stdin], [], [], path.pause(time.monotonic()))
        now = time.monotonic()
        if device in ready:
            path.take(os.read(device, IP_BYTES_MAX), now)
        path.send(now)
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            print(json.dumps(path.obey(json.loads(line))), flush=True)


main()
