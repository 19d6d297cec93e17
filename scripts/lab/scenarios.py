"""Drives real SIP programs while tcpdump listens at the mirror port. Called by scripts/record-pcaps:

    LAB=<prefix> BELLWETHER_LAB=<folder> python3 scenarios.py NAME OUT

writes OUT.pcap and OUT.json (what the driver did: programs per address, clock rates, calls dialled, commands run).
Starting and driving the programs is done by uas.py of the lab; what they are told to do is here.
"""
import json, os, re, subprocess, sys, threading, time

sys.path.insert(0, os.environ['BELLWETHER_LAB'] + '/tools')
import uas
from uas import (LAB, RUN, SC, VENV, Baresip, Jami, Janus, LinDaemon, Linphonec, NetSIP, PyVoIP, Sippy, Twinkle,
                 log, spawn, stop_all)

NAME, OUT = sys.argv[1], sys.argv[2]
CALLS, ATTACKS, USERS, OTHERS, NOTES = [], [], [], [], []
ARCH = os.uname().machine + '-linux-gnu'
uas.FT = f'/usr/lib/{ARCH}/faketime/libfaketime.so.1'

# ---------------------------------------------------------------- helpers

def package(name):
    """Installed version of a Debian package ('pip:' in front: of a package in the lab's Python environment)."""
    if name.startswith('pip:'):
        argv = [VENV + '/bin/python3', '-c', f'import importlib.metadata as m; print(m.version("{name[4:]}"))']
    else:
        argv = ['dpkg-query', '-W', '-f', '${Version}', name]
    r = subprocess.run(argv, capture_output=True, text=True)
    return r.stdout.strip() or 'unknown'

PACKAGE = {'baresip': 'baresip-core', 'linphonec': 'linphone-cli', 'linphone-daemon': 'linphone-cli', 'twinkle': 'twinkle-console',
           'jami': 'jami-daemon', 'janus': 'janus', 'pyvoip': 'pip:pyVoIP', 'net-sip-perl': 'libnet-sip-perl', 'sippy': 'pip:sippy',
           'sippy-b2bua': 'pip:sippy', 'sipp': 'sip-tester', 'kamailio': 'kamailio', 'sipsak': 'sipsak', 'sipvicious': 'sipvicious'}

def user(cls, ns, number, wav=None, **kw):
    """Start one program and remember it."""
    u = cls(ns, number, wav, **kw)
    USERS.append(u)
    log('started', u.name, u.ip)
    return u

def other(kind, ip, role):
    OTHERS.append(dict(kind=kind, ip=ip, role=role))

def check_alive():
    for u in USERS:
        if u.p.poll() is not None:
            log('DIED', u.name)
            NOTES.append(f'{u.name} died')

def call(a, number, seconds, *acts, hangup=True):
    """a dials number; acts are (second, program, method, arguments...) counted from dialling; then a hangs up."""
    c = dict(caller=a.name, caller_ip=a.ip, dialed=str(number), t_dial=time.time(), actions=[])
    CALLS.append(c)
    log('call', a.name, '->', number)
    t0 = time.time()
    try:
        a.dial(number)
        for t, who, what, *args in acts:
            time.sleep(max(0, t0 + t - time.time()))
            getattr(who, what)(*args)
            c['actions'].append(dict(t=time.time(), who=who.name, what=what, args=args))
        time.sleep(max(0, t0 + seconds - time.time()))
        if hangup:
            a.hangup()
            c['t_hangup'] = time.time()
    except Exception as e:          # a dead program must not stop the recording
        c['error'] = repr(e)
        log('ERROR', a.name, repr(e))
    time.sleep(1.5)

def scenario(file, edits=()):
    """Copy of one of the lab's sipp scenarios with shorter pauses; every edit must match."""
    text = open(f'{SC}/{file}').read()
    for old, new in edits:
        text, n = re.subn(old, new, text)
        assert n, f'{file}: {old} not found'
    path = f'{RUN}/{NAME}-{file}'
    open(path, 'w').write(text)
    return path

def sipp(ns, ip, scn, *args, port=20000):
    return spawn(ns, ['sipp', '-sf', scn, '-i', ip, '-mi', ip, '-p', '5060', '-mp', str(port), '-nostdin', *map(str, args)],
                 logf=f'{RUN}/{NAME}-sipp-{ip}.log')

