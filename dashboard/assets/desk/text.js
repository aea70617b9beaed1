/* Numbers, times and names as text. */

const DASH = "–";

/* What this browser remembers from page to page; nothing where it may not. */
function kept(name) { try { return localStorage.getItem(`pairdesk.${name}`); } catch { return null; } }
function keep(name, value) { try { localStorage.setItem(`pairdesk.${name}`, value); } catch { /* then not */ } }

const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const shown = (value, digits) => Number.isFinite(value) ? (Math.abs(value) < 0.5 / 10 ** digits ? 0 : value).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }) : DASH;
const signed = (value, digits) => (value > 0 ? "+" : "") + shown(value, digits);
const clockText = (ms) => new Date(ms).toISOString();
const decimalsOf = (value) => Number.isFinite(value) ? (String(value).split(".")[1] || "").length : 0;
const span = (ms) => ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : ms < 3600000 ? `${Math.floor(ms / 60000)} m ${Math.floor(ms % 60000 / 1000)} s` : `${Math.floor(ms / 3600000)} h ${Math.floor(ms % 3600000 / 60000)} m`;
