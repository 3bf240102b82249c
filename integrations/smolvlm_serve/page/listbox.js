// A list that is one stop of the Tab key: arrow keys, the focus and the pointer show one option.

/** Set up a list of role "listbox"; `onShow` gets the number of the option that is shown. */
export function listbox(list, options, onShow) {
  let at = -1;
  const show = (to) => {
    options[at]?.removeAttribute("aria-selected");
    at = to;
    options[at].setAttribute("aria-selected", "true");
    list.setAttribute("aria-activedescendant", options[at].id);
    onShow(at);
  };
  list.addEventListener("keydown", (event) => {
    const to = next(event.key, at, options.length);
    if (to === null) return;
    event.preventDefault();
    show(to);
  });
  list.addEventListener("focus", () => options.length && show(Math.max(0, at)));
  list.addEventListener("pointerover", (event) => {
    const over = options.indexOf(event.target.closest("[role=option]"));
    if (over >= 0) show(over);
  });
}

function next(key, at, length) {
  const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: length - 1 }[key];
  return to === undefined || length === 0 ? null : Math.min(Math.max(0, to), length - 1);
}
