"""Lets real SIP programs call honestly and in campaigns while tcpdump listens at the mirror port. Called by scripts/record-campaigns:

    LAB=<prefix> BELLWETHER_LAB=<folder> WAVES=<folder> python3 campaigns.py OUT

writes OUT.pcap and OUT.truth.jsonl (of each call: Call-ID, fraud or legit, campaign, who made it). Who called is known by the plan: each
party has addresses of its own, and each call that was planned must be found in the capture, and no other.
"""
import array, collections, json, os, random, re, subprocess, sys, threading, time, wave

sys.path.insert(0, os.environ['BELLWETHER_LAB'] + '/tools')
import uas
from recording import recorded
from uas import LAB, RUN, Baresip, Jami, Linphonec, Twinkle, log, spawn

OUT, WAVES = sys.argv[1], os.environ['WAVES']
SIPP = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'sipp')
PROXY = '10.77.0.2'
chance = random.Random(2026)
# Programs look for what they play beside the lab's own files.
uas.UA = WAVES
os.makedirs(f'{WAVES}/wav', exist_ok=True)

# ---------------------------------------------------------------- numbers: 555-01xx is for fiction

FAMILY = [12125550101 + i for i in range(8)]            # honest telephones
ALONE = [12125550111, 12125550112]                      # telephones that only answer
ABSENT = [12125550118, 12125550119]                     # subscribers who never register
CENTRE = [12125550141, 12125550142, 12125550143]        # one call centre
VISITOR = 13035550177                                   # an honest telephone that calls in through the trunk
STOLEN = [12125550120 + i for i in range(20)]           # accounts that the second robocaller uses
UNKNOWN = 19175550100                                   # + 0..99: nobody has these
GATEWAY = 16465550100                                   # + 0..99, by the last digit: 0-7 answer, 8 rings on, 9 is busy

def outside(last, taken=set()):
    """A number behind the gateway that nobody has called yet."""
    number = next(n for n in chance.sample(range(GATEWAY, GATEWAY + 100), 100) if n not in taken and n % 10 in last)
    taken.add(number)
    return number

ANSWERS, RINGS, BUSY = range(8), [8], [9]

# ---------------------------------------------------------------- what is said

PEOPLE = ['Anna', 'Peter', 'Maria', 'Tom', 'Claire', 'Joseph', 'Nina', 'Robert', 'Susan', 'Karl', 'Ellen', 'Victor', 'Paula', 'Henry', 'Rita', 'Simon']
PLACES = ['the station', 'the market', 'the library', 'the garage', 'the office', 'the school', 'the harbour', 'the museum', 'the bakery', 'the stadium']
TIMES = ['yesterday', 'on Monday', 'this morning', 'last week', 'at seven', 'on Friday evening', 'after lunch', 'before noon', 'on the weekend', 'at a quarter past three']
THINGS = ['the tickets', 'my umbrella', 'the blue car', 'a parcel', 'the keys', 'the garden chairs', 'two bicycles', 'the old radio', 'some apples', 'the letters']
CHAT = ['I met {person} at {place} {time}.', 'Could you bring {thing} to {place} {time}?', 'We forgot {thing} at {place}, {person} was quite upset.',
        'Did {person} tell you about {thing}?', 'It rained {time}, so we stayed at {place}.', 'My sister saw {person} and {thing} {time}.',
        'Shall we go to {place} {time}, or do you prefer to wait for {person}?', 'No, {person} has {thing}, I think.', 'That is funny, {time} there was nobody at {place}.',
        'I will be late, please tell {person} that {thing} can wait.']
MATTERS = ['your appointment {time} has to be moved', '{thing} that you ordered came in {time}', 'we have a question about your address near {place}',
           '{person} will visit you {time} to repair {thing}', 'you asked us to call you back about {thing}', 'the invoice for {thing} was paid twice']
HELLO = ['Hello?', 'Yes, hello, {person} here.', 'Hi, who is this please?', '{person} speaking, how can I help you?', 'Hello, this is {person}.', 'Yes?', 'Good day, {person}.',
         'Hello, hello? I can hardly hear you.']