def numbers(name, rows):
    """Injection file of sipp: one (caller id, dialled number) per call."""
    path = f'{RUN}/{name}.csv'
    open(path, 'w').write('SEQUENTIAL\n' + ''.join(f'{a};{b};\n' for a, b in rows))
    return path

def trunk_calls(label, ip, rows):
    for a, b in rows:
        CALLS.append(dict(caller=label, caller_ip=ip, caller_id=str(a), dialed=str(b), t_dial=time.time()))

def wait(p, limit):
    try:
        p.wait(limit)
    except subprocess.TimeoutExpired:
        p.terminate()
        NOTES.append('a sipp run was stopped at its time limit')

def attack(label, argv, limit=30):
    t = time.time()
    log('attack', ' '.join(argv))
    p = spawn('atk', argv, logf=f'{RUN}/atk-{label}.log', cwd=RUN)
    try:
        rc = p.wait(limit)
    except subprocess.TimeoutExpired:
        p.terminate()
        p.wait(5)
        rc = 'stopped'
    ATTACKS.append(dict(label=label, command=' '.join(argv), src='10.77.0.66', t0=t, t1=time.time(), rc=rc))
    time.sleep(1)

# ---------------------------------------------------------------- scenarios

def calls_baresip_linphone():
    b1 = user(Baresip, 'h1', 101, 'devA', opts=dict(codecs='PCMA,PCMU'))
    b2 = user(Baresip, 'h2', 102, 'devB', opts=dict(codecs='PCMU'))
    l1 = user(Linphonec, 'h3', 103, 'devC')
    time.sleep(5)
    call(b1, 103, 9, (3, b1, 'dtmf', '1'), (4, b1, 'dtmf', '2'), (5, b1, 'dtmf', '3'))     # PCMA, RFC 2833
    call(l1, 102, 12, (4, l1, 'hold'), (8, l1, 'resume'))                                   # PCMU, hold and resume
    time.sleep(1)

def calls_mixed():
    t1 = user(Twinkle, 'h5', 105, 'devE')
    j1 = user(Jami, 'h6', 106, 'devF')
    p1 = user(PyVoIP, 'h8', 108, 'devH', expires=60)
    user(NetSIP, 'h10', 110, 'devB', expires=60)
    time.sleep(6)
    call(t1, 106, 9, (4, t1, 'dtmf', '15'))       # twinkle -> jami
    call(j1, 110, 8)                              # jami -> Net::SIP
    call(p1, 105, 9)                              # pyVoIP -> twinkle
    time.sleep(1)

def calls_trunk():
    b1 = user(Baresip, 'h1', 101, 'devA', opts=dict(codecs='PCMU,PCMA'))
    l2 = user(Linphonec, 'h4', 104, 'devD')
    sipp('h20', '10.77.0.30', scenario('early.xml', [('milliseconds="5000"', 'milliseconds="3000"')]), '-m', 2, '-timeout', 90, port=30000)
    other('sipp', '10.77.0.30', 'gateway for 2xxx: 183 with early media for 3 s, then 200')
    spawn('h18', [f'{VENV}/bin/b2bua_simple', '-f', '-l', '10.77.0.28', '-p', '5060', '-n', '10.77.0.2:5060'],
          env=dict(SIPLOG_LOGFILE_FILE=RUN + '/sippy.log', SIPLOG_BEND='file'), logf=RUN + '/b2bua.log')
    other('sippy-b2bua', '10.77.0.28', 'B2BUA in front of the proxy, media passes it by')
    time.sleep(5)
    call(b1, 2001, 9)                             # early media, answered after 3 s
    call(l2, 2002, 2.5)                           # early media, given up before the answer
    rows = [(12125550188, 101)]
    other('sipp', '10.77.1.11', 'trunk that calls 101 through the B2BUA')
    trunk_calls('sipp-trunk', '10.77.1.11', rows)
    wait(sipp('c1', '10.77.1.11', scenario('pstn_in.xml', [('milliseconds="24000"', 'milliseconds="7000"')]),
              '-inf', numbers('pstn', rows), '-m', 1, '-timeout', 40, '10.77.0.28:5060'), 45)
    time.sleep(1)

