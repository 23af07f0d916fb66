// Captions that have their place in time: those of a tape, and of a part of it.

import type { Line } from "./box";

/** A line of captions, from one frame to another. */
export type Said = { from: number; to: number; text: string };
export type Track = { lang: string; lines: Said[] };

/** Lines that are shown before the one at the ear. */
const BEFORE = 1;

/** What is read at a frame, for a box: of each language the line there, and the one before it; nothing in a long pause. */
export function at(frame: number, tracks: readonly Track[]): { lang: string; lines: Line[] }[] {
  return tracks.map(({ lang, lines }) => ({ lang, lines: near(lang, lines, frame) }));
}

function near(lang: string, lines: readonly Said[], frame: number): Line[] {
  const last = lines.findLastIndex((l) => l.from <= frame);
  if (last < 0 || lines[last]!.to <= frame) return [];
  return lines.slice(Math.max(0, last - BEFORE), last + 1).map((l) => ({ id: String(l.from), lang, at: l.from, text: l.text }));
}
