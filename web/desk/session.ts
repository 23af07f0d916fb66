// One WebRTC session on stage: our microphone out, the other voices in. It is made once and never renegotiated; whoever
// needs a better one makes the next.

import { leave, offerDesk, type Where } from "./api";
import { RECEIVING, RECEIVING_BACKSTAGE } from "./wire";

const VOICE_BITRATE = 64_000; // bit/s: Opus at its best for one voice, and little beside any video call
const OFFER_TIMEOUT = 4000;
const CONNECT_TIMEOUT = 5000;

const WHERE: Record<"stage" | "backstage" | "check", Where> = { stage: "desk", backstage: "stage/backstage", check: "check" };

/** The server took the offer, but no path for the sound was found. */
export class NoPath extends Error {}

export class Session {
  /** When the network last brought anything, in performance.now() time. */
  progressAt = performance.now();
  connectedAt = 0;

  private readonly pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  private address = "";
  private received = 0;
  private giveUp: () => void = () => {};

  constructor(
    private readonly room: string,
    private readonly token: string,
    track: MediaStreamTrack | null,
    onChange: () => void,
    private readonly place: "stage" | "backstage" | "check" = "stage",
  ) {
    this.pc.addTransceiver(track ?? "audio", { direction: "sendonly", sendEncodings: [{ maxBitrate: VOICE_BITRATE }] });
    // One more than there are slots: the last one is the ear, for who speaks to this person alone.
    const sections = place === "check" ? 0 : (place === "stage" ? RECEIVING : RECEIVING_BACKSTAGE) + 1;
    for (let i = 0; i < sections; i++) this.pc.addTransceiver("audio", { direction: "recvonly" });
    this.pc.addEventListener("connectionstatechange", onChange);
  }

  get state(): RTCPeerConnectionState {
    return this.pc.connectionState;
  }

  /** The receiving sections' tracks in the order of the stage's slots, and the ear's. */
  get voices(): MediaStreamTrack[] {
    return this.pc.getTransceivers().slice(1).map((t) => t.receiver.track);
  }

  /** Offers at once, without waiting for candidates: the server is ICE lite and learns our address from our checks. */
  async offer(): Promise<void> {
    const description = await this.pc.createOffer();
    await this.pc.setLocalDescription(description);
    const { sdp, session } = await offerDesk(this.room, this.token, description.sdp ?? "", OFFER_TIMEOUT, WHERE[this.place]);
    this.address = session;
    await this.pc.setRemoteDescription({ type: "answer", sdp });
  }

  /** Waits for the path; throws NoPath after a few seconds. */
  connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(), CONNECT_TIMEOUT);
      const settle = (this.giveUp = () => {
        clearTimeout(timer);
        this.pc.removeEventListener("connectionstatechange", check);
        if (this.state !== "connected") return reject(new NoPath(`connection ${this.state}`));
        this.connectedAt = this.progressAt = performance.now();
        resolve();
      });
      const check = () => {
        if (this.state !== "new" && this.state !== "connecting") settle();
      };
      this.pc.addEventListener("connectionstatechange", check);
      check();
    });
  }

  /** Sends another track, or none. A connection that is closed, or closes meanwhile, sends nothing anyway. */
  send(track: MediaStreamTrack | null): void {
    this.pc.getTransceivers()[0]?.sender.replaceTrack(track).catch((e) => {
      if (this.state !== "closed") throw e;
    });
  }

  /** Looks whether the network brought anything since the last look: media, reports, or answers to ICE checks. */
  async look(): Promise<void> {
    let received = 0;
    for (const s of (await this.pc.getStats()).values()) {
      if (s.type === "transport") received += s.packetsReceived ?? 0;
      if (s.type === "candidate-pair") received += (s.responsesReceived ?? 0) + (s.requestsReceived ?? 0);
    }
    if (received !== this.received) this.progressAt = performance.now();
    this.received = received;
  }

  stats(): Promise<RTCStatsReport> {
    return this.pc.getStats();
  }

  close(): void {
    this.pc.close();
    this.giveUp(); // closing fires no event
  }

  /** Falls silent at once, and tells the server before closing: it would take a mere close for a lost connection, and keep the place. */
  leave(): void {
    this.send(null);
    if (!this.address) return this.close();
    leave(this.address, this.token)
      .catch(() => {}) // without a network the server notices by itself, only later
      .finally(() => this.close());
  }
}
