// The choice to have the image read a second time, by a program that only reads print.

import { alertOf } from "./alerts.js";
import { getJson } from "./api.js";
import { byId } from "./dom.js";

let name = null; // of the reader that this server has; null as long as none is known

/** Ask the server who can read; without anybody the choice stays closed, and says why. */
export async function setUpSecond() {
  try {
    const { data } = await getJson("v1/checks");
    name = data.find(({ available }) => available)?.id ?? null;
    byId("second").disabled = name === null;
    if (name === null) byId("second-why").textContent = data[0].reason;
  } catch (error) {
    byId("second-why").textContent = "It is not known whether this server can.";
    alertOf(error);
  }
}

/** The reader that is wanted, as {check}, or nothing. */
export const readSecond = () => (byId("second").checked && name ? { check: name } : {});

export const showSecond = ({ check }) => (byId("second").checked = Boolean(check) && name !== null);
