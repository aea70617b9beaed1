/* The page around the charts: the header, its switch, the buttons of the side bar, a server that is away. */

Object.assign(Desk.prototype, {
  /* The server of the page has gone: load anew as soon as it answers. A session it makes for a reconnecting browser would not be
     the one on the screen; the address keeps the state. */
  reload() {
    if (this.lost) return;
    this.lost = true;
    setInterval(async () => {
      try { await fetch("static/js/bokeh.min.js", { method: "HEAD", cache: "no-store" }); } catch { return; }
      location.reload();
    }, 1000);
  },

  /* Header: follow state, age of the last closed bar, clock. Ticks on while the server is away. The state of the feed is written each
     second; one that was written long ago is not the state of now: the server hangs, or this browser cannot keep up. */
  tick() {
    this.views();
    this.moment();
    this.repaint();
    this.fields();
    this.handles();
    this.wishes();
    const d = source.data, n = d.time.length, now = Date.now() + (Number.isFinite(this.offset) ? this.offset : 0);
    let i = n - 1;
    while (i >= 0 && d.y_closed[i] !== 1) i--;
    const closed = i >= 0 ? d.time[i] + this.m.step : null;
    const asOf = this.asOf();
    const stamp = clockText(asOf ?? now), written = Number(/data-written="(\d+)"/.exec(pills.text)?.[1] ?? now), behind = now - written;
    const state = this.lost ? '<span class="pill red">PAGE SERVER AWAY</span>' : behind > 5000 ? `<span class="pill red">PAGE ${span(behind)} BEHIND</span>` : n === 0 ? "" : this.m.down ? '<span class="pill red">❚❚ FROZEN</span>' : asOf !== null ? "" : this.following ? '<span class="pill teal">● FOLLOWING</span>' : '<span class="pill amber">❚❚ PAUSED</span>';
    const age = closed === null ? "" : this.m.replay ? `<span>last bar <b>${clockText(closed).slice(0, 19).replace("T", " ")}</b></span>`
      : `<span>last bar <b>${span(Math.max(0, (asOf ?? now) - closed))}</b></span>`;
    const moment = asOf === null ? "" : `<span class="pill violet" data-role="as-of">${past.tags[0].playing ? "▶" : "❚❚"} AS OF ${utcText(asOf)} UTC</span>`;
    const wall = asOf !== null ? "" : `<span><span class="wide">${stamp.slice(0, 10)} </span><b>${stamp.slice(11, 19)}</b> UTC</span>`;
    const text = `<div class="bar">${moment}${state}${age}${wall}</div>`;
    if (clock.text !== text) clock.text = text;
    this.describe();
    this.sayState();
  },

  asked() { return nav.tags[0]; },

  /* Ask the server for another view. */
  ask(wanted) { nav.tags = [{ ...this.asked(), ...wanted }]; },

  /* Show the view that is asked for, and mark its button. */
  views() {
    this.stand();
    const buttons = viewOf(nav)?.shadow_el, { view } = this.asked();
    if (!buttons?.querySelector("button")) return;
    if (view === this.viewed && buttons.querySelector("[aria-current=page]")) return;  // unmarked when the header was drawn anew
    for (const button of buttons.querySelectorAll("button")) button.setAttribute("aria-current", button.dataset.view === view ? "page" : "false");
    this.viewed = view;
  },

  buttons() {
    const bodies = this.asked().bodies === true, state = `${this.following}/${this.wanted}/${this.chosen}/${bodies}`;
    if (state === this.pressed) return;
    const root = viewOf(controls)?.shadow_el;
    if (!root?.querySelector("button.live")) return;
    this.pressed = state;
    for (const button of root.querySelectorAll("button[data-bars]")) {
      const bars = button.dataset.bars === "all" ? Infinity : Number(button.dataset.bars);
      button.setAttribute("aria-pressed", String(bars === this.wanted));
    }
    for (const button of root.querySelectorAll("button[data-bodies]")) button.setAttribute("aria-pressed", String(Boolean(button.dataset.bodies) === bodies));
    root.querySelector("button.live").classList.toggle("paused", !this.following);
    const explain = root.querySelector("button.explain");
    explain.classList.toggle("paused", this.chosen !== null);
    explain.querySelector("span").textContent = this.chosen === null ? "newest bar" : `${clockText(this.chosen).slice(11, 19)} UTC`;
  },
});
