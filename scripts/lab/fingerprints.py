"""Drives real SIP programs to test a SIP platform fingerprint. Called by scripts/record-fingerprints:

    LAB=<prefix> BELLWETHER_LAB=<folder> python3 fingerprints.py kamailio CONDITION MAXEXP    write and start the proxy's configuration
    LAB=<prefix> BELLWETHER_LAB=<folder> python3 fingerprints.py record CONDITION OUT         OUT.pcap and OUT.truth.jsonl
    python3 fingerprints.py readme FOLDER                                                     README.txt of finished captures

A capture holds one condition and every program in it has its own source address, so who wrote a message is known without looking
at it. A truth line is one program instance; its "dialogs" hold [Call-ID, own tag], by which messages are recognised behind the proxy.
"""
import collections, glob, json, os, re, shutil, subprocess, sys, time

STACK = {'baresip': 'libre', 'linphonec': 'belle-sip', 'linphone-daemon': 'belle-sip', 'twinkle': 'twinkle', 'jami': 'pjsip', 'janus': 'sofia-sip',
         'pyvoip': 'pyVoIP', 'net-sip-perl': 'Net::SIP', 'sippy': 'sippy', 'sipp-uac': 'sipp', 'sipp-uas': 'sipp', 'sipp-custom': 'sipp',
         'kamailio-uac': 'kamailio', 'kamailio': 'kamailio', 'svmap': 'sipvicious',
         'svwar': 'sipvicious', 'svcrack': 'sipvicious', 'sipsak': 'sipsak'}
PACKAGE = {'baresip': 'baresip-core', 'linphonec': 'linphone-cli', 'linphone-daemon': 'linphone-cli', 'twinkle': 'twinkle-console',
           'jami': 'jami-daemon', 'janus': 'janus', 'pyvoip': 'pip:pyVoIP', 'net-sip-perl': 'libnet-sip-perl', 'sippy': 'pip:sippy',
           'sipp': 'sip-tester', 'kamailio': 'kamailio', 'sipvicious': 'sipvicious', 'sipsak': 'sipsak'}
CONDITIONS = {
    'proxy': 'registration with challenge and calls through the proxy (record-route); both legs of every call are in the capture',
    'direct': 'calls from program to program, no proxy, no registration',
    'ua-changed': 'as proxy, but every program sends another User-Agent, or none',
    'nat': 'as proxy, every program behind its own address translator (half of them with translated ports); only the public side is recorded',
    'tcp': 'as proxy, over TCP, for the programs that can',
    'codecs': 'as proxy, but other codecs in another order',
    'tools': 'scanners and SIP test tools against the proxy and two phones',
    'uac': 'Kamailio as a user agent: uac_reg, uac_req_send, tm.t_uac_start; and the same programs as in proxy with other names',
}
# account names: programs must not be recognised by the form of the name
NAMED = ['alice', 'bob.smith', '+4930901820', '+12125550142', '5551234', 'k_77', 'zoe', '0049301234567', 'front-desk', '+33142685300', 'max', '88017']

def debian_version(name):
    if name.startswith('pip:'):
        argv = [uas.VENV + '/bin/python3', '-c', f'import importlib.metadata as m; print(m.version("{name[4:]}"))']
    else:
        argv = ['dpkg-query', '-W', '-f', '${Version}', name]
    return subprocess.run(argv, capture_output=True, text=True).stdout.strip() or 'unknown'

def platform(kind):
    base = kind if kind in PACKAGE else 'sipp' if kind.startswith('sipp') else 'kamailio' if kind.startswith('kamailio') else 'sipvicious'
    v = debian_version(PACKAGE[base])
    upstream = re.sub(r'^\d+:', '', v)
    upstream = re.sub(r'(~ds.*|\+dfsg.*|-[^-]*)$', '', upstream)
    return f'{"linphone" if kind.startswith("linphone") else base} {upstream}'

if sys.argv[1] != 'readme':
    sys.path.insert(0, os.environ['BELLWETHER_LAB'] + '/tools')
    import uas
    from uas import LAB, RUN, SC, VENV, log

# ---------------------------------------------------------------- the proxy

def kamailio_conf(condition, maxexp):
    """The lab's configuration with more accounts, and with NAT handling in the condition nat."""
    text = open(os.environ['BELLWETHER_LAB'] + '/conf/kamailio.cfg').read().replace('MAXEXP', maxexp)
    edits = [(r'(\$sht\(users=>1000\) = "1000";)', r'\1' + ''.join(f' $sht(users=>{n}) = "pw{n}";' for n in NAMED)),
             (r'children=4', 'children=2'), (r' \|\| \$si == "10\.77\.0\.28"', '')]      # no host without challenge among the telephones
    if condition == 'nat':
        edits += [(r'loadmodule "corex.so"', 'loadmodule "corex.so"\nloadmodule "nathelper.so"\nmodparam("nathelper|registrar", "received_avp", "$avp(RECEIVED)")'),
                  (r'request_route \{', 'reply_route { if (is_method("INVITE|UPDATE|SUBSCRIBE") && nat_uac_test("1")) fix_nated_contact(); }\n'
                                        'request_route {\n    force_rport();\n    if (is_method("REGISTER")) fix_nated_register(); else if (nat_uac_test("1")) fix_nated_contact();')]
    for old, new in edits:
        text, n = re.subn(old, new, text)
        assert n, f'kamailio.cfg: {old} not found'
    return text

