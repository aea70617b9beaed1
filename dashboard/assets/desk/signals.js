/* Signals: triangles in the z chart, and what is said when a bar closes with one while the page is open. */

const SIGNALS = {
  short: { marker: "inverted_triangle", role: "down", size: 10, words: "▼ short spread", tone: 660 },
  long: { marker: "triangle", role: "up", size: 10, words: "▲ long spread", tone: 880 },
  exit: { marker: "circle", role: "panel", size: 6, words: "○ exit", tone: 520 },
};
const TOASTS = 4, TOAST_MS = 15000;

Object.assign(Desk.prototype, {
  /* Entries stand off the line, exits on it. Those that are not in view cost nothing. */
  markSignals() {
    const { time, zscore, kind } = signal_rows.data, out = { time: [], z: [], marker: [], size: [], fill: [], line: [] };
    const { start, end } = y_ranges.zscore, off = 0.05 * (end - start);
    for (let i = lower(time, x_range.start); i < time.length && time[i] <= x_range.end; i++) {
      const { marker, role, size } = SIGNALS[kind[i]];
      out.time.push(time[i]);
      out.z.push(zscore[i] + (kind[i] === "short" ? off : kind[i] === "long" ? -off : 0));
      out.marker.push(marker);
      out.size.push(size);
      out.fill.push(this.colour(role));
      out.line.push(this.colour(role === "panel" ? "zscore" : role));
    }
    if (out.time.length || marks.signals.data.time.length) marks.signals.data = out;
  },

  /* A bar has just closed with signals: a toast each, and what else is wanted once. */
  hear() {
    const { pair, fresh } = signal_rows.tags[0] ?? {};
    if (!fresh?.length) return;
    for (const { kind, time, zscore } of fresh.slice(-TOASTS)) this.toast(kind, `${escaped(pair)} · z ${shown(zscore, 2)}`, `${clockText(time).slice(11, 19)} UTC`);
    const { kind, zscore } = fresh[fresh.length - 1];
    if (kept("sound") === "1") this.beep(SIGNALS[kind].tone);
    if (kept("notify") === "1" && window.Notification?.permission === "granted") new Notification(`${pair}: ${SIGNALS[kind].words.slice(2)}`, { body: `z ${shown(zscore, 2)}`, tag: "pairdesk" });
  },

  toast(kind, text, when) {
    const toast = document.createElement("div");
    toast.className = `toast ${kind}`;
    toast.innerHTML = `<div><b>${SIGNALS[kind].words}</b><span>${text}</span><span class="at">${when}</span></div><button aria-label="Dismiss">✕</button>`;
    toast.querySelector("button").onclick = () => toast.remove();
    this.toasts.append(toast);
    while (this.toasts.children.length > TOASTS) this.toasts.firstChild.remove();
    const leave = () => { if (toast.matches(":hover, :focus-within")) setTimeout(leave, 2000); else toast.remove(); };
    setTimeout(leave, TOAST_MS);
  },

  beep(tone) {
    this.audio ??= new AudioContext();
    const { audio } = this, voice = audio.createOscillator(), volume = audio.createGain(), now = audio.currentTime;
    voice.frequency.value = tone;
    volume.gain.setValueAtTime(0.12, now);
    volume.gain.exponentialRampToValueAtTime(0.001, now + 0.35);
    voice.connect(volume).connect(audio.destination);
    voice.start(now);
    voice.stop(now + 0.35);
  },

  wantSound(on) {
    keep("sound", on ? "1" : "0");
    if (on) this.beep(SIGNALS.long.tone);  // heard once, and allowed from now on: a browser wants a click first
  },

  /* The browser is asked for leave on the click alone; where it says no, the box says so. */
  async wantNotification(on) {
    const answer = on ? await window.Notification?.requestPermission() : "off";
    keep("notify", answer === "granted" ? "1" : "0");
    this.refused = on && answer !== "granted" ? "not allowed by this browser" : "";
    this.wishes();
  },

  /* The boxes of the side bar as remembered. */
  wishes() {
    const root = viewOf(controls)?.shadow_el;
    for (const box of root?.querySelectorAll("[data-kept]") ?? []) box.checked = kept(box.dataset.kept) === "1";
    const said = root?.querySelector(".refused");
    if (said && said.textContent !== (this.refused ?? "")) said.textContent = this.refused;
  },
});
