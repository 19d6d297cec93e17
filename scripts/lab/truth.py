"""Expected values of the captures, for tests: pcaps/truth.json and the table in pcaps/README.md.

    python3 truth.py                       recompute everything seen on the wire, keep what the driver noted
    python3 truth.py CAPTURE DRIVER.json   the same, and take over the driver's notes for a new CAPTURE

The driver's notes (programs, clock rates, calls dialled) are independent of the capture; everything else is read from the
capture with tshark, so it is an observation by another analyser, not a proof.
"""
import collections, fcntl, json, os, subprocess, sys

PCAPS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'pcaps')
TRUTH, README = os.path.join(PCAPS, 'truth.json'), os.path.join(PCAPS, 'README.md')

def tshark(path, display, fields, *options):
    argv = ['tshark', '-r', path, '-Y', display, '-T', 'fields', '-E', 'separator=/t', *options]
    for f in fields:
        argv += ['-e', f]
    r = subprocess.run(argv, capture_output=True, text=True, check=True)
    return [line.split('\t') for line in r.stdout.splitlines()]

def sip_counts(path, display='sip'):
    """Messages by method and by status; one frame may hold several messages (TCP), tshark then joins them by commas."""
    methods, statuses, frames = collections.Counter(), collections.Counter(), 0
    for m, s in tshark(path, display, ['sip.Method', 'sip.Status-Code']):
        frames += 1
        methods.update(x for x in m.split(',') if x)
        statuses.update(x for x in s.split(',') if x)
    return dict(frames=frames, messages=sum(methods.values()) + sum(statuses.values()), requests=dict(sorted(methods.items())),
                responses=dict(sorted(statuses.items())))

MSG = ['frame.time_epoch', 'ip.src', 'ip.dst', 'sip.Method', 'sip.Status-Code', 'sip.CSeq.method', 'sip.Call-ID',
       'sip.r-uri.user', 'sip.From', 'sip.To', 'sip.Expires', 'sip.contact.parameter']

def messages(path):
    """All SIP messages, those that share a frame apart as far as every message has the field."""
    for row in tshark(path, 'sip && !icmp', MSG, '-E', 'occurrence=a', '-E', 'aggregator=\x01'):
        row += [''] * (len(MSG) - len(row))
        ids = row[6].split('\x01')
        if len(ids) == 1:
            yield dict(zip(MSG, [x.split('\x01')[0] for x in row]))
            continue
        # several messages: fields that occur once per message can be cut apart, the request/response order is in the layer order
        meth, stat = row[3].split('\x01'), row[4].split('\x01')
        cs = row[5].split('\x01')
        for i, cid in enumerate(ids):
            m = dict.fromkeys(MSG, '')
            m.update({'frame.time_epoch': row[0], 'ip.src': row[1], 'ip.dst': row[2], 'sip.Call-ID': cid,
                      'sip.CSeq.method': cs[i] if i < len(cs) else ''})
            if row[3] and not row[4]:
                m['sip.Method'] = meth[i] if i < len(meth) else ''
                u = row[7].split('\x01')
                m['sip.r-uri.user'] = u[i] if i < len(u) else ''
            elif row[4] and not row[3]:
                m['sip.Status-Code'] = stat[i] if i < len(stat) else ''
            yield m

def dialogs(path):
    """One entry per Call-ID that starts with an INVITE. A call through the proxy is seen on two legs with one Call-ID."""
    found = {}
    for m in messages(path):
        cid, method, status = m['sip.Call-ID'], m['sip.Method'], m['sip.Status-Code']
        if method == 'INVITE' and cid not in found:
            found[cid] = dict(call_id=cid, caller=m['ip.src'], callee=None, dialed=m['sip.r-uri.user'], final_status=None, answered=False,
                              statuses=[], invites=0, cancelled=False, bye_from=None, _hops=[m['ip.src']])
        d = found.get(cid)
        if d is None or m['sip.CSeq.method'] in ('REGISTER', 'OPTIONS', ''):
            continue
        if method == 'INVITE':
            d['invites'] += 1
            if m['ip.src'] == d['caller'] and d['final_status'] in (401, 407):
                d['final_status'] = None                                 # challenged, now tried again with credentials
            if not d['answered'] and m['ip.src'] == d['_hops'][-1]:      # follow the first INVITE from hop to hop
                if m['ip.dst'] not in d['_hops']:
                    d['_hops'].append(m['ip.dst'])
        elif method == 'CANCEL':
            d['cancelled'] = True
        elif method == 'BYE' and d['bye_from'] is None:
            d['bye_from'] = m['ip.src']
        elif status and m['sip.CSeq.method'] == 'INVITE':
            if int(status) not in d['statuses']:
                d['statuses'].append(int(status))
            # what the caller was told; after the answer only re-INVITEs follow
            if m['ip.dst'] == d['caller'] and not d['answered'] and int(status) >= 200:
                if int(status) // 100 == 2:
                    d['answered'], d['final_status'] = True, int(status)
                else:
                    d['final_status'] = int(status)
    for d in found.values():
        hops = d.pop('_hops')
        d['callee'] = hops[-1]
        d['hops'] = hops
    return list(found.values())

