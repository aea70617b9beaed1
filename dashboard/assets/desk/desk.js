/* The charts in the browser: what is in view, whether it follows the newest bar, the crosshair read-out, the clock.

   Runs once as the body of a CustomJS. `source` holds the whole look-back and is written by the server (patch, stream); everything
   else here is drawn from it and never sent back. source.tags[0] says how to draw:
   { key, tried, y, x, step (ms per bar), scale, unit, no_ticks and no_bodies (why not, or ''), entry, exit (both may run ahead of the server's), down, replay, now (server's clock in ms) }. */

const MAX_DRAWN = 400, LEGS = ["y", "x"];

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
    this.theme = "dark";
    this.painted = new WeakMap();  // model -> theme it has been painted for
    this.pulled = null;       // the threshold that is being dragged
    this.toasts = Object.assign(document.createElement("div"), { className: "toasts" });
    this.status = Object.assign(document.createElement("div"), { className: "said" });  // what a screen reader says
    for (const region of [this.toasts, this.status]) { region.setAttribute("aria-live", "polite"); document.body.append(region); }
    const rows = new MessageChannel();
    rows.port1.onmessage = () => { this.due = false; cancelAnimationFrame(this.frame); this.frame = null; this.draw(); };
    // New rows are drawn before the next frame, in which Bokeh paints them; waited with until then they would be in the one after.
    const again = () => { if (document.hidden) this.schedule(); else if (!this.due) { this.due = true; rows.port2.postMessage(0); } };
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
    signal_rows.connect(signal_rows.properties.data.change, again);
    signal_rows.connect(signal_rows.properties.tags.change, () => this.hear());
    nav.connect(nav.properties.tags.change, () => { this.views(); this.schedule(); });
    past.connect(past.properties.tags.change, () => { this.moment(); this.tick(); });
    source.document.on_event("connection_lost", () => this.reload());
    setInterval(() => this.tick(), 250);
    this.meta();
    this.firstTheme();
    this.listenToKeys();
    this.listenToStage();
    this.schedule();
  }

  meta() {
    const { entry, exit } = this.m ?? {};
    this.m = { ...source.tags[0], ...(this.pulled ? { entry, exit } : {}) };
    if (this.m.now) this.offset = Math.max(this.offset, this.m.now - Date.now());
    if (this.m.key !== this.key) { this.key = this.m.key; this.following = true; this.width = this.wanted ?? 180; this.hovered = null; this.choose(null); }
    this.levels();
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
    if (!this.showing("workspace")) { this.buttons(); return; }  // drawn when it is shown again
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
    this.markSignals();
    this.handles();
    this.heads();
    this.buttons();
    this.draws += 1;
  }

  clear() {
    if (view.data.time.length) { view.data = Object.fromEntries(Object.keys(view.data).map((k) => [k, []])); bands.data = { x: [], inner: [], outer: [] }; errors.data = { x: [], band: [] }; }
    for (const axis of [...time_axes, ...Object.values(figures).map((figure) => figure.right[0])]) axis.visible = false;
    for (const leg of LEGS) last[leg].location = null;
    for (const mark of Object.values(marks)) mark.data = Object.fromEntries(Object.keys(mark.data).map((name) => [name, []]));
    this.handles();
    this.heads();
    this.buttons();
  }
}
