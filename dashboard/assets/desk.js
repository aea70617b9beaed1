/* The charts in the browser: what is in view, whether it follows the newest bar, the crosshair read-out, the clock.

   Runs once as the body of a CustomJS. `source` holds the whole look-back and is written by the server (patch, stream); everything
   else here is drawn from it and never sent back. source.tags[0] says how to draw:
   { key, y, x, step (ms per bar), scale, unit, entry, exit, down, replay, now (server's clock in ms) }. */

const UP = "#26a69a", DOWN = "#ef5350", MAX_DRAWN = 400, LEGS = ["y", "x"], DASH = "–";
const LINES = { spread: "spread", mean: "spread_mean", zscore: "zscore", correlation: "correlation", r_squared: "r_squared", hedge_ratio: "hedge_ratio" };

const NO_BAR = { open: NaN, high: NaN, low: NaN, close: NaN, volume: NaN };

const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const shown = (value, digits) => Number.isFinite(value) ? (Math.abs(value) < 0.5 / 10 ** digits ? 0 : value).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }) : DASH;
const signed = (value, digits) => (value > 0 ? "+" : "") + shown(value, digits);
const clockText = (ms) => new Date(ms).toISOString();
const decimalsOf = (value) => Number.isFinite(value) ? (String(value).split(".")[1] || "").length : 0;

class Desk {
  constructor() {
    this.following = true;
    this.wanted = 180;        // visible bars asked for; Infinity for all; null after a zoom
    this.width = 180;         // bars in view
    this.hovered = null;      // ms under the pointer
    this.chosen = null;       // ms of the bar that was clicked
    this.key = null;
    this.offset = -Infinity;  // server clock minus browser clock
    this.draws = 0;
    const again = () => this.schedule();
    source.connect(source.streaming, again);
    source.connect(source.patching, again);
    source.connect(source.properties.data.change, again);
    source.connect(source.properties.tags.change, () => { this.meta(); again(); });
    x_range.connect(x_range.change, () => { if (!this.moving) this.schedule(); });
    for (const figure of Object.values(figures)) {
      figure.on_event("panstart", () => { this.held = true; });
      figure.on_event("panend", () => { this.held = false; this.judge(); });
      figure.on_event("wheel", () => { this.held = true; clearTimeout(this.wheel); this.wheel = setTimeout(() => { this.held = false; this.judge(); }, 140); });
      figure.on_event("tap", (event) => this.choose(event.x));
      figure.on_event("doubletap", () => this.goLive());
      figure.on_event("mousemove", (event) => this.hover(event.x));
      figure.on_event("mouseleave", () => this.hover(null));
    }
    layout.connect(layout.properties.visible.change, again);
    nav.connect(nav.properties.tags.change, () => this.views());
    source.document.on_event("connection_lost", () => this.reload());
    setInterval(() => this.tick(), 250);
    this.meta();
    this.schedule();
  }

  meta() {
    this.m = source.tags[0] || {};
    if (this.m.now) this.offset = Math.max(this.offset, this.m.now - Date.now());
    if (this.m.key !== this.key) { this.key = this.m.key; this.following = true; this.width = this.wanted ?? 180; this.hovered = null; this.choose(null); }
    const { entry, exit } = this.m;
    if (entry == null) return;
    thresholds.short.location = entry;
    thresholds.long.location = -entry;
    zones.short.setv({ bottom: entry, visible: true });
    zones.long.setv({ top: -entry, visible: true });
    zones.exit.setv({ bottom: -exit, top: exit, visible: true });
  }

