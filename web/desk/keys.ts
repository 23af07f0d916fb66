// What a key means at the desk: pure, so that a table can say it.

export type Deed = "mute" | "talk" | "help";

export interface Press {
  key: string;
  repeat: boolean;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
}

/** Where the focus is: in a field in which one writes, on something that the space bar presses, or elsewhere. */
export type Place = "field" | "control" | "page";

export function deedOf(e: Press, place: Place): Deed | null {
  if (e.repeat || e.ctrlKey || e.altKey || e.metaKey || place === "field") return null;
  if (e.key === "?") return "help";
  if (e.key.toLowerCase() === "m") return "mute";
  return e.key === " " && place === "page" ? "talk" : null;
}

/** A key that is held down is pressed again and again: the page must not scroll by it. */
export function holds(e: Press, place: Place): boolean {
  return e.key === " " && place === "page";
}

export function placeOf(target: EventTarget | null): Place {
  if (!(target instanceof Element)) return "page";
  if (target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]")) return "field";
  return target.closest("button, a, summary, input") ? "control" : "page";
}
