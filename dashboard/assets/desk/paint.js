/* The theme in force. HTML takes its colours from properties of the document; figures come in dark colours and are repainted here,
   those made later too. */

const ROLES = Object.fromEntries(Object.entries(palettes).map(([theme, palette]) => [theme, new Map(Object.entries(palette).map(([role, colour]) => [colour, role]))]));

Object.assign(Desk.prototype, {
  colour(role) { return palettes[this.theme][role]; },

  /* What the address says, else what this browser was used with last. */
  firstTheme() {
    const asked = this.asked().theme, theme = asked || kept("theme") || "dark";
    if (palettes[theme]) this.paint(theme);
    if (!asked && this.theme !== "dark") this.ask({ theme: this.theme });
  },

  switchTheme() {
    const theme = this.theme === "dark" ? "light" : "dark";
    keep("theme", theme);
    this.paint(theme);
    this.say(`${theme} theme`);
    this.ask({ theme });
  },

  paint(theme) {
    this.theme = theme;
    document.documentElement.dataset.theme = theme;
    window.bodyDesign?.setLuminance(theme === "light" ? 1 : 0.1);
    this.repaint();
    this.schedule();
  },

  /* Give every model the colours of the theme, by the roles of the colours that it has. */
  repaint() {
    for (const model of source.document._all_models.values()) {
      const was = this.painted.get(model) ?? "dark";
      if (was === this.theme) continue;
      this.painted.set(model, this.theme);
      for (const name of Object.keys(model.properties)) {
        if (!name.endsWith("color")) continue;
        const value = model[name], spec = value !== null && typeof value === "object", role = ROLES[was].get(spec ? value.value : value);
        if (role) model.setv({ [name]: spec ? { ...value, value: this.colour(role) } : this.colour(role) }, { sync: false });
      }
    }
  },
});