def registrations(path):
    """Devices that got a 200 for a REGISTER: user and address. A REGISTER with Expires 0 before its 200 is an unregistration."""
    devices, pending = {}, {}
    for m in messages(path):
        if m['sip.CSeq.method'] != 'REGISTER':
            continue
        if m['sip.Method'] == 'REGISTER':
            user = m['sip.To'].split('sip:')[-1].split('@')[0]
            expire0 = m['sip.Expires'] == '0' or 'expires=0' in m['sip.contact.parameter'].split('\x01')
            pending[(m['ip.src'], m['sip.Call-ID'])] = (user, expire0)
            d = devices.setdefault((m['ip.src'], user), dict(ip=m['ip.src'], user=user, registers=0, challenges=0, accepted=0, unregistered=False))
            d['registers'] += 1
        elif (m['ip.dst'], m['sip.Call-ID']) in pending:
            user, expire0 = pending[(m['ip.dst'], m['sip.Call-ID'])]
            d = devices[(m['ip.dst'], user)]
            if m['sip.Status-Code'] == '401':
                d['challenges'] += 1
            elif m['sip.Status-Code'] == '200':
                d['accepted'] += 1
                d['unregistered'] = expire0
    return [d for d in devices.values() if d['accepted']]

def rtp_streams(path):
    """RTP streams by address pair, ports and SSRC, from the bare UDP payload (RTCP and SIP left out)."""
    streams = collections.OrderedDict()
    for row in tshark(path, 'udp && !sip && !icmp && !dns && udp.length>=20', ['ip.src', 'udp.srcport', 'ip.dst', 'udp.dstport', 'udp.payload'],
                      '-E', 'occurrence=f'):
        if len(row) < 5 or len(row[4]) < 24:
            continue
        head = bytes.fromhex(row[4][:24])
        pt = head[1] & 0x7f
        if head[0] >> 6 != 2 or 64 <= pt < 96:
            continue
        key = (row[0], int(row[1]), row[2], int(row[3]), '0x' + head[8:12].hex())
        streams.setdefault(key, collections.Counter())[pt] += 1
    return [dict(src=k[0], src_port=k[1], dst=k[2], dst_port=k[3], ssrc=k[4], packets=sum(c.values()),
                 payload_types={str(p): n for p, n in sorted(c.items())}) for k, c in streams.items()]

def other_traffic(path):
    packets = len(tshark(path, 'frame', ['frame.number']))
    return dict(packets=packets, ip_fragments=len(tshark(path, 'ip.flags.mf==1 || ip.frag_offset>0', ['frame.number'])),
                tcp_segments=len(tshark(path, 'tcp', ['frame.number'])), icmp=len(tshark(path, 'icmp', ['frame.number'])))

def entry(name, driver):
    path = os.path.join(PCAPS, name)
    e = dict(bytes=os.path.getsize(path), driver=driver)
    e.update(other_traffic(path))
    e['sip'] = sip_counts(path)                             # as `tshark -Y sip` counts: also messages quoted in ICMP errors
    e['sip_without_icmp'] = sip_counts(path, 'sip && !icmp')
    e['dialogs'] = dialogs(path)
    e['registered_devices'] = registrations(path)
    e['rtp_streams'] = rtp_streams(path)
    seen = collections.Counter((d['caller'], d['dialed']) for d in e['dialogs'])
    done = collections.Counter((c['caller_ip'], c['dialed']) for c in driver['driver_calls'])
    e['driver_calls_not_seen'] = [list(k) for k in (done - seen)]      # must be empty
    return e

CODEC = {'0': 'PCMU', '8': 'PCMA', '101': 'telephone-event'}

