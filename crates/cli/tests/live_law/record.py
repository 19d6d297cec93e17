"""Writes what arrives at an interface into a capture, with the kernel's own stamps, until a file is there that says to stop."""
import os
import socket
import struct
import sys

SO_RCVBUFFORCE, SO_TIMESTAMPNS, ETH_P_ALL = 33, 35, 3
interface, capture, stop = sys.argv[1:]
taker = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
taker.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
taker.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
taker.bind((interface, 0))
taker.settimeout(0.2)
out = open(capture, "wb")
out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
out.flush()
while True:
    try:
        frame, told, _, source = taker.recvmsg(70000, 256)
    except TimeoutError:
        if os.path.exists(stop):
            break
        continue
    if source[2] == socket.PACKET_OUTGOING:
        continue
    [(_, _, stamp)] = [t for t in told if t[1] == SO_TIMESTAMPNS]
    second, nanos = struct.unpack("qq", stamp[:16])
    out.write(struct.pack("<IIII", second, nanos, len(frame), len(frame)) + frame)
out.close()
