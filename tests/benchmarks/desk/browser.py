"""What is noted in the browser while it draws, and how it is read."""

from typing import Any

from playwright.sync_api import Page

# Of a burst of frames the first counts: a refresh comes as several.
_FRAMES = """
window.burst = { at: null, last: -Infinity };
window.WebSocket = class extends window.WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", () => {
      const now = performance.now();
      if (now - window.burst.last > 100) window.burst.at = now;
      window.burst.last = now;
    });
  }
};
"""
_DRAWS = """() => {
  window.drawnAt = {}; window.paints = [];
  const draw = pairsDesk.draw.bind(pairsDesk), data = () => Bokeh.documents[0].get_model_by_name('rows').data;
  pairsDesk.draw = () => {
    draw();
    const { at } = window.burst, channel = new MessageChannel();
    channel.port1.onmessage = () => { if (at !== null) window.paints.push(performance.now() - at); };
    requestAnimationFrame(() => channel.port2.postMessage(0));  // answered after the frame has been painted
    const { time, y_closed } = data();
    for (let k = Math.max(0, time.length - 3); k < time.length; k++)
      if (y_closed[k] === 1) window.drawnAt[time[k]] ??= Date.now();
  };
}"""
_ARRIVALS = """() => {
  window.arrivedAt = {};
  const source = Bokeh.documents[0].get_model_by_name('rows');
  const look = () => {
    const { time, y_closed } = source.data;
    for (let k = time.length - 1; k >= 0 && !(time[k] in window.arrivedAt); k--)
      if (y_closed[k] === 1) window.arrivedAt[time[k]] = Date.now();
  };
  for (const signal of [source.streaming, source.patching, source.properties.data.change]) source.connect(signal, look);
}"""


def note_frames(page: Page) -> None:
    """From the next load on note when websocket frames come."""
    page.add_init_script(_FRAMES)


def note_draws(page: Page) -> None:
    """From now on note when each closed bar was first drawn, and how long each frame took to the screen."""
    page.evaluate(_DRAWS)


def note_arrivals(page: Page) -> None:
    """From now on note when each closed bar came."""
    page.evaluate(_ARRIVALS)


def noted(page: Page, name: str) -> dict[int, float]:
    """Open time in ms → wall clock in ms, of `drawnAt` or `arrivedAt`."""
    found: dict[str, Any] = page.evaluate(f"window.{name}")
    return {int(float(key)): float(value) for key, value in found.items()}


def paints(page: Page) -> list[float]:
    """Milliseconds from the first frame of a refresh to its paint."""
    return [float(value) for value in page.evaluate("window.paints")]
