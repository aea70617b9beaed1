/* The crosshair and the chosen bar. */

Object.assign(Desk.prototype, {
  hover(x) {
    this.hovered = x;
    cursor.location = x;
    this.heads();
  },

  /* A bar is chosen by a click, and let go of by another on it. */
  choose(x) {
    const t = source.data.time, i = x === null ? -1 : nearest(t, x, this.m.step), at = i >= 0 ? t[i] : null;
    this.chosen = at === this.chosen ? null : at;
    pin.location = this.chosen;
    this.schedule();
  },

  /* Ask for the recipe of the numbers of the chosen bar, or of the newest closed one. */
  explain() { this.ask({ view: "explain", explain: this.chosen === null ? "" : clockText(this.chosen).replace(".000Z", "Z") }); },
});
