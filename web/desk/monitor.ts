// Hear yourself as a listener does: the listeners' own player, on a seat of the same room.

import { Places } from "../listen/places";
import { Player } from "../listen/player";
import { mediaSource, Sound } from "../listen/sound";
import { WaitStore } from "../listen/wait";
import { Store } from "./store";

export interface MonitorView {
  state: "off" | "joining" | "playing" | "waiting" | "ended" | "failed";
}

export class Monitor {
  readonly view = new Store<MonitorView>({ state: "off" });
  private player: Player | null = null;
  private token = "";

  /** `base` is where the room is heard; `seat` is a seat token for one's own ears, empty where the room asks for none. */
  constructor(
    private readonly base: () => string,
    private readonly seat: () => Promise<string>,
  ) {}

  /** Takes a seat and plays; call it from a gesture. */
  async start(): Promise<void> {
    const kind = mediaSource();
    if (!kind) return this.view.set({ state: "failed" });
    this.view.set({ state: "joining" });
    this.token = await this.seat().catch(() => ""); // the edge says what is the matter
    this.player ??= this.make(kind);
    this.player.play();
    this.derive();
  }

  /** Gives the seat up. */
  stop(): void {
    this.player?.leave();
  }

  private make(kind: NonNullable<ReturnType<typeof mediaSource>>): Player {
    const audio = document.createElement("audio");
    audio.dataset.testid = "monitor-sound";
    document.getElementById("voices")?.append(audio);
    const path = `${this.base()}/live.mp4?pace=1${this.token && `&seat=${this.token}`}`;
    // The desk stays at its own server, whatever list it hears of.
    const places = new Places(location.origin, () => Promise.resolve(false));
    return new Player(audio, new Sound(audio, kind), places, path, new WaitStore("monitor"), () => {}, () => this.derive());
  }

  private derive(): void {
    switch (this.player?.phase) {
      case undefined:
      case "ready":
        return this.view.set({ state: "off" });
      case "joining":
        return this.view.set({ state: "joining" });
      case "listening":
        return this.view.set({ state: "playing" });
      case "ended":
      case "removed":
      case "unknown":
        return this.view.set({ state: "ended" });
      default:
        return this.view.set({ state: "waiting" });
    }
  }
}
