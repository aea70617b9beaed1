/* What Bokeh does at every change and this page has no use for: together it was more than half of a refresh. And views that are asked for often. */

{
  /* A Div of which anything changes makes itself anew and lays its whole page out. Here only the text does: regions stretch over their
     width, their height is what the text needs, and a figure learns of its size from the browser. */
  const regions = clock.default_view.prototype, anew = regions.rerender;
  regions.rerender = function () {
    const { text } = this.model;
    if (!this.markup_el?.isConnected || !this.has_math_disabled()) anew.call(this);
    else if (this.written !== text) this.markup_el.innerHTML = text;
    this.written = text;
  };
}

const found = new WeakMap();

/* The view of a model, or null. Bokeh looks for it in the whole tree. */
function viewOf(model) {
  const known = found.get(model);
  if (known?.el.isConnected) return known;
  const view = Bokeh.index.find_one(model);
  if (view) { found.set(model, view); plain(view); }
  return view;
}

let plainly = false;

/* Axes and grids ask the style sheets at each stroke whether these have a colour, width or font for them. This page gives them none. */
function plain(view) {
  for (let kind = view.visuals?.background_fill; kind && !plainly; kind = Object.getPrototypeOf(kind)) {
    if (!Object.hasOwn(kind, "_get_css_value")) continue;
    kind._get_css_value = () => "";
    plainly = true;
  }
}
