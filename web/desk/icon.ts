// The tab's title and icon say the same as the huge word, for whoever looks at another tab.

import type { Word } from "./air";

const COLOUR: Record<Word, string> = { "on-air": "#c8102e", "green-room": "#2f7d5b", backstage: "#2f7d5b", team: "#2f7d5b", talkback: "#b4560a", nobody: "#7d8595", "mic-off": "#2a3550" };

/** A disc for a live microphone, a ring for one that nobody hears, a struck ring for one that is off. */
function drawing(word: Word): string {
  const colour = COLOUR[word];
  const ring = `<circle cx="16" cy="16" r="11" fill="none" stroke="${colour}" stroke-width="5"/>`;
  switch (word) {
    case "on-air":
      return `<circle cx="16" cy="16" r="15" fill="${colour}"/><circle cx="16" cy="16" r="6" fill="#fff"/>`;
    case "green-room":
    case "backstage":
    case "team":
    case "talkback":
    case "nobody":
      return ring;
    case "mic-off":
      return `${ring}<path d="M5 27 27 5" stroke="${colour}" stroke-width="5"/>`;
  }
}

export function showInTab(word: Word, text: string, room: string): void {
  document.title = room ? `${text} · ${room}` : text;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${drawing(word)}</svg>`;
  const link = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  if (link) link.href = `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
