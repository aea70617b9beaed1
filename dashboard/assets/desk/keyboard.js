/* The page without a mouse: shortcuts, and the sheet that lists them. */

const KEYS = [
  ["1 – 9", "the views, in their order"], ["/", "choose the pair"], ["← →", "in a chart: the crosshair, bar by bar; with Shift ten bars"],
  ["Enter", "in a chart: choose the bar under the crosshair, to be explained"], ["↑ ↓", "on a threshold of the z chart: move it; Page Up and Down by more"],
  ["Space", "pause, or go live"], ["End", "go live"], ["Home", "to the oldest bar"], ["+ −", "fewer or more bars"], ["t", "dark or light"],
  ["?", "this sheet"], ["Esc", "close it; let go of crosshair and bar; close what has popped up"],
];
const TYPED = "input:not([type=range], [type=checkbox], [type=radio]), select, textarea, [contenteditable=true]", PRESSED = "button, a[href], summary, [role=button], input[type=checkbox], input[type=radio]", MOVED = "input[type=range], [role=slider]";

Object.assign(Desk.prototype, {
  listenToKeys() {
    document.addEventListener("keydown", (event) => this.key_(event));
    const menu = document.getElementById("sidebar-button");
    for (const [name, value] of Object.entries({ tabindex: "0", role: "button", "aria-label": "Side bar" })) menu?.setAttribute(name, value);
    menu?.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); menu.click(); } });
  },

  /* Keys belong to what is being typed into, pressed or moved first; the rest are shortcuts. */
  key_(event) {
    const at = event.composedPath()[0], { key } = event, is = (kinds) => at instanceof Element && at.matches(kinds);
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || this.sheetOpen()) return;
    if (is(TYPED)) { if (key === "Escape") at.blur(); return; }
    const done = /^[1-9]$/.test(key) ? this.viewAt(Number(key)) : key === "/" ? this.choosePair() : key === "t" ? this.switchTheme() : key === "?" ? this.sheet()
      : key === "Escape" ? this.letGo() : !this.showing("workspace") ? false : this.chartKey(event, at, key, is);
    if (done !== false) event.preventDefault();
  },

  chartKey(event, at, key, is) {
    const chart = Object.values(figures).some((figure) => viewOf(figure)?.canvas_view?.events_el === at);
    if (chart && (key === "ArrowLeft" || key === "ArrowRight")) return this.step((key === "ArrowLeft" ? -1 : 1) * (event.shiftKey ? 10 : 1));
    if (chart && key === "Enter") return this.hovered === null ? false : this.choose(this.hovered);
    if (key === " " && !is(PRESSED)) return this.following ? this.pause() : this.goLive();
    if (key === "+" || key === "=") return this.zoom(1 / 1.25);
    if (key === "-" || key === "−") return this.zoom(1.25);
    if (key === "End" && !is(MOVED)) return this.goLive();
    if (key === "Home" && !is(MOVED)) return this.oldest();
    return false;
  },

  viewAt(number) {
    const views = viewOf(nav)?.shadow_el.querySelectorAll("[data-view]") ?? [];
    return number <= views.length ? this.ask({ view: views[number - 1].dataset.view }) : false;
  },

  /* The first selector of the side bar, which is opened where it is closed. */
  choosePair() {
    const found = (root) => { for (const part of root.querySelectorAll("*")) { const select = part.matches("select") ? part : part.shadowRoot && found(part.shadowRoot); if (select) return select; } return null; };
    const bar = document.getElementById("sidebar");
    if (bar?.classList.contains("hidden")) document.getElementById("sidebar-button")?.click();
    const select = bar && found(bar);
    return select ? select.focus() : false;
  },

  /* The crosshair by bars; the view comes along. */
  step(by) {
    const t = source.data.time;
    if (!t.length) return false;
    const i = this.hovered === null ? t.length - 1 : nearest(t, this.hovered, Infinity), at = t[Math.max(0, Math.min(t.length - 1, i + by))];
    if (at < x_range.start || at > x_range.end) {
      const width = x_range.end - x_range.start, start = at < x_range.start ? at - this.m.step : at + 2 * this.m.step - width;
      this.pause();
      x_range.setv({ start, end: start + width });
    }
    return this.hover(at);
  },

  pause() { this.following = false; this.wanted = null; this.schedule(); },

  oldest() {
    const t = source.data.time, width = x_range.end - x_range.start;
    if (!t.length) return false;
    this.pause();
    x_range.setv({ start: t[0] - this.m.step, end: t[0] - this.m.step + width });
  },

  /* About the newest bar while following, else about the crosshair or the middle. */
  zoom(factor) {
    const n = source.data.time.length, { start, end } = x_range, { step } = this.m;
    if (!n) return false;
    this.wanted = null;
    if (this.following) this.width = Math.max(5, Math.min(n, Math.round(Math.min(this.width, n) * factor)));
    else if ((end - start) * factor > 5 * step && (end - start) * factor < 2 * n * step) {
      const about = this.hovered >= start && this.hovered <= end ? this.hovered : (start + end) / 2;
      x_range.setv({ start: about - factor * (about - start), end: about + factor * (end - about) });
    }
    this.schedule();
  },

  letGo() {
    this.toasts.replaceChildren();
    this.hover(null);
    if (this.chosen !== null) this.choose(null);
  },

  sheetOpen() { return document.querySelector("dialog.sheet")?.open === true; },

  sheet() {
    let sheet = document.querySelector("dialog.sheet");
    if (!sheet) {
      sheet = Object.assign(document.createElement("dialog"), { className: "sheet" });
      sheet.setAttribute("aria-labelledby", "sheet-title");
      sheet.innerHTML = `<h2 id="sheet-title">Keys</h2><dl>${KEYS.map(([key, does]) => `<dt><kbd>${key}</kbd></dt><dd>${does}</dd>`).join("")}</dl><form method="dialog"><button>Close</button></form>`;
      sheet.addEventListener("click", (event) => { if (event.target === sheet) sheet.close(); });
      document.body.append(sheet);
    }
    sheet.showModal();
  },
});
