// Whether an order to go to another room is one, and where it leads. See docs/PROTOCOL.md, "The room goes on elsewhere".

import type { MovedEvent } from "../listen/events";
import type { Places } from "../listen/places";

type Order = { v: number; room: string; to: string; made: number };

/** Goes before what is signed, so that a signature of anything else is none of this. */
const CONTEXT = "epidaurus moved 1\n";

/** The page of a room: of the same cluster, or of another one by its origin. */
const PLACE = /^(https?:\/\/[a-z0-9.:[\]-]+)?\/r\/[a-z0-9][a-z0-9-]{1,62}[a-z0-9]$/i;

/** Base64url. */
export function decode(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
}

/**
 * Where the order leads an ear that hears `room` at the origin `here`, on a page of `own`; undefined where it is not to be followed.
 */
export async function verified(e: MovedEvent, room: string, places: Places, own: string, here: string): Promise<URL | undefined> {
  try {
    const teacher = places.at;
    const key = (places.key ??= e.key);
    // Where nothing can be verified, only the origin that the page itself came from is believed: it could as well have sent another page.
    if (!((await signedBy(key, e.sig, e.signed)) ?? teacher === own)) return undefined;
    const order = JSON.parse(new TextDecoder().decode(decode(e.signed))) as Order;
    if (order.v !== 1 || order.room !== room || !PLACE.test(order.to)) return undefined;
    const to = new URL(order.to, here);
    return to.protocol === "https:" || to.origin === own || own.startsWith("http:") ? to : undefined;
  } catch {
    return undefined; // nonsense
  }
}

/** Whether the key made this signature; undefined where the browser cannot tell. */
async function signedBy(key: string, sig: string, signed: string): Promise<boolean | undefined> {
  if (!crypto.subtle) return undefined;
  const body = decode(signed);
  const text = new Uint8Array(CONTEXT.length + body.length);
  text.set(new TextEncoder().encode(CONTEXT));
  text.set(body, CONTEXT.length);
  try {
    const imported = await crypto.subtle.importKey("raw", decode(key), "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", imported, decode(sig), text);
  } catch (e) {
    return (e as Error).name === "NotSupportedError" ? undefined : false;
  }
}