def calls_failed():
    b1 = user(Baresip, 'h1', 101, 'devA')
    b2 = user(Baresip, 'h2', 102, 'devB', auto='manual')
    l1 = user(Linphonec, 'h3', 103, 'devC', auto=False)
    t1 = user(Twinkle, 'h5', 105, auto=False)
    time.sleep(5)
    call(b1, 103, 3)                                          # rings, cancelled: 487
    call(b1, 120, 2)                                          # known number, nobody registered: 480
    call(b1, 999, 2)                                          # unknown number: 404
    call(b1, 102, 4, (2, b2, 'hangup'), hangup=False)         # rejected by baresip
    call(b1, 103, 4, (2, l1, 'hangup'), hangup=False)         # rejected by linphone
    call(b1, 105, 4, (2, t1, 'line', 'reject'), hangup=False) # rejected by twinkle
    call(l1, 102, 2)                                          # cancelled by linphone
    call(l1, 101, 3.5, (3, b1, 'hangup'), hangup=False)       # answered, the called side hangs up
    time.sleep(1)

def segment_size(ns, dest, size):
    """The peer may send at most `size` bytes per TCP segment to us: announced when the connection opens."""
    subprocess.run(['ip', '-n', LAB + ns, 'route', 'replace', dest, 'dev', 'eth0', 'advmss', str(size)], check=True)

def tcp():
    segment_size('h1', '10.77.0.2', 300)
    segment_size('px', '10.77.0.11', 350)
    segment_size('h3', '10.77.0.2', 256)
    segment_size('px', '10.77.0.13', 200)
    segment_size('c2', '10.77.0.2', 536)
    # a slow line: messages queue up, so one segment holds the end of one and the start of the next
    subprocess.run(['tc', '-n', LAB + 'c2', 'qdisc', 'add', 'dev', 'eth0', 'root', 'tbf', 'rate', '1mbit', 'burst', '2000', 'limit', '60000'], check=True)
    segment_size('px', '10.77.2.11', 400)
    b1 = user(Baresip, 'h1', 101, 'devA', transport='tcp')
    l1 = user(Linphonec, 'h3', 103, 'devC', transport='tcp')
    b3 = user(Baresip, 'h5', 105, 'devE', opts=dict(codecs='PCMU,PCMA'))
    sipp('h19', '10.77.0.29', scenario('victim.xml'), '-m', 10, '-timeout', 90, port=30000)
    other('sipp', '10.77.0.29', 'answers 3xxx, UDP')
    time.sleep(5)
    call(b1, 103, 6)                              # TCP on both legs
    call(l1, 105, 5)                              # TCP to UDP
    call(b3, 101, 2.5)                            # UDP to TCP
    rows = [(16465550150 + i, 3100 + i) for i in range(4)]
    other('sipp', '10.77.2.11', 'trunk, all calls multiplexed on one TCP connection')
    trunk_calls('sipp-trunk-tcp', '10.77.2.11', rows)
    wait(sipp('c2', '10.77.2.11', scenario('big_uac.xml', [('min="12000" max="15000"', 'min="900" max="1700"')]),
              '-inf', numbers('bigt', rows), '-t', 't1', '-r', 10000, '-rp', 1000, '-m', len(rows), '-timeout', 30, '10.77.0.2:5060'), 35)
    time.sleep(1)

def fragments():
    user(Baresip, 'h1', 101, 'devA', opts=dict(codecs='PCMU,PCMA'))
    user(Linphonec, 'h4', 104, 'devD')
    sipp('h19', '10.77.0.29', scenario('victim.xml'), '-m', 10, '-timeout', 60, port=30000)
    other('sipp', '10.77.0.29', 'answers 3xxx')
    time.sleep(5)
    rows = [(12125550111, 3001), (12125550112, 101), (12125550113, 104), (12125550114, 120), (12125550115, 999), (12125550116, 3002)]
    other('sipp', '10.77.1.11', 'trunk that sends INVITEs of 3.3 kB over UDP')
    trunk_calls('sipp-trunk', '10.77.1.11', rows)
    wait(sipp('c1', '10.77.1.11', scenario('big_uac.xml', [('min="12000" max="15000"', 'min="2500" max="3500"'), ('X-Pad-5: ', 'X-Pad-6: ' + 600 * 'f' + r'\nX-Pad-5: ')]),
              '-inf', numbers('big', rows), '-r', 1, '-rp', 1500, '-m', len(rows), '-timeout', 40, '10.77.0.2:5060'), 45)
    time.sleep(1)