  schedule() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => { this.frame = null; this.draw(); });
  }

  show(bars) { this.wanted = this.width = bars; this.goLive(); }

  goLive() { this.choose(null); this.following = true; if (this.wanted == null) this.wanted = this.width; this.schedule(); }

  /* After a drag or a zoom: still live if the newest bar is in view. */
  judge() {
    const t = source.data.time, newest = t[t.length - 1];
    this.following = newest >= x_range.start && newest <= x_range.end;
    if (this.following) { this.width = Math.max(5, Math.round((newest - x_range.start) / this.m.step)); }
    this.wanted = null;
    this.schedule();
  }

  draw() {
    this.views();
    if (!layout.visible) return;  // drawn when it is shown again
    const t = source.data.time, n = t.length;
    if (!this.m.step || !n) { this.clear(); return; }
    const { step } = this.m, newest = t[n - 1];
    if (this.following && !this.held) {
      const bars = Math.min(this.width, Math.max(n, 30));
      this.moving = true;
      x_range.setv({ start: newest - bars * step, end: newest + Math.max(2, 0.03 * bars) * step });
      this.moving = false;
    }
    const { start, end } = x_range, merge = Math.max(1, Math.ceil((end - start) / step / MAX_DRAWN));
    this.copy(Math.max(0, lower(t, start) - merge), Math.min(n, lower(t, end) + merge), merge);
    for (const axis of time_axes) if (!axis.visible) axis.visible = true;
    this.fit(start, end);
    this.heads();
    this.buttons();
    this.draws += 1;
  }

  clear() {
    if (view.data.time.length) { view.data = Object.fromEntries(Object.keys(view.data).map((k) => [k, []])); bands.data = { x: [], inner: [], outer: [] }; }
    for (const axis of [...time_axes, ...Object.values(figures).map((figure) => figure.right[0])]) axis.visible = false;
    for (const leg of LEGS) last[leg].location = null;
    this.heads();
    this.buttons();
  }

  /* Rows [i0, i1) of the source into the drawn one, `merge` bars to one: open first, high max, low min, volume sum, the rest last.
     Groups are cut at absolute times, so that they stand still as bars arrive. A hole in time becomes a gap, not a bridge. Bars
     outside the frame get no candle: Bokeh would paint them as a line at its edge. */
  copy(i0, i1, merge) {
    const d = source.data, { step, scale } = this.m, length = step * merge, out = {};
    for (const name of Object.keys(view.data)) out[name] = [];
    const firstY = firstKnown(d.y_close, lower(d.time, x_range.start)), firstX = firstKnown(d.x_close, lower(d.time, x_range.start));
    const thin = Object.fromEntries(LEGS.map((leg) => [leg, 0.004 * (most(d[`${leg}_high`], i0, i1) + most(d[`${leg}_low`], i0, i1, -1))]));
    let before = null;
    for (let i = i0; i < i1;) {
      const group = Math.floor(d.time[i] / length);
      let j = i + 1;
      while (j < i1 && Math.floor(d.time[j] / length) === group) j++;
      if (before !== null && d.time[i] - before > 1.5 * length) gap(out, before + length);
      const at = merge === 1 ? d.time[i] : group * length + (length - step) / 2;
      out.time.push(at);
      out.width.push(0.72 * length);
      for (const leg of LEGS) {
        const inside = at >= x_range.start && at <= x_range.end;
        const bar = inside ? mergedBar(d, leg, i, j) : NO_BAR, up = bar.close >= bar.open, first = leg === "y" ? firstY : firstX;
        for (const name of ["open", "high", "low", "close", "volume"]) out[`${leg}_${name}`].push(bar[name]);
        const middle = (bar.open + bar.close) / 2, body = Math.max(Math.abs(bar.open - bar.close), thin[leg]) / 2;
        out[`${leg}_top`].push(middle + body);
        out[`${leg}_bottom`].push(middle - body);
        out[`${leg}_colour`].push(up ? UP : DOWN);
        out[`${leg}_gap`].push(inside && any(d[`${leg}_gap`], i, j));
        out[`${leg}_norm`].push(100 * (d[`${leg}_close`][j - 1] / first - 1));
      }
      for (const [name, column] of Object.entries(LINES)) {
        const value = d[column][j - 1];
        out[name].push(name === "spread" || name === "mean" ? value * scale : value);
      }
      before = d.time[i];
      i = j;
    }
    view.data = out;
    this.copyBands(i0, i1, merge);
  }

  /* ±1 σ and ±entry σ around the mean as closed outlines, one per stretch without holes. */
  copyBands(i0, i1, merge) {
    const d = source.data, { scale, entry, step } = this.m, x = [], inner = [], outer = [];
    const close = (stretch) => {
      if (!stretch.length) return;
      for (const side of [1, -1]) {
        for (const i of side === 1 ? stretch : stretch.slice().reverse()) {
          x.push(d.time[i]);
          inner.push((d.spread_mean[i] + side * d.spread_std[i]) * scale);
          outer.push((d.spread_mean[i] + side * entry * d.spread_std[i]) * scale);
        }
      }
      x.push(NaN); inner.push(NaN); outer.push(NaN);
    };
    let stretch = [], before = null;
    for (let i = i1 - 1 - merge * Math.floor((i1 - 1 - i0) / merge); i < i1; i += merge) {
      const known = Number.isFinite(d.spread_mean[i] + d.spread_std[i]);
      if (!known || (before !== null && d.time[i] - before > 1.5 * step * merge)) { close(stretch); stretch = []; }
      if (known) stretch.push(i);
      before = d.time[i];
    }
    close(stretch);
    bands.data = { x, inner, outer };
  }

  /* y ranges from what is in view. */
  fit(start, end) {
    const v = view.data, a = lower(v.time, start), b = lower(v.time, end), { entry } = this.m;
    const over = (...names) => {
      let low = Infinity, high = -Infinity;
      for (const name of names) for (let i = a; i < b; i++) { const u = v[name][i]; if (u < low) low = u; if (u > high) high = u; }
      return [low, high];
    };
    const set = (name, [low, high], foot = 0.06, head = 0.06, flat = 1) => {
      const known = Number.isFinite(low + high), axis = figures[name].right[0];
      if (axis.visible !== known) axis.visible = known;  // an empty chart has no scale
      if (!known) [low, high] = [0, 1];
      const size = high - low || flat;
      const wanted = { start: low - foot * size, end: high + head * size }, range = y_ranges[name];
      if (range.start !== wanted.start || range.end !== wanted.end) range.setv(wanted);
    };
    for (const leg of LEGS) {
      set(leg, over(`${leg}_low`, `${leg}_high`), 0.28, 0.05, 0.01);
      const [, largest] = over(`${leg}_volume`);
      volumes[leg].setv({ start: 0, end: largest > 0 ? 4.5 * largest : 1 });
      const { start: bottom, end: top } = y_ranges[leg], digits = Math.min(8, Math.max(0, Math.ceil(-Math.log10((top - bottom) / 5))));
      figures[leg].right[0].formatter.format = "0,0" + (digits ? "." + "0".repeat(digits) : "");
      last[leg].location = lastKnown(source.data[`${leg}_close`]);
      this.mark(leg, a, b, 0.035 * (top - bottom));
    }
    set("norm", over("y_norm", "x_norm"), 0.08, 0.08, 0.1);
    let [low, high] = over("spread", "mean");
    for (const u of bands.data.outer) { if (u < low) low = u; if (u > high) high = u; }
    set("spread", [low, high]);
    [low, high] = over("zscore");
    set("zscore", [Math.min(low, -1.15 * entry), Math.max(high, 1.15 * entry)]);
    set("correlation", over("correlation", "r_squared"), 0.1, 0.1, 0.1);
    set("hedge", over("hedge_ratio"), 0.1, 0.1, 0.01);
  }

  /* A diamond above each bar in view that lacks trades; mostly there is none, and nothing to draw. */
  mark(leg, a, b, above) {
    const v = view.data, time = [], price = [];
    for (let i = a; i < b; i++) if (v[`${leg}_gap`][i] === true) { time.push(v.time[i]); price.push(v[`${leg}_high`][i] + above); }
    if (time.length || marks[leg].data.time.length) marks[leg].data = { time, price };
  }

  hover(x) {
    this.hovered = x;
    cursor.location = x;
    this.heads();
  }

  /* A bar is chosen by a click, and let go of by another on it. */
  choose(x) {
    const t = source.data.time, i = x === null ? -1 : nearest(t, x, this.m.step), at = i >= 0 ? t[i] : null;
    this.chosen = at === this.chosen ? null : at;
    pin.location = this.chosen;
    this.schedule();
  }

  /* Ask for the recipe of the numbers of the chosen bar, or of the newest closed one. */
  explain() { this.ask({ view: "explain", explain: this.chosen === null ? "" : clockText(this.chosen).replace(".000Z", "Z") }); }

  /* The read-out: the bar under the pointer, else the newest one. */
  heads() {
    const d = source.data, n = d.time.length, { y = "", x = "", scale = 1, unit = "", step = 1 } = this.m;
    const hover = this.hovered !== null && n > 0;
    const i = hover ? nearest(d.time, this.hovered, step) : n - 1;
    const at = i >= 0 ? clockText(d.time[i]).slice(0, 19).replace("T", " ") : "";
    // Without a pointer each part shows its own newest row: legs and statistics of one bar do not arrive at the same moment.
    const newest = hover ? { y: i, x: i, stats: i } : { y: lastIndex(d.y_closed), x: lastIndex(d.x_close), stats: lastIndex(d.stats_closed) };
    const value = (name) => { const k = newest[name.slice(0, 2) === "y_" ? "y" : name.slice(0, 2) === "x_" ? "x" : "stats"]; return k >= 0 ? d[name][k] : NaN; };
    const head = (panel, title, values) => {
      const [name, body] = this.m.step ? [title, values] : ["", ""];
      const brief = LEGS.includes(panel), time = at && (hover || brief) ? `<span class="at">${brief ? at.slice(11) : at} UTC</span>` : "";
      const text = `<div class="head${hover ? " hover" : ""}"><span class="name">${name}</span><span class="body">${body}</span>${time}</div>`;
      if (heads[panel].text !== text) heads[panel].text = text;
    };
    for (const [leg, symbol] of [["y", y], ["x", x]]) {
      const [o, h, l, c, v] = ["open", "high", "low", "close", "volume"].map((name) => value(`${leg}_${name}`));
      const digits = Math.max(2, ...[o, h, l, c].map(decimalsOf)), kind = c >= o ? "up" : "down";
      const price = (letter, u) => `<span>${letter} <span class="${kind}">${shown(u, digits)}</span></span>`;
      head(leg, escaped(symbol), price("O", o) + price("H", h) + price("L", l) + price("C", c) +
        `<span>Vol ${shown(v, 2)}</span><span class="${kind} wide">${signed(1e4 * (c / o - 1), 1)} bp</span>` +
        (value(`${leg}_gap`) === 1 ? '<span class="amber">◆ trades missing</span>' : ""));
    }
    const colour = (css, u) => `<span style="color:${css}">${u}</span>`;
    const first = lower(d.time, x_range.start);
    const norm = (leg) => signed(100 * (value(`${leg}_close`) / firstKnown(d[`${leg}_close`], first) - 1), 3);
    head("norm", "Normalised %", `<span>${escaped(y)} ${colour("#f0883e", norm("y"))}</span><span>${escaped(x)} ${colour("#6cb6ff", norm("x"))}</span>`);
    const lacking = [["y", y], ["x", x]].filter(([leg]) => newest.stats >= 0 && d[`${leg}_gap`][newest.stats] === 1).map(([, symbol]) => escaped(symbol));
    const missing = lacking.length ? `<span class="amber">◆ trades missing: ${lacking.join(", ")}</span>` : "";
    const places = unit === "bp" ? 2 : 4;
    head("spread", `Spread, ${unit}`, colour("#c297ff", shown(value("spread") * scale, places)) +
      `<span>mean ${shown(value("spread_mean") * scale, places)}</span><span>σ ${shown(value("spread_std") * scale, places)}</span><span>bands ±1 σ, ±${this.m.entry ?? DASH} σ</span>` + missing);
    head("zscore", "z-score, in-sample", `${colour("#f0f3f6", shown(value("zscore"), 2))}<span>one-step ${shown(value("zscore_one_step"), 2)}</span>` + missing);
    head("correlation", "Correlation · R²", `<span>ρ ${colour("#56d4dd", shown(value("correlation"), 3))}</span><span>R² ${shown(value("r_squared"), 3)}</span>`);
    head("hedge", "Hedge ratio β", `${colour("#e3b341", shown(value("hedge_ratio"), 4))}<span>± ${shown(value("hedge_ratio_se"), 4)}</span>`);
  }

  /* The server of the page has gone: load anew as soon as it answers. A session it makes for a reconnecting browser would not be
     the one on the screen; the address keeps the state. */
  reload() {
    if (this.lost) return;
    this.lost = true;
    setInterval(async () => {
      try { await fetch("static/js/bokeh.min.js", { method: "HEAD", cache: "no-store" }); } catch { return; }
      location.reload();
    }, 1000);
  }

  /* Header: follow state, age of the last closed bar, clock. Ticks on while the server is away. The state of the feed is written each
     second; one that was written long ago is not the state of now: the server hangs, or this browser cannot keep up. */
  tick() {
    this.views();
    const d = source.data, n = d.time.length, now = Date.now() + (Number.isFinite(this.offset) ? this.offset : 0);
    let i = n - 1;
    while (i >= 0 && d.y_closed[i] !== 1) i--;
    const closed = i >= 0 ? d.time[i] + this.m.step : null;
    const stamp = clockText(now), written = Number(/data-written="(\d+)"/.exec(pills.text)?.[1] ?? now), behind = now - written;
    const state = this.lost ? '<span class="pill red">PAGE SERVER AWAY</span>' : behind > 5000 ? `<span class="pill red">PAGE ${span(behind)} BEHIND</span>` : n === 0 ? "" : this.m.down ? '<span class="pill red">❚❚ FROZEN</span>' : this.following ? '<span class="pill teal">● FOLLOWING</span>' : '<span class="pill amber">❚❚ PAUSED</span>';
    const age = closed === null ? "" : this.m.replay ? `<span>last bar <b>${clockText(closed).slice(0, 19).replace("T", " ")}</b></span>`
      : `<span>last bar <b>${span(Math.max(0, now - closed))}</b></span>`;
    const text = `<div class="bar">${state}${age}<span><span class="wide">${stamp.slice(0, 10)} </span><b>${stamp.slice(11, 19)}</b> UTC</span></div>`;
    if (clock.text !== text) clock.text = text;
  }

  get asked() { return nav.tags[0]; }

  /* Ask the server for another view. */
  ask(wanted) { nav.tags = [{ ...this.asked, ...wanted }]; }

  /* Mark the buttons of what is shown. */
  views() {
    const buttons = Bokeh.index.find_one(nav)?.shadow_el, { view } = this.asked;
    if (!buttons?.querySelector("button")) return;
    if (view === this.viewed && buttons.querySelector("[aria-current=page]")) return;  // unmarked when the header was drawn anew
    for (const button of buttons.querySelectorAll("button")) button.setAttribute("aria-current", button.dataset.view === view ? "page" : "false");
    this.viewed = view;
  }

  buttons() {
    const state = `${this.following}/${this.wanted}/${this.chosen}`;
    if (state === this.pressed) return;
    const root = Bokeh.index.find_one(controls)?.shadow_el;
    if (!root?.querySelector("button.live")) return;
    this.pressed = state;
    for (const button of root.querySelectorAll("button[data-bars]")) {
      const bars = button.dataset.bars === "all" ? Infinity : Number(button.dataset.bars);
      button.setAttribute("aria-pressed", String(bars === this.wanted));
    }
    root.querySelector("button.live").classList.toggle("paused", !this.following);
    const explain = root.querySelector("button.explain");
    explain.classList.toggle("paused", this.chosen !== null);
    explain.querySelector("span").textContent = this.chosen === null ? "newest bar" : `${clockText(this.chosen).slice(11, 19)} UTC`;
  }
}

