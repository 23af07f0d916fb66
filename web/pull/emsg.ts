// An event as it rides in the sound: emsg of version 1 (ISO/IEC 23009-1, 5.10.3.3), which listen/boxes.ts reads.

const SCHEME = "urn:epidaurus:event:1";
const SCALE = 48_000, FRAME = 960;

export function boxOf(frame: number, event: object): Uint8Array {
  const tail = new TextEncoder().encode(`${SCHEME}\0\0${JSON.stringify(event)}`);
  const box = new Uint8Array(32 + tail.length);
  const view = new DataView(box.buffer);
  view.setUint32(0, box.length);
  view.setUint32(4, 0x656d7367); // emsg
  view.setUint8(8, 1);
  view.setUint32(12, SCALE);
  view.setBigUint64(16, BigInt(frame) * BigInt(FRAME));
  box.set(tail, 32);
  return box;
}
