"""Lets real SIP programs play what phones sound like while tcpdump listens at the mirror port. Called by scripts/record-noise:

    LAB=<prefix> BELLWETHER_LAB=<folder> WAVES=<folder> python3 noise.py OUT

writes OUT.pcap and OUT.truth.json (of each address: program, device, mode, unit). Unit 1 of each device is played by baresip and
unit 2 by linphonec, two calls each, to one sipp that only listens.
"""
import json, os, sys, threading, time

sys.path.insert(0, os.environ['BELLWETHER_LAB'] + '/tools')
import uas
from recording import recorded
from uas import RUN, SC, Baresip, Linphonec, log, spawn

OUT, WAVES = sys.argv[1], os.environ['WAVES']
TALK, CALLS = 10, 2
PHONES = [('Polycom 331', 'handset'), ('Cisco SPA 525G', 'hands-free'), ('Aastra 57i', 'hands-free'), ('Panasonic KX-TGP550', 'cordless'),
          ('softphone 1', 'computer')]

# What the listener plays is not recorded. Programs look for what they play beside the lab's own files.
uas.UA = WAVES

programs = []

def calls(program):
    for _ in range(CALLS):
        program.dial(3000 + program.user)
        time.sleep(TALK)
        program.hangup()
        time.sleep(2)

with recorded(OUT, 'not (src host 10.77.0.29 and udp src port 30000)'):
    spawn('h19', ['sipp', '-sf', f'{SC}/victim.xml', '-i', '10.77.0.29', '-mi', '10.77.0.29', '-p', '5060', '-mp', '30000', '-nostdin', '-timeout', '120'],
          logf=f'{RUN}/noise-sipp.log')
    truth = []
    for kind, unit in ((Baresip, 1), (Linphonec, 2)):
        for device, mode in PHONES:
            n = len(programs) + 1
            wave = f'{device}-{mode}-{unit}'.replace(' ', '-')
            options = dict(opts=dict(codecs='PCMU')) if kind is Baresip else {}
            programs.append(kind(f'h{n}', 100 + n, wave, **options))
            truth.append(dict(ip=programs[-1].ip, program=kind.kind, device=device, mode=mode, unit=unit))
            log('started', programs[-1].name, wave)
            time.sleep(1)
    time.sleep(4)
    threads = [threading.Thread(target=calls, args=(p,)) for p in programs]
    for t in threads:
        t.start()
        time.sleep(0.3)
    for t in threads:
        t.join()
    json.dump(truth, open(OUT + '.truth.json', 'w'), indent=1)