const span = (ms) => ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : ms < 3600000 ? `${Math.floor(ms / 60000)} m ${Math.floor(ms % 60000 / 1000)} s` : `${Math.floor(ms / 3600000)} h ${Math.floor(ms % 3600000 / 60000)} m`;

/* First index whose value is not below x. */
function lower(values, x) {
  let a = 0, b = values.length;
  while (a < b) { const m = (a + b) >> 1; if (values[m] < x) a = m + 1; else b = m; }
  return a;
}

function nearest(times, x, step) {
  const i = lower(times, x);
  const best = i > 0 && (i === times.length || x - times[i - 1] < times[i] - x) ? i - 1 : i;
  return Math.abs(times[best] - x) <= 2 * step || best === 0 || best === times.length - 1 ? best : -1;
}

function firstKnown(values, from) {
  for (let i = from; i < values.length; i++) if (Number.isFinite(values[i])) return values[i];
  return NaN;
}

/* The largest of values[a..b), or of their negatives. */
function most(values, a, b, sign = 1) {
  let best = -Infinity;
  for (let i = a; i < b; i++) if (sign * values[i] > best) best = sign * values[i];
  return best;
}

function any(values, a, b) {
  for (let i = a; i < b; i++) if (values[i] === 1) return true;
  return false;
}

function lastIndex(values) {
  for (let i = values.length - 1; i >= 0; i--) if (Number.isFinite(values[i])) return i;
  return -1;
}

const lastKnown = (values) => values[lastIndex(values)] ?? null;

function gap(out, at) {
  for (const name of Object.keys(out)) out[name].push(name === "time" ? at : name === "width" ? 0 : name.endsWith("colour") ? UP : name.endsWith("gap") ? false : NaN);
}

function mergedBar(d, leg, i, j) {
  const bar = { open: NaN, high: -Infinity, low: Infinity, close: NaN, volume: 0 };
  const [open, high, low, close, volume] = ["open", "high", "low", "close", "volume"].map((name) => d[`${leg}_${name}`]);
  for (let k = i; k < j; k++) {
    if (!Number.isFinite(close[k])) continue;
    if (!Number.isFinite(bar.open)) bar.open = open[k];
    bar.high = Math.max(bar.high, high[k]);
    bar.low = Math.min(bar.low, low[k]);
    bar.close = close[k];
    bar.volume += volume[k];
  }
  return Number.isFinite(bar.close) ? bar : NO_BAR;
}

window.pairsDesk = new Desk();
