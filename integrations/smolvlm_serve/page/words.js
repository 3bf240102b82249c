// Numbers as people read them.

export function percent(probability) {
  if (probability > 0.999 && probability < 1) return ">99.9 %";
  if (probability < 0.001 && probability > 0) return "<0.1 %";
  const value = probability * 100;
  return `${value >= 99.95 || value === 0 ? value.toFixed(0) : value.toFixed(1)} %`;
}

export function bytes(count) {
  if (count === null || count === undefined) return "–";
  if (count < 1e6) return `${Math.max(1, Math.round(count / 1e3))} kB`;
  return count < 1e9 ? `${Math.round(count / 1e6)} MB` : `${(count / 1e9).toFixed(2)} GB`;
}

export function seconds(count) {
  if (count < 0.001) return "<1 ms";
  if (count < 1) return `${Math.round(count * 1000)} ms`;
  return count < 60 ? `${count.toFixed(1)} s` : `${Math.round(count / 60)} min`;
}

export const whole = (count) => count.toLocaleString("en");

export const plural = (count, one, many = `${one}s`) =>
  `${whole(count)} ${count === 1 ? one : many}`;

/** A resolution as the API names it, in words. */
export function resolutionName(resolution) {
  if (resolution === "auto") return "Auto";
  if (resolution === "native") return "Native";
  return plural(Number(resolution), "tile") + (Number(resolution) === 1 ? "" : " long");
}

/** What is between the API's texts "1" and "auto": numbers are numbers there. */
export const resolutionValue = (text) => (/^\d+$/.test(text) ? Number(text) : text);
