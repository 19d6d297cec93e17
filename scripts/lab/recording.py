"""What the scripts that record at the lab's mirror port share."""
import contextlib, time

import uas

# The lab's own: a script may put something in its place for the programs.
spawn = uas.spawn

@contextlib.contextmanager
def recorded(out, *filter):
    """Captures to out.pcap while the block runs, and lets every program end behind it: their farewell is not part of the recording."""
    capture = spawn('tap', ['tcpdump', '-U', '-s0', '-B', '8192', '--nano', '-nni', 'tap0', '-w', out + '.pcap', *filter],
                    logf=uas.RUN + '/td.log')
    time.sleep(1)
    try:
        yield
    finally:
        if capture.poll() is None:
            capture.terminate()
            capture.wait(5)
        uas.stop_all()