def table(truth):
    out = []
    for name, e in sorted(truth.items()):
        answered = sum(d['answered'] for d in e['dialogs'])
        finals = collections.Counter(str(d['final_status']) for d in e['dialogs'])
        codecs = collections.Counter()
        for s in e['rtp_streams']:
            codecs['+'.join(CODEC.get(p, 'PT ' + p) for p in s['payload_types'])] += 1
        join = lambda c: ', '.join(f'{k} {v}' for k, v in sorted(c.items())) or 'none'
        out += [f'### {name}', '', '| what | expected |', '|---|---|',
                f"| size, packets, date | {e['bytes']} bytes, {e['packets']} packets, {e['driver']['recorded']} |",
                f"| SIP requests | {join(e['sip']['requests'])} |",
                f"| SIP responses | {join(e['sip']['responses'])} |",
                f"| the same without those quoted in ICMP errors | {join(e['sip_without_icmp']['requests'])}; {join(e['sip_without_icmp']['responses'])} |",
                f"| IP fragments / TCP segments / ICMP | {e['ip_fragments']} / {e['tcp_segments']} / {e['icmp']} |",
                f"| registered devices | {len(e['registered_devices'])}" +
                (': ' + ', '.join(f"{d['user']}@{d['ip']}" + (' (unregisters)' if d['unregistered'] else '') for d in e['registered_devices'])
                 if e['registered_devices'] else '') + ' |',
                f"| calls (Call-IDs with INVITE) | {len(e['dialogs'])}, answered {answered}; final status (times): {join(finals)} |",
                f"| RTP streams | {len(e['rtp_streams'])}: {join(codecs)} |", '',
                'Programs: ' + '; '.join(f"{p['ip']} {p['kind']} {p['version']}" + (f" ({p['user']})" if p.get('user') else '') +
                                         (f", clock x{p['clock_rate']}" if p.get('faketime') else '')
                                         for p in e['driver']['programs']) + '.', '']
        if e['dialogs'] and len(e['dialogs']) <= 12:
            out += ['| caller | callee | dialled | statuses seen | final | answered | BYE from | path |', '|---|---|---|---|---|---|---|---|']
            out += [f"| {d['caller']} | {d['callee']} | {d['dialed']} | {' '.join(map(str, d['statuses']))} | {d['final_status']} | "
                    f"{'yes' if d['answered'] else 'no'} | {d['bye_from'] or '-'} | {' > '.join(h.removeprefix('10.77.') for h in d['hops'])} |"
                    for d in e['dialogs']] + ['']
        if e['rtp_streams']:
            out += ['| RTP from | to | SSRC | packets by payload type |', '|---|---|---|---|']
            out += [f"| {s['src']}:{s['src_port']} | {s['dst']}:{s['dst_port']} | {s['ssrc']} | "
                    f"{', '.join(f'{p}: {n}' for p, n in s['payload_types'].items())} |" for s in e['rtp_streams']] + ['']
    return out

def main():
    with open(TRUTH, 'a+') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)          # two recordings may finish at the same time
        lock.seek(0)
        truth = json.loads(lock.read() or '{}')
        drivers = {n: e['driver'] for n, e in truth.items()}
        if len(sys.argv) == 3:
            drivers[sys.argv[1]] = json.load(open(sys.argv[2]))
            truth[sys.argv[1]] = entry(sys.argv[1], drivers[sys.argv[1]])
        else:
            truth = {n: entry(n, d) for n, d in drivers.items() if os.path.exists(os.path.join(PCAPS, n))}
        lock.truncate(0)
        lock.write(json.dumps(dict(sorted(truth.items())), indent=1) + '\n')
        lock.flush()
        if os.path.exists(README):
            text = open(README).read()
            a, b = '<!-- written by scripts/lab/truth.py -->', '<!-- end -->'
            if a in text and b in text:
                text = text[:text.index(a) + len(a)] + '\n\n' + '\n'.join(table(truth)) + '\n' + text[text.index(b):]
                open(README, 'w').write(text)
    for n in [sys.argv[1]] if len(sys.argv) == 3 else truth:
        e = truth[n]
        print(n, e['bytes'], 'bytes', e['packets'], 'packets', e['sip']['requests'], e['sip']['responses'])
        for d in e['dialogs']:
            print('  ', d['caller'], d['dialed'], '->', d['callee'], d['statuses'], 'final', d['final_status'], 'answered' if d['answered'] else '')
        for s in e['rtp_streams']:
            print('   rtp', s['src'], s['src_port'], '->', s['dst'], s['dst_port'], s['ssrc'], s['payload_types'])
        for d in e['registered_devices']:
            print('   reg', d)
        if e['driver_calls_not_seen']:
            print('   NOT SEEN', e['driver_calls_not_seen'])
        if e['driver'].get('notes'):
            print('   notes', e['driver']['notes'])

main()
