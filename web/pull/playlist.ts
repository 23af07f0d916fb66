// As much of a live playlist as our own have: docs/HLS.md.

/** `segments` are those that may be asked for; a gap is none. */
export type Playlist = { segments: number[]; over: boolean };

/** How many segments before the end one begins: 7.7 s, of which 6 are needed. */
const BEHIND = 4;

export function parse(text: string): Playlist {
  if (!text.startsWith("#EXTM3U")) throw new Error("this is no playlist");
  const segments: number[] = [];
  let gap = false, over = false;
  for (const line of text.split(/\r?\n/)) {
    if (line === "#EXT-X-GAP") gap = true;
    else if (line === "#EXT-X-ENDLIST") over = true;
    const name = /^seg-(\d{1,15})\.m4s$/.exec(line);
    if (!name) continue;
    if (!gap) segments.push(Number(name[1]));
    gap = false;
  }
  return { segments, over };
}

/** The segments to be asked for now by who wants `next`; -1: who begins. */
export function follow(list: Playlist, next: number): number[] {
  return next < 0 ? list.segments.slice(-BEHIND) : list.segments.filter((k) => k >= next);
}