def start_kamailio(condition, maxexp):
    os.makedirs(RUN, exist_ok=True)
    open(f'{RUN}/kamailio.cfg', 'w').write(kamailio_conf(condition, maxexp))
    argv = ['ip', 'netns', 'exec', LAB + 'px', 'kamailio', '-f', f'{RUN}/kamailio.cfg', '-m', '64', '-M', '8', '-P', f'{RUN}/kam.pid', '-w', RUN, '-Y', RUN, '-DD', '-E']
    subprocess.Popen(argv, stdout=open(f'{RUN}/kam.log', 'ab'), stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
    time.sleep(2)
    if not os.path.exists(f'{RUN}/kam.pid'):
        sys.exit('the proxy did not start, see ' + RUN + '/kam.log')

# ---------------------------------------------------------------- programs

USERS, OTHERS, NOTES = [], [], []
PENDING = []                                       # edits of generated files: [folder, file, expression, replacement]
ARGV = {}                                          # program name -> replacement (patched copies)
CONDITION = ''

def patched_spawn(ns, argv, *a, **kw):
    """uas.py writes a program's configuration and starts it in one go; this applies our changes in between."""
    for e in PENDING[:]:
        folder, file, old, new = e
        path = f'{folder}/{file}'
        if os.path.exists(path):
            text, n = re.subn(old, new, open(path).read(), flags=re.M | re.S)
            assert n, f'{path}: {old} not found'
            open(path, 'w').write(text)
            PENDING.remove(e)
    return lab_spawn(ns, [ARGV.get(argv[0], argv[0])] + argv[1:], *a, **kw)

def start(cls, ns, number, edits=(), **kw):
    """Start one program with changed configuration files and remember it; a program that fails is left out."""
    folder = f'{RUN}/{cls.kind}-{number}'
    PENDING[:] = [(folder, *e) for e in edits]
    try:
        u = cls(ns, number, **kw)
    except Exception as e:
        log('FAILED', cls.kind, number, repr(e))
        NOTES.append(f'{cls.kind}-{number} could not be started: {e!r}')
        return None
    if PENDING:
        log('EDIT NOT APPLIED', PENDING)
        NOTES.append(f'{u.name}: a change of its configuration was not applied')
    u.source = PUBLIC.get(ns, u.ip)
    USERS.append(u)
    log('started', u.name, u.source)
    time.sleep(.7)
    return u

def other(kind, source, instance=None):
    OTHERS.append(dict(kind=kind, source=source, instance=instance or f'{kind}-{source}'))

PUBLIC = {}                                        # private namespace -> public address, condition nat

def define_programs():
    """Subclasses of the lab's programs that can also dial any URI; defined late because `readme` needs no lab."""
    global Baresip, Linphonec, LinDaemon, Twinkle, Jami, Janus, PyVoIP, NetSIP, Sippy
    Sippy = sippy_class()
    Janus = janus_class()
    NetSIP = netsip_class()

    class Baresip(uas.Baresip):
        def dial_uri(s, uri): return s.cmd('dial', uri)
    class Linphonec(uas.Linphonec):
        def dial_uri(s, uri): s.line(f'call {uri}')
    class LinDaemon(uas.LinDaemon):
        def dial_uri(s, uri):
            s.log_cmd(f'call {uri}')
    class Twinkle(uas.Twinkle):
        def start(s):
            super().start()
            time.sleep(1)
            s.line('auto_answer -a on')
        def dial_uri(s, uri): s.line(f'call {uri}')
    class Jami(uas.Jami):
        def c(s, *m):
            if m[0] == 'add':
                m = ('add', {**m[1], **s.opts})
            super().c(*m)
        def dial_uri(s, uri): s.c('dial', uri)
    class PyVoIP(uas.PyVoIP):
        def dial_uri(s, uri): s.dial(re.sub('^sip:|@.*', '', uri))

SDP_WEBRTC = ('v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=msid-semantic: WMS s\r\n'
              'm=audio 9 UDP/TLS/RTP/SAVPF PTS\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:4ZcD\r\n'
              'a=ice-pwd:2/1muCWoOi3uLifh0NuRHlzz\r\na=ice-options:trickle\r\na=fingerprint:sha-256 7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:'
              'DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08\r\na=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\nMAPS'
              'a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6\r\n')
MAPS = {0: 'PCMU/8000', 8: 'PCMA/8000', 9: 'G722/8000', 111: 'opus/48000/2', 126: 'telephone-event/8000'}

def janus_class():
    ctl = r'''
import json,threading,urllib.request,sys,time
B='http://127.0.0.1:8088/janus'; user,body,sdp=sys.argv[1],json.loads(sys.argv[2]),sys.argv[3]
def post(u,d):
    d['transaction']=str(time.time()); return json.load(urllib.request.urlopen(urllib.request.Request(u,json.dumps(d).encode()),timeout=10))
s=post(B,{'janus':'create'})['data']['id']; h=post(f'{B}/{s}',{'janus':'attach','plugin':'janus.plugin.sip'})['data']['id']
def msg(b,jsep=None):
    d={'janus':'message','body':b}
    if jsep: d['jsep']=jsep
    print('sent',b,post(f'{B}/{s}/{h}',d),flush=True)
def poll():
    while True:
        try:
            e=json.load(urllib.request.urlopen(f'{B}/{s}?maxev=1',timeout=60)); print(e,flush=True)
            r=e.get('plugindata',{}).get('data',{}).get('result',{})
            if r.get('event')=='incomingcall': time.sleep(.5); msg({'request':'decline','code':486})
        except Exception as e: print(repr(e),flush=True); time.sleep(2)
threading.Thread(target=poll,daemon=True).start()
msg(body)
for l in sys.stdin:
    a=l.split()
    try:
        if a[0]=='dial': msg({'request':'call','uri':a[1]},{'type':'offer','sdp':sdp,'trickle':True})
        else: msg({'request':'hangup'})
    except Exception as e: print(repr(e),flush=True)
'''
    class J(uas.Janus):
        def start(s):
            real, uas.JANUS_CTL = uas.JANUS_CTL, 'import time; time.sleep(1)\n'
            super().start()
            uas.JANUS_CTL = real
            o = s.opts
            if o.get('direct'):
                body = {'request': 'register', 'type': 'guest', 'username': f'sip:{s.user}@{s.ip}'}
            else:
                body = {'request': 'register', 'username': f'sip:{s.user}@lab.example', 'authuser': str(s.user), 'secret': f'pw{s.user}',
                        'proxy': 'sip:10.77.0.2' + (';transport=tcp' if s.tp == 'tcp' else ''), 'register_ttl': s.expires}
                body['outbound_proxy'] = body['proxy']       # without it an INVITE waits for the DNS
                if s.tp == 'tcp':
                    body['force_tcp'] = True
            if o.get('name'):
                body['display_name'] = o['name']
            pts = o.get('pts', (111, 0, 8, 126))
            sdp = SDP_WEBRTC.replace('PTS', ' '.join(map(str, pts))).replace('MAPS', ''.join(f'a=rtpmap:{p} {MAPS[p]}\r\n' for p in pts))
            open(s.home + '/drive.py', 'w').write(ctl)
            s.drive = uas.spawn(s.ns, ['python3', s.home + '/drive.py', str(s.user), json.dumps(body), sdp], logf=s.home + '/drive.log')
        def send(s, t):
            s.drive.stdin.write((t + '\n').encode()); s.drive.stdin.flush()
        def dial(s, n): s.send(f'dial sip:{n}@lab.example')
        def dial_uri(s, uri): s.send('dial ' + uri)
        def hangup(s): s.send('hangup')
    return J

def netsip_class():
    class N(uas.NetSIP):
        def start(s):
            o = s.opts
            leg = f'sip:{s.ip}:5060;transport=tcp' if s.tp == 'tcp' else f'{s.ip}:5060'
            sender = f'"{o["name"]}" <sip:{s.user}@{o.get("domain", "lab.example")}>' if o.get('name') else f'sip:{s.user}@{o.get("domain", "lab.example")}'
            extra = f"'User-Agent' => '{o['agent']}'" if o.get('agent') else ''
            proxy = "outgoing_proxy=>'" + ('sip:10.77.0.2;transport=tcp' if s.tp == 'tcp' else '10.77.0.2') + "',registrar=>'10.77.0.2',domain=>'lab.example',"
            if o.get('direct'):
                proxy = ''
            open(s.home + '/r.pl', 'w').write(f'''
use strict; use warnings; use Net::SIP qw(:all); use Net::SIP::Dispatcher::Eventloop; $|=1;
my $ua=Net::SIP::Simple->new({proxy}from=>'{sender}',leg=>'{leg}',auth=>['{s.user}','pw{s.user}']);
my $reg; $reg=sub {{ my $e=$ua->register(expires=>{s.expires},{extra}) or print "reg failed ".$ua->error."\\n"; $ua->add_timer($e*0.8,$reg) if $e; }};
{'' if o.get('direct') else '$reg->();'}
$ua->listen(init_media=>$ua->rtp('recv_echo'),recv_bye=>sub{{ print "bye\\n" }});
my $call;
my $buf='';
$ua->{{loop}}->addFD(\\*STDIN,EV_READ,sub {{
  sysread(STDIN,$buf,1000,length $buf) or exit;
  while ($buf=~s/^(.*)\\n//) {{ my @a=split(' ',$1);
    if ($a[0] eq 'dial') {{ $call=$ua->invite($a[1],init_media=>$ua->rtp('recv_echo'),cb_final=>sub{{print "final $_[0]\\n"}},{extra}) or print "call failed ".$ua->error."\\n" }}
    elsif ($call) {{ $call->bye; $call=undef }} }} }});
my $stop; $ua->add_timer(3000,sub{{$stop=1}});
$ua->loop(undef,\\$stop);
''')
            s.p = uas.spawn(s.ns, ['perl', s.home + '/r.pl'], logf=s.log)
        def dial(s, n): s.line(f'dial sip:{n}@lab.example')
        def dial_uri(s, uri): s.line('dial ' + uri)
        def hangup(s): s.line('hangup')
    return N

def sippy_class():
    class S(uas.Sippy):
        """SipRegistrationAgent and UA of the library; dialling goes through UA, as in sippy's own B2BUA."""
        def start(s):
            o = s.opts
            peer = o.get('peer', '10.77.0.2')
            open(s.home + '/r.py', 'w').write(f'''
import os, sys, threading
from sippy.SipConf import SipConf
{f"SipConf.my_uaname = {o['agent']!r}" if 'agent' in o else ''}
from sippy.Core.EventDispatcher import ED2
from sippy.SipTransactionManager import SipTransactionManager
from sippy.SipRegistrationAgent import SipRegistrationAgent
from sippy.SipLogger import SipLogger
from sippy.SipURL import SipURL
from sippy.UA import UA
from sippy.MsgBody import MsgBody
from sippy.CCEvents import CCEventTry, CCEventDisconnect
from sippy.SipHeader import SipHeader
gc = {{'_sip_address': '{s.ip}', '_sip_port': 5060, 'nh_addr': ('{peer}', 5060)}}
gc['_sip_logger'] = SipLogger('ra')
def incoming(req, sip_t):
    if req.getHFBody('to').getTag() is not None:
        return (req.genResponse(481, 'Call Leg/Transaction Does Not Exist'), None, None)
    if req.getMethod() == 'INVITE':
        return (req.genResponse(486, 'Busy Here'), None, None)
    return (req.genResponse(501, 'Not Implemented'), None, None)
gc['_sip_tm'] = SipTransactionManager(gc, incoming)
sdp = 'v=0\\r\\no=- 1 1 IN IP4 {s.ip}\\r\\ns=-\\r\\nc=IN IP4 {s.ip}\\r\\nt=0 0\\r\\nm=audio 20000 RTP/AVP {o.get("pts", "0 8")}\\r\\n'
if {not o.get('direct')}:
    ra = SipRegistrationAgent(gc, SipURL(username='{s.user}', host='10.77.0.2', port=5060), SipURL(username='{s.user}', host='{s.ip}', port=5060),
                              user='{s.user}', passw='pw{s.user}', exp={s.expires}, rok_cb=lambda *a: print('ok', a, flush=True), rfail_cb=lambda *a: print('fail', a, flush=True))
    ra.doregister()
ua = None
def event(e, u):
    print('event', e, flush=True)
def command(line):
    global ua
    try:
        a = line.split()
        if a[0] == 'dial':
            ua = UA(gc, event, username='{s.user}', password='pw{s.user}', nh_address=('{peer}', 5060))
            ua.recvEvent(CCEventTry((None, '{s.user}', a[1], MsgBody(sdp), None, {o.get("name")!r})))
        elif ua is not None:
            ua.disconnect()
    except Exception as e:
        print(repr(e), flush=True)
def read():
    for line in sys.stdin:
        ED2.callFromThread(command, line)
threading.Thread(target=read, daemon=True).start()
ED2.loop()
''')
            s.p = uas.spawn(s.ns, [f'{VENV}/bin/python3', '-u', s.home + '/r.py'],
                            env=dict(SIPLOG_LOGFILE_FILE=s.home + '/sip.log', SIPLOG_BEND='file'), logf=s.log)
        def dial(s, n): s.line(f'dial {n}')
        def dial_uri(s, uri): s.dial(re.sub('^sip:|@.*', '', uri))
        def hangup(s): s.line('hangup')
    return S

def call(a, target, seconds=2.5):
    """a dials target (a number, a program or a URI) and hangs up after some seconds."""
    if a is None or target is None:
        return
    try:
        log('call', a.name, '->', getattr(target, 'name', target))
        if hasattr(target, 'source'):
            target = target.user if CONDITION != 'direct' else f'sip:{target.user}@{target.source}'
        (a.dial_uri if str(target).startswith('sip:') else a.dial)(target)
        time.sleep(seconds)
        a.hangup()
    except Exception as e:                         # a dead program must not stop the recording
        log('ERROR', a.name, repr(e))
        NOTES.append(f'{a.name} failed to call: {e!r}')
    time.sleep(.8)

# ---------------------------------------------------------------- sipp

def sipp_scenario(name, agent, sdp):
    """A scenario of ours: REGISTER and INVITE with digest authentication, with headers of its own choice."""
    head = '''Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
Max-Forwards: 70
{routes}From: "[field1]" <sip:[field0]@lab.example>;tag=gw-[pid]-[call_number]{fromtag}
To: <sip:{to}@lab.example>{totag}
Call-ID: [call_id]{cid}
CSeq: {cseq} {method}
Contact: <sip:[field0]@[local_ip]:[local_port];transport=[transport]>
{extra}Allow: INVITE, ACK, CANCEL, BYE, OPTIONS
Supported: timer
''' + (f'User-Agent: {agent}\n' if agent else '')
    def msg(method, uri, cseq, to='[field2]', extra='', totag='', routes='', body='', cid='', fromtag=''):
        end = f'Content-Type: application/sdp\nContent-Length: [len]\n\n{body}' if body else 'Content-Length: 0\n\n'
        return f'{method} {uri} SIP/2.0\n' + head.format(method=method, cseq=cseq, to=to, extra=extra, totag=totag, routes=routes, cid=cid, fromtag=fromtag) + end
    def send(text, retrans=True):
        return f'  <send{" retrans=" + chr(34) + "500" + chr(34) if retrans else ""}><![CDATA[\n{text}]]></send>\n'
    reg = lambda cseq, extra='': send(msg('REGISTER', 'sip:lab.example', cseq, '[field0]', 'Expires: 60\n' + extra, cid='-r', fromtag='r'))
    invite = lambda cseq, extra='': send(msg('INVITE', 'sip:[field2]@lab.example', cseq, extra=extra, body=sdp))
    text = '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="register, then a call, both with a challenge">\n'
    if name == 'register':
        text += reg(1) + '  <recv response="401" auth="true"/>\n' + reg(2, '[authentication]\n') + '  <recv response="200"/>\n'
        return text.replace('[call_id]-r', '[call_id]') + '</scenario>\n'
    text += invite(1) + '  <recv response="100" optional="true"/>\n  <recv response="407" auth="true"/>\n'
    text += send(msg('ACK', 'sip:[field2]@lab.example', 1, totag='[peer_tag_param]').replace('[branch]', '[branch-2]'), False)
    text += invite(2, '[authentication]\n')
    text += ''.join(f'  <recv response="{c}" optional="true"/>\n' for c in (100, 180, 183)) + '  <recv response="200" rrs="true" timeout="8000"/>\n'
    text += send(msg('ACK', '[next_url]', 2, totag='[peer_tag_param]', routes='[routes]\n'), False)
    text += '  <pause milliseconds="1500"/>\n' + send(msg('BYE', '[next_url]', 3, totag='[peer_tag_param]', routes='[routes]\n'))
    return text + '  <recv response="200" timeout="5000"/>\n</scenario>\n'

SDP_SIPP = {'usual': 'v=0\no=gw 4711 1 IN IP4 [local_ip]\ns=call\nc=IN IP4 [media_ip]\nt=0 0\nm=audio [media_port] RTP/AVP 0 8 101\na=rtpmap:0 PCMU/8000\n'
                     'a=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:20\na=sendrecv\n',
            'other': 'v=0\no=gw 4711 1 IN IP4 [local_ip]\ns=call\nc=IN IP4 [media_ip]\nt=0 0\nm=audio [media_port] RTP/AVP 9 8 0 18 96\na=rtpmap:9 G722/8000\n'
                     'a=rtpmap:8 PCMA/8000\na=rtpmap:0 PCMU/8000\na=rtpmap:18 G729/8000\na=rtpmap:96 telephone-event/8000\na=fmtp:96 0-16\na=ptime:30\na=sendrecv\n'}

def run(ns, argv, label, limit=20):
    log('run', ns, ' '.join(argv)[:150])
    p = uas.spawn(ns, argv, logf=f'{RUN}/{CONDITION}-{label}.log', cwd=RUN)
    try:
        p.wait(limit)
    except subprocess.TimeoutExpired:
        p.terminate()
        NOTES.append(f'{label} was stopped at its time limit')

def sipp_argv(ip, *args, tcp=False):
    return ['sipp', '-i', ip, '-mi', ip, '-p', '5060', '-nostdin', '-timeout', '15', *(['-t', 't1'] if tcp else []), *map(str, args)]

def sipp_uac(ns, ip, target, number, tcp=False, calls=2):
    """sipp's built-in scenario `uac`."""
    other('sipp-uac', ip)
    run(ns, sipp_argv(ip, '-sn', 'uac', '-s', number, '-d', 1500, '-m', calls, '-l', 1, '-r', 1, f'{target}:5060', tcp=tcp), f'sipp-uac-{ip}')

def sipp_custom(ip, number, name, dialled, agent='Gateway 4.2', sdp='usual', tcp=False):
    subprocess.run(['ip', '-n', LAB + 'c4', 'addr', 'add', ip + '/16', 'dev', 'eth0'], check=True)   # an address that the proxy challenges
    other('sipp-custom', ip)
    rows = f'{RUN}/sipp-{ip}.csv'
    open(rows, 'w').write(f'SEQUENTIAL\n{number};{name};{dialled};\n')
    for part in ('register', 'call'):
        path = f'{RUN}/sipp-{ip}-{part}.xml'
        open(path, 'w').write(sipp_scenario(part, agent, SDP_SIPP[sdp]))
        run('c4', sipp_argv(ip, '-sf', path, '-inf', rows, '-au', number, '-ap', f'pw{number}', '-m', 1, '10.77.0.2:5060', tcp=tcp), f'sipp-{part}-{ip}')

# ---------------------------------------------------------------- Kamailio as a user agent

def kamailio_uac(ns, ip, number, peer, agent):
    folder = f'{RUN}/kuac-{ip}'
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    columns = ('id(int,auto) l_uuid(string) l_username(string) l_domain(string) r_username(string) r_domain(string) realm(string) auth_username(string) '
               'auth_password(string) auth_ha1(string,null) auth_proxy(string) expires(int) flags(int) reg_delay(int) contact_addr(string) socket(string)')
    row = ['1', 'u1', number, 'lab.example', number, 'lab.example', 'lab.example', number, f'pw{number}', '', 'sip:10.77.0.2:5060', '60', '0', '0', f'{ip}:5060', f'udp:{ip}:5060']
    open(folder + '/uacreg', 'w').write(columns + '\n' + ':'.join(v.replace(':', '\\:') for v in row) + '\n')
    open(folder + '/version', 'w').write('id(int,auto) table_name(string) table_version(int)\n1:uacreg:5\n')
    open(folder + '/k.cfg', 'w').write(f'''#!KAMAILIO
debug=2
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
disable_tcp=yes
listen=udp:{ip}:5060
{f'user_agent_header="User-Agent: {agent}"' if agent else ''}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "db_text.so"
loadmodule "uac.so"
loadmodule "rtimer.so"
loadmodule "ctl.so"
modparam("ctl", "binrpc", "unix:{folder}/ctl")
modparam("uac", "reg_contact_addr", "{ip}:5060")
modparam("uac", "reg_timer_interval", 5)
modparam("uac", "reg_db_url", "text://{folder}")
modparam("uac", "reg_active", 1)
modparam("rtimer", "timer", "name=t;interval=3;mode=1;")
modparam("rtimer", "exec", "timer=t;route=SEND")
request_route {{
    if (is_method("ACK")) exit;
    if (is_method("BYE|NOTIFY|OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
    sl_send_reply("486", "Busy Here");
}}
route[SEND] {{
    $uac_req(method) = "OPTIONS";
    $uac_req(ruri) = "sip:{peer}";
    $uac_req(furi) = "sip:{number}@lab.example";
    $uac_req(turi) = "sip:{peer}";
    $uac_req(ouri) = "sip:10.77.0.2:5060";
    uac_req_send();
    $uac_req(method) = "MESSAGE";
    $uac_req(hdrs) = "Content-Type: text/plain\\r\\nContact: <sip:{number}@{ip}:5060>\\r\\n";
    $uac_req(body) = "hello";
    $uac_req(auser) = "{number}";
    $uac_req(apasswd) = "pw{number}";
    uac_req_send();
}}
''')
    other('kamailio-uac', ip)
    argv = ['kamailio', '-f', folder + '/k.cfg', '-m', '32', '-M', '4', '-P', folder + '/pid', '-w', folder, '-Y', folder, '-DD', '-E']
    uas.spawn(ns, argv, logf=folder + '/log', cwd=folder)
    time.sleep(2)
    def rpc(*a):
        r = subprocess.run(['kamcmd', '-s', f'unix:{folder}/ctl', *a], capture_output=True, text=True, timeout=10)
        log('kamcmd', a[0], r.stdout.strip()[:200], r.stderr.strip()[:200])
    return rpc

# ---------------------------------------------------------------- a set of telephones

AGENTS = {'linphone-daemon': 'Yealink SIP-T46U 108.86', 'jami': 'snomD785/10.1.159',
          'janus': 'PBX Gateway 16.2', 'pyvoip': '7.7', 'net-sip-perl': 'Mediatrix 4102', 'sippy': 'FPBX-15.0(18.2)', 'kamailio-uac': 'Avaya CM/R018'}

SAME_AGENT = 'Zoiper rv2.10.20.4'                        # the second instance of every program shows this one

def patch_binary(path, pairs):
    """A copy of a program with other constant strings of the same length: for those that have no setting for User-Agent."""
    data = open(path, 'rb').read()
    for old, new in pairs:
        assert len(old) == len(new) and old in data, (path, old)
        data = data.replace(old, new)
    copy = f'{RUN}/{os.path.basename(path)}-changed'
    open(copy, 'wb').write(data)
    os.chmod(copy, 0o755)
    return copy

def shown_agent(kind, i):
    return SAME_AGENT if i else AGENTS[kind]

def phones(condition, wanted, codecs='usual', names=0):
    """Starts programs; wanted is {kind: count}. Returns {kind: [instances]}."""
    agent = condition == 'ua-changed'
    direct = condition == 'direct'
    tp = 'tcp' if condition == 'tcp' else 'udp'
    made = collections.defaultdict(list)
    number, named, host = iter(range(101 + 30 * names, 400)), iter(NAMED[names:]), 0
    shown = ['', 'Alice Example', 'Büro', 'Desk 42', 'Front, Desk', 'J. Müller', 'bob']
    for kind, count in wanted.items():
        for i in range(count):
            host += 1
            ns = f'n{host}' if condition == 'nat' else f'h{host}'
            ip = uas.HIP[ns]
            # one instance in three has a name instead of a number; display names differ too
            who = next(named, None) if i % 3 == 1 else None
            who = str(who or next(number))
            show = shown[(i * 2 + host) % len(shown)] if i else ''
            domain = ip if direct else 'lab.example'
            e, kw, cls = [], dict(transport=tp), None
            if kind == 'baresip':
                cls = Baresip
                kw['opts'] = dict(codecs={'usual': 'PCMA,PCMU', 'other': 'PCMU,PCMA,L16/16000,speex/8000' if i else 'PCMU'}[codecs], ptime=20 if codecs == 'usual' else 30)
                if show: e.append(('accounts', '^<', f'"{show}" <'))
                if direct: e.append(('accounts', r'@lab\.example;transport=udp>.*regint=\d+', f'@{ip}>;regint=0'))
            elif kind == 'linphonec':
                cls, kw['wav'] = Linphonec, 'dev' + 'ABCDEFGH'[i % 8]
                if direct:
                    e.append(('rc', r'\[proxy_0\].*?(?=\[rtp\])', ''))
                    e.append(('rc', r'^contact=.*?$', f'contact="{show or "me"}" <sip:{who}@{ip}>'))
                elif show: e.append(('rc', r'^reg_identity=(.*?)$', f'reg_identity="{show}" <\\1>'))
                if codecs == 'other': e += linphone_codecs(i)
            elif kind == 'linphone-daemon':
                cls = LinDaemon
                if direct:
                    e.append(('rc', r'\[proxy_0\].*?(?=\[rtp\])', ''))
                elif show: e.append(('rc', r'^reg_identity=(.*?)$', f'reg_identity="{show}" <\\1>'))
                if tp == 'tcp':
                    e += [('rc', 'sip_port=5060\nsip_tcp_port=-1', 'sip_port=-1\nsip_tcp_port=5060'), ('rc', 'transport=udp', 'transport=tcp')]
                if agent: e.append(('rc', r'^\[sip\]$', f'[sip]\nuser_agent={shown_agent(kind, i)}'))
                if codecs == 'other': e += linphone_codecs(i)
            elif kind == 'twinkle':
                cls = Twinkle
                if show: e.append(('.twinkle/p.cfg', r'^user_display=$', f'user_display={show}'))
                if codecs == 'other': e.append(('.twinkle/p.cfg', 'codecs=g711a,g711u\nptime=20', 'codecs=gsm,g711u,speex-nb\nptime=30' if i else 'codecs=g711u\nptime=20'))
                if tp == 'tcp': e.append(('.twinkle/p.cfg', 'sip_transport=udp', 'sip_transport=tcp'))
                if direct:
                    e += [('.twinkle/p.cfg', r'user_domain=lab\.example', f'user_domain={ip}'), ('.twinkle/p.cfg', r'^(outbound_proxy=|registrar=).*?$', r'\1'),
                          ('.twinkle/p.cfg', 'register_at_startup=yes', 'register_at_startup=no'), ('.twinkle/p.cfg', 'all_requests_to_proxy=yes', 'all_requests_to_proxy=no')]
            elif kind == 'jami':
                cls, o = Jami, {}
                if show: o['Account.displayName'] = show
                if agent: o.update({'Account.useragent': shown_agent(kind, i), 'Account.hasCustomUserAgent': 'true'})
                if direct: o.update({'Account.hostname': '', 'Account.password': ''})
                kw['opts'] = o
                if codecs == 'other': e.append(('ctl.py', "'PCMA','PCMU','G.711a','G.711u'", "'opus','speex','G722','PCMU'" if i else "'PCMU'"))
            elif kind == 'janus':
                cls = Janus
                kw['opts'] = dict(name=show, direct=direct, pts=(111, 0, 8, 126) if codecs == 'usual' else (0, 9, 126))
                if agent: e.append(('conf/janus.plugin.sip.jcfg', 'user_agent = ".*?"', f'user_agent = "{shown_agent(kind, i)}"'))
            elif kind == 'pyvoip':
                cls = PyVoIP
                kw['expires'] = 60
                if agent: e.append(('r.py', r'^import sys', f'import pyVoIP; pyVoIP.__version__ = "{shown_agent(kind, i)}"\nimport sys'))
                if direct: e += [('r.py', r'^p=VoIPPhone\("10\.77\.0\.2"', f'S.SIPClient.register=lambda s: True\np=VoIPPhone("{uas.HIP["h1"]}"')]
            elif kind == 'net-sip-perl':
                cls = NetSIP
                kw.update(expires=60, opts=dict(name=show, direct=direct, domain=domain, agent=shown_agent(kind, i) if agent else None))
            elif kind == 'sippy':
                cls = Sippy
                kw.update(expires=60, opts=dict(name=show or None, direct=direct, peer=uas.HIP['h1'] if direct else '10.77.0.2',
                                                pts='0 8' if codecs == 'usual' else '8 18 0'))
                if agent: kw['opts']['agent'] = shown_agent(kind, i)
            u = start(cls, ns, who, e, **kw)
            if u:
                made[kind].append(u)
    time.sleep(4)
    return made

def linphone_codecs(i):
    new = [('speex', 8000), ('GSM', 8000), ('PCMU', 8000)] if i else [('PCMU', 8000)]
    drop = ['opus', 'G729', 'PCMA'] + (['speex'] if not i else [])
    rows = [(m, r, 1) for m, r in new] + [(m, 48000 if m == 'opus' else 8000, 0) for m in drop] + [('speex', 16000, 0), ('speex', 32000, 0)]
    text = ''.join(f'[audio_codec_{k}]\nmime={m}\nrate={r}\n' + ('channels=2\n' if m == 'opus' else '') + f'enabled={on}\n' for k, (m, r, on) in enumerate(rows))
    return [('rc', r'\[audio_codec_0\].*?enabled=1\n\[audio_codec_1\].*?enabled=1\n', text)]

def ring(made):
    """Every program calls two others of different kinds; Net::SIP, pyVoIP, sippy and Janus call only what answers at once."""
    answering = [u for k in ('baresip', 'linphonec', 'twinkle', 'jami', 'linphone-daemon', 'net-sip-perl') for u in made.get(k, [])]
    turn = 0
    for kind, users in made.items():
        for i, u in enumerate(users):
            others = [x for x in answering if x.kind != kind] or [x for x in answering if x is not u]
            if not others:
                continue
            if CONDITION == 'direct' and kind in ('pyvoip', 'sippy'):
                call(u, made['baresip'][0])              # these send every request to one fixed address
                continue
            for _ in range(2):
                call(u, others[turn % len(others)])
                turn += 1
    for kind in ('sippy', 'janus', 'pyvoip'):            # these are called, too: their answers
        for u in made.get(kind, [])[:2]:
            call(answering[turn % len(answering)], u, 3)
            turn += 1

ALL = {'baresip': 3, 'linphonec': 3, 'linphone-daemon': 2, 'twinkle': 2, 'jami': 2, 'janus': 2, 'pyvoip': 2, 'net-sip-perl': 2, 'sippy': 2}

# ---------------------------------------------------------------- conditions

def proxy():
    made = phones(CONDITION, ALL)
    ring(made)
    who = made['baresip'][0].user
    for k in (11, 12):
        sipp_uac('c1', f'10.77.1.{k}', '10.77.0.2', who)
    sipp_custom('10.77.0.41', 150, 'Trunk', who)
    sipp_custom('10.77.0.42', NAMED[-1], 'Line 2', who, 'Gateway 4.2')

def direct():
    made = phones(CONDITION, ALL)
    ring(made)
    for i, k in enumerate((11, 12, 13)):
        sipp_uac('c1', f'10.77.1.{k}', made[('baresip', 'linphonec', 'baresip')[i]][-1].source, made[('baresip', 'linphonec', 'baresip')[i]][-1].user)
    other('sipp-uas', '10.77.2.11')                      # sipp's built-in scenario `uas`
    p = uas.spawn('c2', sipp_argv('10.77.2.11', '-sn', 'uas', '-m', 4), logf=f'{RUN}/sipp-uas.log')
    time.sleep(1)
    for kind in ('baresip', 'linphonec', 'net-sip-perl', 'jami'):
        if made.get(kind):
            call(made[kind][0], 'sip:test@10.77.2.11')
    p.terminate()

def ua_changed():
    ARGV['baresip'] = patch_binary(shutil.which('baresip'), [(b'baresip v1.0.0 (x86_64/linux)', b'SoftFon v9.8.7 (arm_v7/rtos1)')])
    ARGV['linphonec'] = patch_binary(shutil.which('linphonec'), [(b'\0Linphonec\0', b'\0CiscoPh41\0')])
    ARGV['twinkle-console'] = patch_binary(shutil.which('twinkle-console'), [(b'\0Twinkle\0', b'\0Grandst\0'), (b'\x001.10.2\0', b'\x002.07.5\0')])
    made = phones(CONDITION, {k: min(v, 2) for k, v in ALL.items()}, names=3)
    ring(made)
    who = made['baresip'][0].user
    sipp_custom('10.77.0.41', 150, 'Trunk', who, '')
    sipp_custom('10.77.0.42', NAMED[-1], 'Line 2', who, 'AudioCodes Mediant/7.20')

def nat():
    # n1..n17 are private namespaces behind h1..h18
    made = phones(CONDITION, {k: min(v, 2) for k, v in ALL.items()}, names=2)
    ring(made)

def tcp():
    made = phones(CONDITION, {'baresip': 3, 'linphonec': 3, 'linphone-daemon': 2, 'twinkle': 2, 'janus': 2, 'net-sip-perl': 2}, names=1)
    ring(made)
    who = made['baresip'][0].user
    for k in (11, 12):
        sipp_uac('c1', f'10.77.1.{k}', '10.77.0.2', who, tcp=True)
    sipp_custom('10.77.0.41', 150, 'Trunk', who, tcp=True)
    sipp_custom('10.77.0.42', NAMED[-1], 'Line 2', who, tcp=True)
    for i, k in enumerate((11, 12)):
        other('sipsak', f'10.77.3.{k}')
        run('c3', ['sipsak', '-vv', '-E', 'tcp', '-k', f'10.77.3.{k}', '-s', f'sip:{("", who + "@")[i]}10.77.0.2'], f'sipsak-{k}', 10)

def codecs():
    made = phones(CONDITION, {k: min(v, 2) for k, v in ALL.items() if k not in ('pyvoip', 'net-sip-perl')}, codecs='other', names=4)
    ring(made)
    who = made['baresip'][0].user
    sipp_custom('10.77.0.41', 150, 'Trunk', who, sdp='other')
    sipp_custom('10.77.0.42', NAMED[-1], 'Line 2', who, sdp='other')

def tools():
    os.environ['HOME'] = RUN                             # the scanners keep their session files there
    start(Baresip, 'h1', '101', auto='manual')
    start(Linphonec, 'h2', '102', auto=False)
    time.sleep(3)
    # a copy of the scanner with another User-Agent
    package = os.path.dirname(os.path.realpath(shutil.which('svmap'))) + '/sipvicious'
    shutil.rmtree(f'{RUN}/changed', ignore_errors=True)
    shutil.copytree(package, f'{RUN}/changed/sipvicious')
    path = f'{RUN}/changed/sipvicious/libs/svhelper.py'
    text = open(path).read()
    assert 'friendly-scanner' in text
    open(path, 'w').write(text.replace('friendly-scanner', 'Asterisk PBX 18.9'))
    def scanner(tool, k, *args, changed=False):
        # svwar and svcrack do not bind to the address they are given, so they get a host each
        ns, ip = ('c2', f'10.77.2.{k}') if tool == 'svmap' else (f'h{k}', uas.HIP[f'h{k}'])
        other(tool, ip, f'{tool}-{k}' + ('-changed-agent' if changed else ''))
        argv = [tool, '-b', ip, '-x', ip, *args] if tool == 'svmap' else [tool, *args]
        if changed:
            argv = ['env', f'PYTHONPATH={RUN}/changed', '/usr/bin/python3', '-c', f'from sipvicious.{tool} import main; main()'] + argv[1:]
        run(ns, argv, f'{tool}-{k}', 15)
    scanner('svmap', 11, '10.77.0.1-20')
    scanner('svmap', 12, '-m', 'INVITE', '10.77.0.11-13')
    scanner('svmap', 13, '-m', 'REGISTER', '10.77.0.2')
    scanner('svmap', 14, '-p', '5060-5062', '10.77.0.2', '10.77.0.12')
    scanner('svmap', 15, '10.77.0.2', '10.77.0.11', changed=True)
    scanner('svwar', 16, '-e', '100-110', '-m', 'REGISTER', '10.77.0.2')
    scanner('svwar', 17, '-e', '100-106', '-m', 'OPTIONS', '--force', '10.77.0.2')
    scanner('svwar', 18, '-e', '119-122', '-m', 'INVITE', '--force', '10.77.0.2')
    scanner('svcrack', 19, '-u', '1000', '-r', '990-1001', '10.77.0.2')
    scanner('svcrack', 20, '-u', '101', '-r', '1-8', '10.77.0.2', changed=True)
    def sipsak(k, *args):
        other('sipsak', f'10.77.3.{k}')
        run('c3', ['sipsak', '-vv', '-k', f'10.77.3.{k}', '-H', f'10.77.3.{k}', *args], f'sipsak-{k}', 10)
    sipsak(11, '-s', 'sip:10.77.0.2')
    sipsak(12, '-s', 'sip:101@10.77.0.11')
    sipsak(13, '-s', 'sip:102@10.77.0.2')
    sipsak(14, '-U', '-C', 'sip:120@10.77.3.14:5060', '-a', 'pw120', '-u', '120', '-x', '30', '-s', 'sip:120@10.77.0.2')
    sipsak(15, '-U', '-C', 'sip:121@10.77.3.15:5060', '-a', 'pw121', '-u', '121', '-x', '60', '-s', 'sip:121@10.77.0.2')
    sipsak(16, '-s', 'sip:102@10.77.0.12', '-m', '30')
    sipsak(17, '-T', '-s', 'sip:101@10.77.0.2')

def uac():
    made = phones(CONDITION, {'baresip': 2, 'linphonec': 2, 'twinkle': 2}, names=5)
    for i, (ns, ip, who, agent) in enumerate((('h17', '10.77.0.27', '321', ''), ('h18', '10.77.0.28', 'zoe', ''), ('h20', '10.77.0.30', '323', AGENTS['kamailio-uac']))):
        peer = made['baresip'][i % 2]
        rpc = kamailio_uac(ns, ip, who, f'{peer.user}@lab.example', agent)
        time.sleep(6)
        for method in ('OPTIONS', 'SUBSCRIBE', 'INFO'):      # without a body it refuses to send
            extra = 'Event: dialog\r\nContact: <sip:%s@%s:5060>\r\n' % (who, ip) if method == 'SUBSCRIBE' else ''
            extra += 'Content-Type: text/plain\r\n'
            rpc('tm.t_uac_start', method, f'sip:{peer.user}@{peer.ip}:5060', f'sip:{peer.ip}:5060', 'udp:' + ip + ':5060',
                f'From: <sip:{who}@lab.example>\r\nTo: <sip:{peer.user}@lab.example>\r\n{extra}', 'x')
        sdp = f'v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0 8\r\n'
        rpc('tm.t_uac_start', 'INVITE', f'sip:{peer.user}@{peer.ip}:5060', f'sip:{peer.ip}:5060', 'udp:' + ip + ':5060',
            f'From: <sip:{who}@lab.example>\r\nTo: <sip:{peer.user}@lab.example>\r\nContact: <sip:{who}@{ip}:5060>\r\nContent-Type: application/sdp\r\n', sdp)
        time.sleep(2)
        try:
            peer.hangup()
        except Exception as e:
            log('ERROR', peer.name, repr(e))
    ring(made)

# ---------------------------------------------------------------- truth

FIELDS = ['ip.src', 'sip.Method', 'sip.Status-Code', 'sip.Call-ID', 'sip.from.tag', 'sip.to.tag', 'sip.User-Agent', 'sip.Server']

def truth(out, condition):
    """One line per instance. Methods and dialogs are what its own address sent; nothing behind the proxy is used."""
    argv = ['tshark', '-r', out + '.pcap', '-Y', 'sip && !icmp', '-T', 'fields', '-E', 'occurrence=f', '-E', 'separator=/t']
    for f in FIELDS:
        argv += ['-e', f]
    rows = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    people = [dict(kind=u.kind, instance=u.name, source=u.source, user=str(u.user)) for u in USERS] + OTHERS
    if any(r.startswith('10.77.0.2\t') for r in rows):
        people.append(dict(kind='kamailio', source='10.77.0.2', instance='kamailio-proxy', role='relays the others and answers itself'))
    lines = []
    for p in people:
        methods, statuses, dialogs, agents = [], [], [], []
        for r in rows:
            src, method, status, cid, ftag, ttag, agent, server = (r.split('\t') + [''] * 8)[:8]
            if src != p['source']:
                continue
            for value, found in ((method, methods), (status, statuses), ([cid, ftag if method else ttag], dialogs), (agent or server, agents)):
                if value and value not in found and (found is not dialogs or value[1]):
                    found.append(value)
        if p['kind'] == 'kamailio':
            dialogs = []                                 # its messages are mostly those of others
        if not methods and not statuses:
            NOTES.append(f'{p["instance"]} sent nothing')
            continue
        v = dict(platform=platform(p['kind']), kind=p['kind'], stack=STACK[p['kind']], instance=p['instance'], source=p['source'], condition=condition,
                 methods=methods, statuses=statuses, agents=agents, dialogs=dialogs)
        v.update({k: x for k, x in p.items() if k not in v})
        lines.append(v)
    open(out + '.truth.jsonl', 'w').write(''.join(json.dumps(v, ensure_ascii=False) + '\n' for v in lines))
    open(out + '.notes', 'w').write(''.join(n + '\n' for n in NOTES))
    for n in NOTES:
        log('NOTE', n)

def readme(folder):
    text = ['Captures of real SIP programs to test a SIP platform fingerprint; written by scripts/record-fingerprints.', '',
            'NAME.pcap         SIP only, seen at the mirror port of the switch: every leg of a call through the proxy (10.77.0.2) once',
            'NAME.truth.jsonl  one program instance per line: platform, kind, stack, instance, source (its address at the first hop, unique',
            '                  within the capture), condition, methods and statuses it sent, User-Agent or Server it showed, dialogs =',
            '                  [Call-ID, own tag]: a request belongs to the owner of (Call-ID, From tag), an answer to that of (Call-ID, To tag)',
            'NAME.notes        what did not work in this recording', '']
    for path in sorted(glob.glob(folder + '/*.truth.jsonl')):
        name = os.path.basename(path)[:-len('.truth.jsonl')]
        lines = [json.loads(l) for l in open(path)]
        size = os.path.getsize(f'{folder}/{name}.pcap') // 1000
        text.append(f'== {name}.pcap ({size} kB): {CONDITIONS.get(name, "")}')
        kinds = collections.defaultdict(list)
        for l in lines:
            kinds[(l['platform'], l['kind'])].append(l)
        for (p, k), ls in kinds.items():
            methods = sorted({m for l in ls for m in l['methods']})
            text.append(f'   {k:16} {p:22} {len(ls)}: {" ".join(l["source"] for l in ls)}   {" ".join(methods)}')
        text.append('')
    open(folder + '/README.txt', 'w').write('\n'.join(text))

# ---------------------------------------------------------------- run one

def record(out):
    argv = ['tcpdump', '-U', '-s0', '-B', '8192', '-nni', 'tap0', '-w', out + '.pcap', 'port 5060 or (ip[6:2] & 0x3fff != 0)']
    cap = uas.spawn('tap', argv, logf=f'{RUN}/{CONDITION}-tcpdump.log')
    try:
        time.sleep(1)
        globals()[CONDITION.replace('-', '_')]()
        for u in USERS:
            if u.p.poll() is not None:
                NOTES.append(f'{u.name} died')
        time.sleep(1)
    finally:
        cap.terminate()                              # before the programs end: their farewell is not part of the recording
        cap.wait(5)
        uas.stop_all()
    truth(out, CONDITION)

if __name__ == '__main__':
    if sys.argv[1] == 'readme':
        readme(sys.argv[2])
    elif sys.argv[1] == 'kamailio':
        start_kamailio(sys.argv[2], sys.argv[3])
    else:
        CONDITION = sys.argv[2]
        lab_spawn, uas.spawn = uas.spawn, patched_spawn
        for i in range(1, 19):                       # private side of the address translators, see record-fingerprints
            uas.HIP[f'n{i}'] = ('192.168.%d.20', '10.0.%d.20', '172.16.%d.20')[i % 3] % i
            PUBLIC[f'n{i}'] = uas.HIP[f'h{i}']
        define_programs()
        record(sys.argv[3])
