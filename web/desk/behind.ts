// Listeners behind caches, in words: an estimate is never shown without its error.

import type { Stage } from "./wire";

type Words = { behind: (n: string, error: string, oneIn: string) => string; behindAll: (n: string) => string };

export function behind(e: NonNullable<Stage["behind_caches"]>, t: Words, language = document.documentElement.lang || "en"): string {
  const number = (n: number) => n.toLocaleString(language);
  const error = Math.max(e.high - e.listeners, e.listeners - e.low);
  if (e.one_in === 1) return t.behindAll(number(e.listeners));
  // No more digits than the error leaves.
  const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, error))));
  return t.behind(number(Math.round(e.listeners / step) * step), number(Math.ceil(error / step) * step), number(e.one_in));
}
