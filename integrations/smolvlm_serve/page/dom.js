// Elements. Text is only ever set as text: what a model or a server wrote is never read as HTML.

export const byId = (id) => document.getElementById(id);

// make("p", {class: "hint", title: "…"}, "text", child, …). Functions become listeners,
// booleans attributes that are there or not.
export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function draw(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  return fill(node, attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

// Says what went wrong in a place for it (role=alert), or clears that place.
export function tell(place, error) {
  place.hidden = !error;
  place.textContent = error ? error.message : "";
}

export function percent(share) {
  const whole = share * 100;
  return `${whole > 99.9 && whole < 100 ? ">99.9" : whole.toFixed(whole > 99.5 && whole < 100 ? 1 : 0)}%`;
}
export function seconds(value) {
  if (value < 0.01) return "<0.01 s";
  return `${value < 10 ? value.toFixed(2) : value.toFixed(0)} s`;
}
export const megabytes = (bytes) => `${Math.round(bytes / 1e6).toLocaleString("en")} MB`;