def scan():
    os.environ['HOME'] = RUN                      # the scanners keep their session files there
    other('sipvicious', '10.77.0.66', 'scanner: svmap, svwar')
    other('sipsak', '10.77.0.66', 'scanner: OPTIONS')
    user(Baresip, 'h1', 101, 'devA', auto='manual')
    user(Linphonec, 'h3', 103, 'devC', auto=False)
    user(Twinkle, 'h5', 105, auto=False)
    time.sleep(5)
    attack('sipsak-options', ['sipsak', '-vv', '-s', 'sip:10.77.0.2'])
    attack('sipsak-options-user', ['sipsak', '-vv', '-s', 'sip:101@10.77.0.11'])
    attack('svmap-options', ['svmap', '10.77.0.1-30'])
    attack('svmap-invite', ['svmap', '-m', 'INVITE', '10.77.0.11-15'])      # this makes phones ring
    attack('svwar-register', ['svwar', '-e', '100-120', '-m', 'REGISTER', '10.77.0.2'])
    attack('svwar-options', ['svwar', '-e', '100-110', '-m', 'OPTIONS', '10.77.0.2', '--force'])
    attack('svwar-invite', ['svwar', '-e', '119-122', '-m', 'INVITE', '10.77.0.2', '--force'])

def register(seconds=345):
    for cls, ns, number, rate, expires in (
            (Baresip, 'h1', 101, None, 3600), (Baresip, 'h2', 102, '1.001', 3600),
            (Linphonec, 'h3', 103, None, 3600), (Linphonec, 'h4', 104, '1.001', 3600),
            (Jami, 'h5', 105, '1.0', 3600), (Jami, 'h6', 106, '1.001', 3600),
            (Twinkle, 'h7', 107, None, 3600), (LinDaemon, 'h8', 108, None, 3600), (Janus, 'h9', 109, None, 3600),
            (PyVoIP, 'h10', 110, None, 30), (NetSIP, 'h11', 111, None, 30), (Sippy, 'h12', 112, None, 30)):
        try:
            user(cls, ns, number, None, rate=rate, expires=expires)
        except Exception as e:
            log('FAILED', cls.kind, number, repr(e))
            NOTES.append(f'{cls.kind}-{number} could not be started')
        time.sleep(1)
    end = time.time() + seconds
    while time.time() < end:
        time.sleep(5)
    check_alive()
    for number in (103, 101):                     # two programs end in an orderly way: REGISTER with Expires: 0
        u = next(u for u in USERS if u.user == number)
        NOTES.append(f'{u.name} ({u.ip}) is asked to end at the end of the recording and unregisters')
        if number == 103:
            u.line('quit')
        else:
            u.p.terminate()
        time.sleep(2)

# ---------------------------------------------------------------- run one

FILTER = {'register': ['udp port 5060']}          # SIP only; everything else is recorded as it comes
TCPDUMP = ['tcpdump', '-U', '-s0', '-B', '8192', '-nni', 'tap0', '-w', OUT + '.pcap']
if NAME == 'calls-trunk':
    TCPDUMP.append('--nano')                      # nanosecond pcap
cap = spawn('tap', TCPDUMP + FILTER.get(NAME, []), logf=f'{RUN}/{NAME}-tcpdump.log')
try:
    time.sleep(1)
    started = time.time()
    globals()[NAME.replace('-', '_')]()
    if NAME != 'register':
        check_alive()
    cap.terminate()                               # before the programs end: their farewell is not part of the recording
    cap.wait(5)
    other('kamailio', '10.77.0.2', 'registrar and proxy')
    programs = [dict(ip=u.ip, port=u.port, kind=u.kind, version=package(PACKAGE[u.kind]), user=str(u.user), transport=u.tp,
                     clock_rate=float(u.rate or 1), faketime=bool(u.rate), requested_expires=u.expires) for u in USERS]
    programs += [dict(ip=o['ip'], kind=o['kind'], version=package(PACKAGE[o['kind']]), role=o['role']) for o in OTHERS]
    json.dump(dict(recorded=time.strftime('%Y-%m-%d', time.gmtime(started)), programs=programs, driver_calls=CALLS, attacks=ATTACKS,
                   notes=NOTES), open(OUT + '.json', 'w'))
finally:
    if cap.poll() is None:
        cap.terminate()
    stop_all()
