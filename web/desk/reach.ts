// Finds out when the server can be reached again.

import { ping } from "./api";

const PATIENCE = 1000; // ms without an answer after which a request is not waited for alone
const BETWEEN = 500; // ms between requests that are refused at once

/**
 * Waits until the server answers; pause may end early, on a sign of a new network.
 *
 * A request alone would not do: where packets vanish without a word, Chromium goes on connecting after a request was given up,
 * lets the next requests wait for that connection, and the system repeats its first packet only after 1, 2, 4 … 32 s. A
 * WebSocket that is closed while it connects takes its connection with it, so knocking sends first packets again and again. It
 * tells only that something answered; a fresh request then tells what.
 */
export async function reach(room: string, pause: (ms: number) => Promise<void>): Promise<void> {
  for (let knocks = 0; ; ) {
    let said: boolean | undefined;
    const answer = ping(room).then((ok) => {
      said = ok;
    });
    await Promise.race([answer, pause(PATIENCE)]);
    while (said === undefined && !(await knock(room, knocks++, answer)));
    if (said === true) return;
    if (said === false) await pause(BETWEEN);
  }
}

/**
 * How long a knock lasts, in ms: long enough for the system's first repetitions after 1 s and 3 s, later for the one after 7 s,
 * too. More knocks would be fewer: Chromium holds a page back for 1 to 5 s each time once sixteen WebSockets have failed.
 */
const patience = (knocks: number) => (knocks < 10 ? 3300 : 7500);

/** Reports whether anything answered a new connection, be it a machine that says there is no server, or whether `before` came. */
function knock(room: string, knocks: number, before: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/r/${encodeURIComponent(room)}/stage/ping`);
    const end = (answered: boolean) => {
      clearTimeout(timer);
      resolve(answered);
      socket.close();
    };
    const timer = setTimeout(end, patience(knocks), false);
    socket.onopen = socket.onerror = () => end(true);
    void before.then(() => end(true));
  });
}
