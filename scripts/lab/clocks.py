"""Runs real SIP programs at different clock rates while tcpdump listens at the mirror port. Called by scripts/record-clocks:

    LAB=<prefix> BELLWETHER_LAB=<folder> SHIM=<sem_clockwait.so> python3 clocks.py SECONDS OUT

writes OUT.pcap and OUT.truth.json (kind, address and clock rate of each program). Rates come from libfaketime, also 1.0, so that
instances differ in nothing else.
"""
import json, os, sys, time

sys.path.insert(0, os.environ['BELLWETHER_LAB'] + '/tools')
import uas
from recording import recorded
from uas import Baresip, Jami, Linphonec, PyVoIP, log

SECONDS, OUT = int(sys.argv[1]), sys.argv[2]
RATES = ['1.0', '1.001', '1.0001', '0.9999', '0.999']
KINDS = [(Baresip, 3600), (Linphonec, 3600), (Jami, 3600), (PyVoIP, 30)]

plain_spawn = uas.spawn

def spawn(ns, argv, env=None, rate=None, **kw):
    """Python's timed locks wait by a call that libfaketime does not reach: the shim does."""
    if rate and argv[0].endswith('/venv/bin/python3'):
        argv = ['env', f'LD_PRELOAD={os.environ["SHIM"]} {uas.FT}', f'SHIM_RATE={rate}'] + argv
    return plain_spawn(ns, argv, env=env, rate=rate, **kw)

uas.spawn = spawn
programs = []
with recorded(OUT, 'udp', 'port', '5060'):
    for rate in RATES:
        for kind, expires in KINDS:
            n = len(programs) + 1
            programs.append(kind(f'h{n}', 100 + n, None, rate=rate, expires=expires))
            log('started', programs[-1].name, programs[-1].ip, rate)
            time.sleep(1.3)
    with open(OUT + '.truth.json', 'w') as out:
        json.dump([dict(kind=p.kind, ip=p.ip, clock_rate=float(p.rate)) for p in programs], out, indent=1)
    until = time.time() + SECONDS
    while time.time() < until:
        time.sleep(5)