MORE = ['Who is calling?', 'Sorry, what is it about?', 'Just a moment.', 'I am at {place} now.', 'Ah, {time}, yes.', 'Could you say that again?', 'Is this {person}?']
VOICES = ['en-gb', 'en-us', 'en-gb-scotland', 'en-gb-x-rp', 'en-029']
VARIANTS = ['m1', 'm2', 'm3', 'm4', 'm5', 'm7', 'f1', 'f2', 'f3', 'f4', 'f5']

def filled(pattern):
    return pattern.format(person=chance.choice(PEOPLE), place=chance.choice(PLACES), time=chance.choice(TIMES), thing=chance.choice(THINGS))

def voice():
    return dict(voice=f'{chance.choice(VOICES)}+{chance.choice(VARIANTS)}', pitch=chance.randrange(20, 80), speed=chance.randrange(135, 185),
                noise=chance.uniform(4, 16), offset=chance.randrange(-80, 80))

def say(name, text, voice, pitch, speed, noise, offset, seconds):
    """Speaks into WAVES/wav/name.wav, over the noise and the offset of a device; noise is never the same twice."""
    speech = subprocess.run(['espeak-ng', '-v', voice, '-p', str(pitch), '-s', str(speed), '--stdout', text], stdout=subprocess.PIPE, check=True).stdout
    raw = subprocess.run(['sox', '-t', 'wav', '-', '-r', '8000', '-c', '1', '-b', '16', '-e', 'signed', '-t', 'raw', '-', 'vol', '0.4', 'pad', '0.3', '0.3'],
                         input=speech, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    samples = array.array('h', raw[:2 * int(seconds * 8000)])
    samples.extend([0] * (int(seconds * 8000) - len(samples)))
    slow = 0.0
    for i, s in enumerate(samples):
        slow = 0.6 * slow + chance.gauss(0, noise)
        samples[i] = max(-32768, min(32767, s + offset + round(slow)))
    path = f'{WAVES}/wav/{name}.wav'
    with wave.open(path + '.part', 'wb') as out:
        out.setparams((1, 2, 8000, 0, 'NONE', ''))
        out.writeframes(samples.tobytes())
    os.replace(path + '.part', path)                     # a program that is just opening it has the old one
    return path

def chat(name, how, seconds=20):
    return say(name, ' '.join(filled(p) for p in chance.sample(CHAT, 4)), **how, seconds=seconds)

def mu_law(path):
    subprocess.run(['sox', path, '-t', 'ul', '-r', '8000', '-c', '1', path[:-3] + 'ul'], stderr=subprocess.DEVNULL, check=True)
    return path[:-3] + 'ul'

# ---------------------------------------------------------------- proxy, gateway

def proxy():
    """The lab's configuration with these accounts, 10.77.1.x as the only trunk, and the gateway."""
    text = open(os.environ['BELLWETHER_LAB'] + '/conf/kamailio.cfg').read().replace('MAXEXP', '60')
    accounts = ''.join(f' $sht(users=>{n}) = "pw{n}";' for n in FAMILY + ALONE + ABSENT + CENTRE + STOLEN)
    route = '    if ($rU =~ "^1646555....$") { if ($rU =~ "%s$") { $du = "sip:%s"; t_relay(); exit; } }\n'
    gateway = ''.join(route % x for x in (('[0-2]', '10.77.0.27:5060'), ('[3-5]', '10.77.0.28:5060'), ('[67]', '10.77.0.29:5060'),
                                          ('8', '10.77.0.30:5060'), ('9', '10.77.0.30:5070')))
    for old, new in ((r'(\$sht\(users=>1000\) = "1000";)', r'\1' + accounts), (r'10\\\.77\\\.\[1-9\]\\\.', r'10\\.77\\.1\\.'), (r' \|\| \$si == "10\.77\.0\.28"', ''),
                     (r'    if \(\$rU =~ "\^2.*?\n    if \(\$rU =~ "\^3.*?\n', gateway.replace('\\', r'\\'))):
        text, n = re.subn(old, new, text)
        assert n, f'kamailio.cfg: {old} not found'
    open(f'{RUN}/kamailio.cfg', 'w').write(text)
    spawn('px', ['kamailio', '-f', f'{RUN}/kamailio.cfg', '-m', '64', '-M', '8', '-P', f'{RUN}/kam.pid', '-w', RUN, '-Y', RUN, '-DD', '-E'], logf=f'{RUN}/kam.log')
    time.sleep(2)
    assert os.path.exists(f'{RUN}/kam.pid'), 'the proxy did not start'

def scenario(name, to, **replaced):
    text = open(f'{SIPP}/{name}.xml').read()
    for old, new in replaced.items():
        text = text.replace(old, new)
    open(f'{RUN}/{to}.xml', 'w').write(text)
    return f'{RUN}/{to}.xml'

def sipp(ns, ip, path, *args, port=5060):
    return spawn(ns, ['sipp', '-sf', path, '-i', ip, '-mi', ip, '-p', str(port), '-nostdin', *map(str, args)], logf=f'{RUN}/sipp-{ip}-{port}.log')

def gateway(calls=30):
    """Three hosts that answer, each call with something else; one that rings on; one that is busy."""
    for host in ('h17', 'h18', 'h19'):
        tests, plays = [], []
        for i in range(1, calls + 1):
            said = mu_law(say(f'answer-{host}-{i}', filled(chance.choice(HELLO)) + ' ' + filled(chance.choice(MORE)), **voice(), seconds=chance.uniform(2.5, 4)))
            tests.append(f'  <nop next="greeting{i}" test="is{i}"><action><assignstr assign_to="n{i}" value="[call_number]"/>'
                         f'<strcmp assign_to="d{i}" variable="n{i}" value="{i}"/><test assign_to="is{i}" variable="d{i}" compare="equal" value="0"/></action></nop>')
            plays.append(f'  <label id="greeting{i}"/>\n  <nop next="listen"><action><exec rtp_stream="{said},1,0,PCMU/8000"/></action></nop>')
        path = scenario('answers', f'answers-{host}', GREETINGS='\n'.join(tests + ['  <nop next="listen"/>'] + plays))
        sipp(host, uas.HIP[host], path, '-mp', 30000)
    sipp('h20', '10.77.0.30', scenario('rings', 'rings'))
    sipp('h20', '10.77.0.30', scenario('busy', 'busy'), port=5070)

# ---------------------------------------------------------------- who calls

PLAN = collections.Counter()                             # (source, caller, dialled): how many calls

def planned(source, caller, dialled):
    PLAN[source, str(caller), str(dialled)] += 1

class Phone:
    """An honest telephone: one program, one voice, something else to say in each call."""
    def __init__(s, kind, ns, number, **kw):
        s.how, s.file = voice(), f'line-{number}'
        s.streams = kind in (Twinkle, Jami)              # what these play runs on, whether they talk or not
        chat(s.file, s.how, 20) if not s.streams else say(s.file, ' '.join(filled(p) for p in CHAT * 2), **s.how, seconds=60)
        s.ua = kind(ns, number, s.file, auto=kind is Jami, **kw)
        s.name, s.ip, s.number = s.ua.name, s.ua.ip, number
        log('started', s.name, s.ip)
        time.sleep(1)

    def think(s):
        if not s.streams:
            path = chat(s.file, s.how)
            if isinstance(s.ua, Linphonec):
                s.ua.line('play ' + path)

def conversation(a, b, ring, talk, ending='caller'):
    """a calls b, a Phone or a number; ending: caller or callee hangs up, unanswered, declined."""
    a.think()
    if isinstance(b, Phone):
        b.think()
    planned(a.ip, a.number, getattr(b, 'number', b))
    log('call', a.name, getattr(b, 'name', b), ending)
    a.ua.dial(getattr(b, 'number', b))
    time.sleep(ring)
    if isinstance(b, Phone) and ending in ('caller', 'callee') and not isinstance(b.ua, Jami):
        b.ua.answer()
    if ending == 'declined':
        b.ua.line('reject') if isinstance(b.ua, Twinkle) else b.ua.hangup()
        return
    if ending != 'unanswered':
        time.sleep(talk)
    (b if ending == 'callee' else a).ua.hangup()

def honest(phones):
    A, B, C, D, E, F, G, H, V = phones
    rounds = [[(A, C, 2.0, 8), (B, E, 2.5, 7, 'callee'), (D, F, 2.0, 8), (V, H, 2.0, 7)],
              [(C, B, 1.5, 8), (E, G, 2.5, 7), (F, H, 2.0, 7)],
              [(G, D, 4.0, 0, 'unanswered'), (H, A, 2.0, 8), (B, UNKNOWN + 7, 1.0, 0), (V, C, 2.5, 7, 'callee')],
              [(A, B, 2.5, 9, 'callee'), (D, H, 2.5, 0, 'declined'), (F, E, 2.0, 7)],
              [(E, C, 1.5, 8), (H, B, 3.0, 8), (G, outside(ANSWERS), 2.0, 7), (V, D, 1.5, 7)],
              [(C, G, 2.0, 7), (A, outside(ANSWERS), 2.0, 8), (D, E, 5.0, 0, 'unanswered')],
              [(B, H, 1.5, 8), (G, A, 2.0, 7, 'callee'), (C, outside(RINGS), 5.0, 0, 'unanswered')],
              [(D, ALONE[0], 1.0, 8), (A, outside(BUSY), 2.0, 0), (B, G, 3.0, 7), (V, H, 2.0, 8)]]
    for one in rounds:
        together([(conversation, *x) for x in one], 0.9)
        time.sleep(chance.uniform(4, 9))

class Centre(Baresip):
    """One baresip with three accounts."""
    def start(s):
        started = uas.spawn
        def with_all_lines(*a, **kw):
            line = open(s.home + '/accounts').read()
            open(s.home + '/accounts', 'w').write(''.join(line.replace(str(s.user), str(n)) for n in CENTRE))
            return started(*a, **kw)
        uas.spawn = with_all_lines
        super().start()
        uas.spawn = started

def centre(ua, calls=24):
    agents = {n: (voice(), name) for n, name in zip(CENTRE, ('Clara', 'Martin', 'Judith'))}
    unanswered = {6: RINGS, 13: BUSY, 19: RINGS}
    for i in range(calls):
        number = CENTRE[i % 3]
        how, agent = agents[number]
        day = dict(how, pitch=how['pitch'] + chance.randrange(-4, 5), speed=how['speed'] + chance.randrange(-8, 9))
        say('line-centre', f'{chance.choice(["Good morning", "Hello", "Good afternoon"])}, this is {agent} from Harbour Dental, am I speaking with {chance.choice(PEOPLE)}? '
            + filled(chance.choice(MATTERS)).capitalize() + '. ' + filled(chance.choice(CHAT)), **day, seconds=20)
        dialled = outside(unanswered.get(i, ANSWERS))
        planned(ua.ip, number, dialled)
        log('centre', number, dialled)
        ua.cmd('uafind', f'sip:{number}@lab.example')
        ua.dial(dialled)
        time.sleep(5 if i in unanswered else 15 if i in (4, 11, 17) else chance.uniform(8, 9.5))
        if unanswered.get(i) is not BUSY:
            ua.hangup()
        time.sleep(chance.uniform(0.8, 2))

AGENTS = ['Asterisk PBX 16.2.1', 'FreeSWITCH-mod_sofia/1.10.7', 'Cisco-SIPGateway/IOS-15.4.3', 'Yealink SIP-T46S 66.85.0.5', 'Grandstream GXP2160 1.0.9.26',
          'PolycomVVX-VVX_411-UA/5.9.0', 'Zoiper rv2.10.13', 'eyeBeam release 1102q', 'X-Lite release 4.9.8', 'snom370/8.7.5', 'AVM FRITZ!Box 7590 154.07.29',
          'Linksys/SPA942-6.1.5', 'Sonus_UAC', 'MicroSIP/3.20.7', 'VOIP_Agent_001']
AREAS = [201, 202, 303, 404, 415, 512, 617, 702, 718, 808, 914]
WARRANTY = ('This is an important message about the warranty of your vehicle. Our records show that your coverage ends within ten days. '
            'To speak to an agent and keep your protection, press one now. To be removed from our list, press two.')
TAXES = ('Hello. This is the office of taxes and revenue. A complaint has been filed under your name. If you do not react today, '
         'your accounts will be closed. Press one to speak to an officer at once.')

def targets(answered, rings, busy, absent, unknown):
    found = [outside(ANSWERS) for _ in range(answered)] + ALONE + [outside(RINGS) for _ in range(rings)] \
        + [outside(BUSY) for _ in range(busy)] + [chance.choice(ABSENT) for _ in range(absent)] + [UNKNOWN + chance.randrange(100) for _ in range(unknown)]
    chance.shuffle(found)
    return found

def robocaller_1():
    """sipp behind the trunk: another number, address, name and User-Agent in each call."""
    prompt = mu_law(say('warranty', WARRANTY, 'en-us+m7', 45, 165, 5, 20, seconds=12))
    path = scenario('robocaller', 'robocaller', PROMPT=prompt)
    callees = targets(20, 2, 2, 2, 2)
    addresses = [f'10.77.1.{11 + i}' for i in range(10)]
    numbers = chance.sample([10000000000 + area * 10000000 + 5550100 + i for area in AREAS for i in range(100)], len(callees))
    rows = collections.defaultdict(list)
    for i, (caller, callee) in enumerate(zip(numbers, callees)):
        ip = addresses[i % len(addresses)]
        rows[ip].append(f'{caller};{callee};{AGENTS[(7 * i) % len(AGENTS)]};{chance.choice(PEOPLE)};\n')
        planned(ip, caller, callee)
    running = []
    for k, ip in enumerate(addresses):
        with open(f'{RUN}/rows-{ip}.csv', 'w') as out:
            out.write('SEQUENTIAL\n' + ''.join(rows[ip]))
        running.append(sipp('c1', ip, path, '-inf', f'{RUN}/rows-{ip}.csv', '-mp', 20000 + 100 * k, '-r', 1, '-rp', 14000, '-m', len(rows[ip]), '-timeout', 90, f'{PROXY}:5060'))
        log('robocaller 1', ip)
        time.sleep(chance.uniform(6, 12))
    for p in running:
        p.wait(90)

def robocaller_2():
    """The honest telephones' program, started anew for each call with another account on a host with another address."""
    say('taxes', TAXES, 'en-gb+f3', 55, 160, 7, -30, seconds=20)
    hosts = ['c2', 'c3', 'c4']
    work = list(zip(STOLEN, targets(13, 2, 1, 1, 1)))
    def calls(k, ns):
        for i, (number, callee) in enumerate(work[k::len(hosts)]):
            ip = f'10.77.{k + 2}.{30 + 7 * i}'
            for change in (['addr', 'flush', 'dev', 'eth0'], ['addr', 'add', ip + '/16', 'dev', 'eth0'], ['route', 'replace', 'default', 'via', PROXY]):
                subprocess.run(['ip', '-n', LAB + ns] + change, check=True)
            uas.HIP[ns] = ip
            # the gateway takes PCMU whatever comes first, the telephones take what does
            codecs = 'PCMA,PCMU' if number % 3 == 0 or callee in ALONE else 'PCMU,PCMA'
            ua = Baresip(ns, number, 'taxes', auto='manual', opts=dict(codecs=codecs))
            time.sleep(2)
            planned(ip, number, callee)
            log('robocaller 2', number, ip, callee)
            ua.dial(callee)
            time.sleep(chance.uniform(7, 9.5))
            ua.hangup()
            time.sleep(0.5)
            ua.stop()
    together([(calls, *x) for x in enumerate(hosts)], 4)

def scanner():
    """sipvicious: who is there, which accounts exist, what is their password."""
    os.environ['HOME'] = RUN                             # it keeps its session files there
    for argv in (['svmap', '10.77.0.1-32'], ['svwar', '-e', '12125550099-12125550125', '-m', 'REGISTER', PROXY],
                 ['svwar', '-e', '12125550116-12125550119', '-m', 'INVITE', '--force', PROXY], ['svcrack', '-u', str(ABSENT[0]), '-r', '1000-1030', PROXY]):
        log(*argv)
        p = spawn('atk', argv, logf=f'{RUN}/{argv[0]}.log', cwd=RUN)
        try:
            p.wait(25)
        except subprocess.TimeoutExpired:
            p.terminate()
        time.sleep(2)

FAILED = []

def together(jobs, apart=0):
    """Runs (function, arguments...) side by side, each begun some seconds after the one before. The threads die with the program, and what fails fails the recording."""
    def run(what, *args):
        try:
            what(*args)
        except Exception as e:
            log('FAILED', what.__name__, repr(e))
            FAILED.append(f'{what.__name__}: {e!r}')
    threads = [threading.Thread(target=run, args=job, daemon=True) for job in jobs]
    for t in threads:
        t.start()
        time.sleep(apart)
    for t in threads:
        t.join()

def after(seconds, what, *args):
    time.sleep(seconds)
    what(*args)

# ---------------------------------------------------------------- truth

def actor(source, names):
    """Actor and campaign of a call, by where it came from."""
    if source in names:
        return names[source], None
    network = source.rsplit('.', 1)[0]
    return {'10.77.1': ('robocaller-1', 'car-warranty'), '10.77.0': ('scanner', 'scan')}.get(network, ('robocaller-2', 'tax-office'))

def truth(names):
    """One line per call of the capture, in its order; the plan must be fulfilled to the call."""
    argv = ['tshark', '-r', OUT + '.pcap', '-Y', 'sip.Method == "INVITE" && !icmp && ip.src != ' + PROXY, '-T', 'fields', '-E', 'occurrence=f']
    for f in ('sip.Call-ID', 'ip.src', 'sip.from.user', 'sip.r-uri.user'):
        argv += ['-e', f]
    seen, plan = {}, PLAN.copy()
    for row in subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines():
        call, source, caller, dialled = row.split('\t')
        if call in seen:
            continue
        name, campaign = actor(source, names)
        seen[call] = dict(call_id=call, label='fraud' if campaign else 'legit', campaign=campaign, actor=name)
        if name != 'scanner':
            plan[source, caller, dialled] -= 1
    wrong = {k: n for k, n in plan.items() if n}
    with open(OUT + '.truth.jsonl', 'w') as out:
        out.write(''.join(json.dumps(line) + '\n' for line in seen.values()))
    if wrong:
        sys.exit(f'calls planned and not seen (or the reverse, below zero): {wrong}')

# ---------------------------------------------------------------- run

proxy()
gateway()
with recorded(OUT, 'ip'):
    phones = [Phone(kind, f'h{i + 1}', number, **kw) for i, (kind, number, kw) in enumerate(zip(
        (Baresip, Baresip, Linphonec, Linphonec, Twinkle, Jami, Baresip, Linphonec), FAMILY,
        (dict(opts=dict(codecs='PCMA,PCMU')), dict(opts=dict(codecs='PCMU')), {}, {}, {}, {}, dict(opts=dict(codecs='PCMU,PCMA')), {})))]
    uas.HIP['c1'] = '10.77.1.10'
    phones.append(Phone(Baresip, 'c1', VISITOR, expires=0))
    for i, number in enumerate(ALONE):
        chat(f'line-{number}', voice())
        Baresip(f'h{9 + i}', number, f'line-{number}', opts=dict(codecs='PCMU,PCMA'))
    say('line-centre', 'Hello.', **voice(), seconds=5)
    desk = Centre('h15', CENTRE[0], 'line-centre', auto='manual', opts=dict(codecs='PCMA,PCMU'))
    stop = threading.Event()
    def alone():
        """Those who only answer never say the same twice: their files change all the time."""
        while not stop.wait(2):
            for number in ALONE:
                say(f'line-{number}', filled(chance.choice(HELLO)) + ' ' + filled(chance.choice(MORE)), **voice(), seconds=20)
    answering = threading.Thread(target=alone, daemon=True)
    answering.start()
    time.sleep(5)
    together([(after, 0, honest, phones), (after, 3, centre, desk), (after, 15, robocaller_1), (after, 50, robocaller_2), (after, 100, scanner)])
    stop.set()
    time.sleep(2)
if FAILED:
    sys.exit('; '.join(FAILED))
names = {p.ip: p.name for p in phones} | {desk.ip: 'call-centre'}
truth(names)
