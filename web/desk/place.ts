// A place on stage whose person's browser died: it waits for half a minute, and the page that comes back takes it without being told to.

/** A page takes a waiting place by itself only while it is this young (ms): later it is a surprise. */
const YOUNG = 30_000;
/** A reload tells the server that it leaves, which may arrive after the new page has begun (ms). */
const SETTLED = 1000;

/** One tab's hold on a person's place, as the browser's other tabs see it. It ends with the tab, however that ends. */
export class Place {
  private letGo: (() => void) | null = null;

  constructor(private readonly name: string) {}

  /** Says to other tabs that this one has the voice. */
  hold(): void {
    if (this.letGo) return;
    const over = new Promise<void>((resolve) => (this.letGo = resolve));
    void navigator.locks?.request(this.name, { ifAvailable: true }, (lock) => lock && over);
  }

  release(): void {
    this.letGo?.();
    this.letGo = null;
  }

  /** Waits until it is certain that the place waits, and reports whether this page may take it: no other tab has it, and the microphone needs no question. */
  async mayReturn(waits: () => boolean): Promise<boolean> {
    if (performance.now() > YOUNG) return false;
    await new Promise((resolve) => setTimeout(resolve, SETTLED));
    if (!waits() || !navigator.locks || !navigator.permissions) return false;
    const { held } = await navigator.locks.query();
    if (held?.some((lock) => lock.name === this.name)) return false;
    // Firefox does not know the name of this permission before version 131.
    const microphone = await navigator.permissions.query({ name: "microphone" as PermissionName }).catch(() => null);
    return microphone?.state === "granted" && waits();
  }
}
