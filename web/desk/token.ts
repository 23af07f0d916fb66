// The stage token: it arrives behind "#", so that it reaches no log, and is kept for this tab only.

const key = (room: string) => `epidaurus.token.${room}`;

/** Takes what stands behind "#" out of the address bar and the history. */
export function takeHash(): string {
  const hash = location.hash.slice(1);
  if (hash) history.replaceState(null, "", location.pathname + location.search);
  return hash;
}

/** Returns the tab's token for a room: the one from the link, else the one from before a reload, else "". */
export function tokenOf(room: string): string {
  const fresh = takeHash();
  if (fresh) keepToken(room, fresh);
  return fresh || sessionStorage.getItem(key(room)) || "";
}

export function keepToken(room: string, token: string): void {
  sessionStorage.setItem(key(room), token);
}

export function dropToken(room: string): void {
  sessionStorage.removeItem(key(room));
}
