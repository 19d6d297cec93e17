"""Sends the first seconds of captures (pcap, Ethernet) into an interface, all begun at once and at their own pace."""
import socket
import struct
import sys
import time

interface, seconds = sys.argv[1], float(sys.argv[2])
frames = []
for path in sys.argv[3:]:
    data = open(path, "rb").read()
    unit = 1e-9 if struct.unpack("<I", data[:4])[0] == 0xA1B23C4D else 1e-6
    at, begun = 24, None
    while at + 16 <= len(data):
        second, fraction, length, _ = struct.unpack("<IIII", data[at : at + 16])
        when = second + fraction * unit
        begun = when if begun is None else begun
        frames.append((when - begun, data[at + 16 : at + 16 + length]))
        at += 16 + length
sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sender.bind((interface, 0))
start = time.monotonic()
for when, frame in sorted(frames, key=lambda frame: frame[0]):
    if when > seconds:
        break
    time.sleep(max(0.0, when - (time.monotonic() - start)))
    sender.send(frame)
