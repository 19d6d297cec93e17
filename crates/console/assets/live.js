// The live feed: events of the sensor as rows. Texts of traffic enter the page as text only.
"use strict";

(() => {
  const MAX_ROWS = 500;
  const body = document.getElementById("feed");
  const state = document.getElementById("feed-state");
  const pause = document.getElementById("feed-pause");
  const kinds = document.getElementById("feed-kinds");
  if (!body || !state || !pause || !kinds) return;

  const NAMES = ["call", "score", "incident", "campaign", "alert", "registration", "loss"];
  const TONES = { critical: "bad", quarantine: "bad", warning: "warn", monitor: "warn", standard: "good" };
  let isPaused = false;
  let waiting = [];
  let count = 0;

  // Controls and characters that change directions are shown as their numbers.
  const shown = (value) =>
    String(value).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => "\\u{" + c.codePointAt(0).toString(16) + "}");

  const cell = (row, text, name) => {
    const td = document.createElement("td");
    if (name) td.className = name;
    td.textContent = text === undefined || text === null ? "\u2013" : shown(text);
    row.append(td);
    return td;
  };

  const linked = (row, kind, id) => {
    const td = cell(row, "");
    if (typeof id !== "string" || id === "") {
      td.textContent = "\u2013";
      return;
    }
    const a = document.createElement("a");
    a.href = "/" + kind + "/" + encodeURIComponent(id);
    a.className = "mono";
    a.textContent = shown(id.length > 34 ? id.slice(0, 33) + "\u2026" : id);
    td.append(a);
  };

  const add = (kind, event) => {
    const row = document.createElement("tr");
    row.dataset.kind = kind;
    row.hidden = kinds.value !== "" && kinds.value !== kind;
    const at = String(event.at || event.started_at || "");
    const when = document.createElement("time");
    when.dateTime = at;
    when.textContent = shown(at.slice(0, 10) + " " + at.slice(11, 19) + (at ? "Z" : ""));
    cell(row, "").replaceChildren(when);
    cell(row, kind);
    const level = event.severity || event.disposition;
    const badge = document.createElement("span");
    badge.className = "badge " + (TONES[level] || "plain");
    badge.textContent = shown(level || "\u2013");
    cell(row, "").replaceChildren(badge);
    cell(row, typeof event.score === "number" ? event.score.toFixed(0) : null, "n");
    if (event.incident) linked(row, "incident", event.incident);
    else if (event.campaign) linked(row, "campaign", event.campaign);
    else linked(row, "call", event.call_id);
    cell(row, event.message || event.subject || event.source || "");
    body.prepend(row);
    while (body.rows.length > MAX_ROWS) body.deleteRow(-1);
    count += 1;
  };

  const say = (text, tone) => {
    state.textContent = text;
    state.className = "badge " + tone;
  };

  const receive = (kind) => (message) => {
    let event;
    try {
      event = JSON.parse(message.data);
    } catch {
      return;
    }
    if (event === null || typeof event !== "object") return;
    const name = typeof event.event === "string" ? event.event : kind;
    if (isPaused) {
      waiting.push([name, event]);
      waiting = waiting.slice(-MAX_ROWS);
      pause.textContent = "Go on (" + waiting.length + ")";
      return;
    }
    add(name, event);
    say(count + " events", "good");
  };

  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", String(isPaused));
    pause.textContent = isPaused ? "Go on" : "Pause";
    if (!isPaused) {
      waiting.forEach(([name, event]) => add(name, event));
      waiting = [];
    }
  });
  kinds.addEventListener("change", () => {
    for (const row of body.rows) row.hidden = kinds.value !== "" && kinds.value !== row.dataset.kind;
  });

  const source = new EventSource("/api/v1/events");
  source.onopen = () => say("connected", "good");
  source.onerror = () => say("no connection; trying again", "warn");
  source.onmessage = receive("event");
  NAMES.forEach((name) => source.addEventListener(name, receive(name)));
})();
