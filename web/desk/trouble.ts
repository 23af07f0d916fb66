// What an error means to the person in front of the page.

import { Refusal } from "./api";
import { t } from "./text";

/** A sentence in the page's language that says what happened and what to do. */
export function sentence(e: unknown): string {
  if (e instanceof Refusal) return t.refusal[e.code] ?? e.message;
  return t.offline;
}
