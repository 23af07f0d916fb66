// The sound on its way from the line to the loudspeaker: MediaSource, its one SourceBuffer, and what may be done to it when.

declare global {
  // Safari on iPhone has this one only (since iOS 17.1); the parts used here are the same.
  var ManagedMediaSource: typeof MediaSource | undefined;
}

const TYPES = ['audio/mp4; codecs="opus"', 'audio/mp4; codecs="Opus"'];

/** Heard sound is dropped when there is twice as much of it, in s: hours of listening do not fill the memory. */
const KEEP = 10;

/** What this browser plays in a MediaSource, if anything. */
export function mediaSource(): { make: () => MediaSource; type: string } | undefined {
  const Source = globalThis.MediaSource ?? globalThis.ManagedMediaSource;
  const type = Source && TYPES.find((t) => Source.isTypeSupported(t));
  return type ? { make: () => new Source(), type } : undefined;
}

/** Holes of less than this are rounding, in s. */
const GRAIN = 0.01;

export class Sound {
  #source!: MediaSource;
  #buffer: SourceBuffer | undefined;
  #head: Uint8Array | undefined;
  #queue: Uint8Array[] = [];
  #ending = false;

  /** Told when more sound has become playable. */
  grown = (): void => {};

  /** The source is attached at once, so that the tap finds it open. */
  constructor(private readonly audio: HTMLAudioElement, private readonly kind: { make: () => MediaSource; type: string }) {
    audio.disableRemotePlayback = true; // ManagedMediaSource does not open otherwise
    this.clear();
  }

  /** Begins again with an empty buffer. */
  clear(): void {
    this.#source = this.kind.make();
    this.#buffer = undefined;
    this.#queue = this.#head ? [this.#head] : [];
    this.#ending = false;
    const source = this.#source;
    const url = URL.createObjectURL(source);
    source.addEventListener("sourceopen", () => {
      URL.revokeObjectURL(url);
      if (this.#buffer || source !== this.#source) return; // it opens once more when sound follows an end
      this.#buffer = source.addSourceBuffer(this.kind.type);
      this.#buffer.addEventListener("updateend", () => {
        this.#pump();
        this.grown();
      });
      this.#pump();
    });
    this.audio.src = url;
  }

  head(bytes: Uint8Array): void {
    // The same head again would restart the decoder, and be heard.
    if (this.#head?.toString() === bytes.toString()) return;
    this.#head = bytes;
    this.append(bytes);
  }

  append(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    this.#pump();
  }

  /** Nothing more will come: the audio element ends with the last word. */
  end(): void {
    this.#ending = true;
    this.#pump();
  }

  /** Media time up to which sound is here without a hole from `at` on; `at` itself when there is none. */
  until(at: number): number {
    const b = this.audio.buffered;
    for (let i = 0; i < b.length; i++) if (b.start(i) <= at + GRAIN && at < b.end(i)) return b.end(i);
    return at;
  }

  /** The nearest media time from `at` on where sound is here, or undefined. */
  from(at: number): number | undefined {
    const b = this.audio.buffered;
    for (let i = 0; i < b.length; i++) if (at < b.end(i) - GRAIN) return Math.max(at, b.start(i));
    return undefined;
  }

  #pump(): void {
    const buffer = this.#buffer;
    if (!buffer || buffer.updating || this.#source.readyState !== "open") return;
    const heard = this.audio.currentTime - KEEP;
    if (buffer.buffered.length && buffer.buffered.start(0) < heard - KEEP) {
      buffer.remove(0, heard);
    } else if (this.#queue.length) {
      const bytes = new Uint8Array(this.#queue.reduce((n, b) => n + b.length, 0));
      let at = 0;
      for (const b of this.#queue) {
        bytes.set(b, at);
        at += b.length;
      }
      this.#queue = [];
      buffer.appendBuffer(bytes);
    } else if (this.#ending) {
      this.#source.endOfStream();
    }
  }
}
