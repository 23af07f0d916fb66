// Reads an endless fragmented MP4 as it arrives: boxes (ISO/IEC 14496-12) are cut out of the stream, events (emsg) are taken
// from it, and the rest is what a SourceBuffer wants.

export const FRAME_SAMPLES = 960;
export const FRAMES_PER_SECOND = 50;

/** ftyp and moov, which a player needs once. */
export type Head = { kind: "head"; bytes: Uint8Array };

/** moof and mdat: `sizes.length` frames of 20 ms that begin at frame `from`. `sizes` are the packets' bytes. */
export type Fragment = { kind: "fragment"; bytes: Uint8Array; from: number; sizes: number[] };

/** One emsg: `data` becomes true at frame `at`. */
export type Message = { kind: "message"; at: number; data: string };

export type Piece = Head | Fragment | Message;

/** A fragment of the longest cadence is a tenth of this. */
const MAX_BOX = 1 << 20;

const FTYP = 0x66747970, MOOV = 0x6d6f6f76, MOOF = 0x6d6f6f66, MDAT = 0x6d646174, EMSG = 0x656d7367;
const TRAF = 0x74726166, TFDT = 0x74666474, TRUN = 0x7472756e;

const SCHEME = "urn:epidaurus:event:1";

const text = new TextDecoder();

/** Cuts one response. A new response needs a new one, as a cut leaves half a box behind. */
export class BoxReader {
  #rest: Uint8Array<ArrayBuffer> = new Uint8Array();
  #before: Uint8Array<ArrayBuffer> = new Uint8Array(); // an ftyp waits for its moov, a moof for its mdat

  /** Returns what became complete with these bytes; throws on what is no such stream. */
  push(bytes: Uint8Array): Piece[] {
    this.#rest = join(this.#rest, bytes);
    const pieces: Piece[] = [];
    let at = 0;
    while (this.#rest.length - at >= 8) {
      const view = viewOf(this.#rest, at);
      const size = view.getUint32(0);
      if (size < 8 || size > MAX_BOX) throw new Error(`a box of ${size} bytes`);
      if (size > this.#rest.length - at) break;
      const piece = this.#box(view.getUint32(4), this.#rest.slice(at, at + size));
      if (piece) pieces.push(piece);
      at += size;
    }
    this.#rest = this.#rest.slice(at);
    return pieces;
  }

  #box(type: number, box: Uint8Array<ArrayBuffer>): Piece | undefined {
    switch (type) {
      case FTYP:
      case MOOF:
        this.#before = box;
        return undefined;
      case MOOV:
        return { kind: "head", bytes: join(this.#before, box) };
      case MDAT:
        return { kind: "fragment", bytes: join(this.#before, box), ...readMoof(this.#before) };
      case EMSG:
        return readMessage(box);
    }
    return undefined;
  }
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}

function viewOf(bytes: Uint8Array, from = 0): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset + from, bytes.byteLength - from);
}

/** The bodies of the boxes of one type among the children of a box whose body is given. */
function child(body: DataView, type: number): DataView {
  for (let at = 0; at + 8 <= body.byteLength; ) {
    const size = body.getUint32(at);
    if (size < 8 || size > body.byteLength - at) break;
    if (body.getUint32(at + 4) === type) return new DataView(body.buffer, body.byteOffset + at + 8, size - 8);
    at += size;
  }
  throw new Error("a box is missing");
}

/** Where a fragment begins and how large its packets are, from tfdt and trun. */
function readMoof(moof: Uint8Array): { from: number; sizes: number[] } {
  const traf = child(viewOf(moof, 8), TRAF);
  const tfdt = child(traf, TFDT);
  const time = tfdt.getUint8(0) ? Number(tfdt.getBigUint64(4)) : tfdt.getUint32(4);
  const trun = child(traf, TRUN);
  const flags = trun.getUint32(0);
  const count = trun.getUint32(4);
  // Optional fields in their order: data offset, first sample's flags; then for each sample duration, size, flags, offset.
  let at = 8 + 4 * (bit(flags, 0x1) + bit(flags, 0x4));
  const step = 4 * (bit(flags, 0x100) + bit(flags, 0x200) + bit(flags, 0x400) + bit(flags, 0x800));
  at += 4 * bit(flags, 0x100);
  const sizes: number[] = [];
  for (let i = 0; i < count; i++, at += step) sizes.push(bit(flags, 0x200) ? trun.getUint32(at) : 0);
  return { from: Math.round(time / FRAME_SAMPLES), sizes };
}

function bit(flags: number, mask: number): number {
  return flags & mask ? 1 : 0;
}

/** An emsg of version 1 and of our scheme; others are not for us. */
function readMessage(box: Uint8Array): Message | undefined {
  const view = viewOf(box, 8);
  if (view.getUint8(0) !== 1) return undefined;
  const at = Number(view.getBigUint64(8)) / view.getUint32(4);
  const scheme = box.indexOf(0, 32); // header 8, version and flags 4, timescale 4, time 8, duration 4, id 4
  const value = box.indexOf(0, scheme + 1);
  if (text.decode(box.subarray(32, scheme)) !== SCHEME) return undefined;
  return { kind: "message", at: Math.round(at * FRAMES_PER_SECOND), data: text.decode(box.subarray(value + 1)) };
}
