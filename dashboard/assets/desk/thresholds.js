/* Entry and exit: lines of the z chart that can be dragged, and fields of the side bar. Drawn here at once; the server, which keeps them in
   the address, is told when they are final. */

const STEP = 0.05, GRIP = 12;  // of z; pixels that take hold of a line

const HANDLES = `<style>
  div { position: absolute; height: ${GRIP}px; cursor: ns-resize; touch-action: none; outline: none; }
  div span { position: absolute; left: 6px; top: -4px; padding: 1px 6px; border-radius: 3px; font: 600 11px/16px sans-serif; visibility: hidden;
    color: var(--text); background: var(--raised); border: 1px solid var(--edge); font-variant-numeric: tabular-nums; }
  div:hover span, div:focus-visible span, div.pulled span { visibility: visible; }
  div:focus-visible { box-shadow: inset 0 0 0 2px var(--leg-x); border-radius: 3px; }
</style>` + [["entry", 1], ["entry", -1], ["exit", 1], ["exit", -1]].map(([name, side]) =>
  `<div data-name="${name}" data-side="${side}" ${side === 1 ? `tabindex="0" role="slider" aria-orientation="vertical" aria-label="${name} threshold, absolute z"` : 'aria-hidden="true"'}><span></span></div>`).join("");

Object.assign(Desk.prototype, {
  /* Take a threshold; `exit` is never above `entry`. */
  threshold(name, text, final) {
    const [low, high] = bounds[name], given = Number(text), { entry, exit } = this.m;
    if (entry == null) return;
    const value = Number.isFinite(given) && text !== "" ? Number((Math.round(Math.min(high, Math.max(low, given)) / STEP) * STEP).toFixed(2)) : this.m[name];
    const now = name === "entry" ? { entry: value, exit: Math.min(exit, value) } : { entry, exit: Math.min(value, entry) };
    this.m = { ...this.m, ...now };
    this.levels();
    this.schedule();
    if (final) { this.ask(now); this.fields(true); this.say(`entry ${now.entry}, exit ${now.exit}`); }
  },

  /* Zones and lines of the z chart. */
  levels() {
    const { entry, exit } = this.m;
    if (entry == null) return;
    for (const [name, at] of [["short", entry], ["long", -entry], ["exit_above", exit], ["exit_below", -exit]]) if (levels[name].location !== at) levels[name].location = at;
    zones.short.setv({ bottom: entry, visible: true });
    zones.long.setv({ top: -entry, visible: true });
    zones.exit.setv({ bottom: -exit, top: exit, visible: true });
    this.fields();
    this.handles();
  },

  /* Show the values in the side bar; over what is being typed only when it is `final`. */
  fields(final = false) {
    const root = viewOf(controls)?.shadow_el;
    if (this.m.entry == null || !root) return;
    for (const field of root.querySelectorAll("[data-threshold]")) {
      const value = this.m[field.dataset.threshold];
      if (Number(field.value) !== value && (final || field.type === "range" || root.activeElement !== field)) field.value = value;
    }
  },

  /* What can be taken hold of, over the lines of the z chart. */
  handles() {
    const bed = viewOf(figures.zscore)?.canvas_view?.events_el, { entry, exit } = this.m;
    if (!bed) return;
    if (!bed.querySelector("[data-name]")) this.makeHandles(bed);
    const { frame } = viewOf(figures.zscore), { start, end } = y_ranges.zscore, any = entry != null && source.data.time.length > 0;
    for (const handle of bed.querySelectorAll("[data-name]")) {
      const { name, side } = handle.dataset, value = { entry, exit }[name], at = frame.bbox.top + (end - side * value) / (end - start) * frame.bbox.height;
      const inside = any && at >= frame.bbox.top && at <= frame.bbox.bottom;
      Object.assign(handle.style, { left: `${frame.bbox.left}px`, width: `${frame.bbox.width}px`, top: `${at - GRIP / 2}px`, display: inside ? "" : "none" });
      if (!any) continue;
      handle.firstChild.textContent = `${name} ${shown(side * value, 2)}`;
      if (side === "1") for (const [key, u] of [["min", bounds[name][0]], ["max", name === "exit" ? Math.min(entry, bounds.exit[1]) : bounds.entry[1]], ["now", value], ["text", shown(value, 2)]]) handle.setAttribute(`aria-value${key}`, u);
    }
  },

  makeHandles(bed) {
    bed.insertAdjacentHTML("beforeend", HANDLES);
    for (const handle of bed.querySelectorAll("[data-name]")) {
      const { name, side } = handle.dataset;
      const z = (event) => { const { frame } = viewOf(figures.zscore), { start, end } = y_ranges.zscore; return end - (event.clientY - bed.getBoundingClientRect().top - frame.bbox.top) / frame.bbox.height * (end - start); };
      const time = (event) => { const { bbox } = viewOf(figures.zscore).frame; return x_range.start + (event.clientX - bed.getBoundingClientRect().left - bbox.left) / bbox.width * (x_range.end - x_range.start); };
      handle.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        handle.setPointerCapture(event.pointerId);
        handle.classList.add("pulled");
        this.pulled = { off: z(event) - side * this.m[name], moved: false };
      });
      handle.addEventListener("pointermove", (event) => {
        this.hover(time(event));
        if (!this.pulled) return;
        const value = side * (z(event) - this.pulled.off);
        this.pulled.moved ||= Math.abs(value - this.m[name]) >= STEP / 2;
        if (this.pulled.moved) this.threshold(name, value, false);
      });
      const end = (event) => {
        const { moved } = this.pulled ?? {};
        handle.classList.remove("pulled");
        this.pulled = null;
        if (moved) this.threshold(name, this.m[name], true);
        else if (event.type === "pointerup") this.choose(time(event));  // a click on the line is a click on the chart
      };
      handle.addEventListener("pointerup", end);
      handle.addEventListener("pointercancel", end);
      handle.addEventListener("keydown", (event) => {
        const by = { ArrowUp: STEP, ArrowRight: STEP, ArrowDown: -STEP, ArrowLeft: -STEP, PageUp: 10 * STEP, PageDown: -10 * STEP }[event.key];
        const to = { Home: bounds[name][0], End: bounds[name][1] }[event.key] ?? (by && this.m[name] + by);
        if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        event.stopPropagation();
        this.threshold(name, to, true);
      });
    }
  },
});
