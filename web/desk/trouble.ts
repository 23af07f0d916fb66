// What an error means to the person in front of the page.

import { Refusal } from "./api";
import { t } from "./text";

/** A sentence in the page's language that says what happened and what to do. */
export function sentence(e: unknown): string {
  if (e instanceof Refusal) {
    const said = t.refusal[e.code];
    // What is wrong with a file of captions is said in English only, but where it is.
    const at = said && e.code === "bad_captions" ? /line (\d+)/.exec(e.message)?.[1] : undefined;
    return at ? `${said} ${t.atLine(at)}` : (said ?? e.message);
  }
  return t.offline;
}
