// What this device remembers of its owner's sound. Where nothing can be kept, everything works for as long as the page lives.

import type { Processing } from "./mic";

export interface Prefs {
  device: string;
  processing: Processing;
  pushToTalk: boolean;
}

const KEY = "epidaurus-sound";

const usual: Prefs = {
  device: "",
  processing: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  pushToTalk: false,
};

/** Reads what was kept; whatever is not as it should be is as usual. */
export function parsePrefs(text: string | null): Prefs {
  let kept: Record<string, unknown> = {};
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    if (typeof value === "object" && value !== null) kept = value as Record<string, unknown>;
  } catch {
    // Somebody else's, or damaged.
  }
  const processing = typeof kept.processing === "object" && kept.processing !== null ? (kept.processing as Record<string, unknown>) : {};
  const flag = (value: unknown, otherwise: boolean) => (typeof value === "boolean" ? value : otherwise);
  return {
    device: typeof kept.device === "string" ? kept.device : usual.device,
    processing: {
      echoCancellation: flag(processing.echoCancellation, usual.processing.echoCancellation),
      noiseSuppression: flag(processing.noiseSuppression, usual.processing.noiseSuppression),
      autoGainControl: flag(processing.autoGainControl, usual.processing.autoGainControl),
    },
    pushToTalk: flag(kept.pushToTalk, usual.pushToTalk),
  };
}

export function prefs(): Prefs {
  try {
    return parsePrefs(localStorage.getItem(KEY));
  } catch {
    return parsePrefs(null);
  }
}

export function keepPrefs(change: Partial<Prefs>): void {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...prefs(), ...change }));
  } catch {
    // Storage is full or forbidden.
  }
}
