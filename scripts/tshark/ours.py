"""What Bellwether reports of a capture."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Parties can only be compared where they are readable.
CONFIGURATION = 'privacy = "clear"\n'

Row = dict[str, object]


@dataclass
class Reports:
    """The reports of one capture, and a complaint or none."""

    messages: Counter[str] = field(default_factory=Counter)
    calls: list[Row] = field(default_factory=list)
    registrations: list[Row] = field(default_factory=list)
    streams: list[Row] = field(default_factory=list)
    # Names of what Bellwether itself says it lost or changed.
    losses: set[str] = field(default_factory=set)
    complaint: str | None = None


def read(binary: str, capture: Path) -> Reports:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bellwether.toml").write_text(CONFIGURATION)
        program = [binary, "--config", f"{folder}/bellwether.toml", "--db", f"{folder}/bellwether.db", "--quiet",
                   "--format", "json", "--workers", "1"]  # fmt: skip
        replay = subprocess.run([*program, "replay", str(capture)], capture_output=True, text=True)
        # Code 3 says that the input was damaged; what could be read of it stands in the reports.
        if replay.returncode not in (0, 3):
            last = (replay.stderr.strip() or "no word").splitlines()[-1]
            return Reports(complaint=f"exit code {replay.returncode}: {last}")
        reports = Reports()
        try:
            summary = report(program, "summary")
            summary = summary[0] if isinstance(summary, list) else summary
            reports.messages = Counter(summary["sip_requests"]) + Counter(summary["sip_responses"])
            reports.calls, reports.registrations, reports.streams = (
                report(program, name) for name in ("calls", "registrations", "streams")
            )
            reports.losses = {str(row["name"]) for row in report(program, "losses")}
        except (KeyError, TypeError, ValueError, subprocess.CalledProcessError) as error:
            reports.complaint = f"a report that cannot be read: {error!r}"
        return reports


def report(program: list[str], name: str) -> Any:
    return json.loads(subprocess.run([*program, "report", name], capture_output=True, text=True, check=True).stdout)
