// The lights before a room begins: what the server knows of each, in a sentence, and what to do. While it is live one of them still speaks up: that what is
// said does not reach the file host.

import { useEffect, useState } from "preact/hooks";
import { call } from "./api";
import type { Desk } from "./desk";
import { words } from "./lighttext";
import { Panel } from "./parts";
import { useStore } from "./store";
import { t } from "./text";

type Name = keyof typeof words.names;
type Colour = keyof typeof words.colours;
type Light = { name: Name; state: Colour; why: string; n: number; of?: number };

/** Between two looks, in ms; and while the room is live. */
const LOOK = 5000, LOOK_LIVE = 15_000;

const read = async (room: string, token: string): Promise<Light[]> =>
  (await (await call(`/api/rooms/${encodeURIComponent(room)}/lights`, { token })).json()).lights;

export function Lights({ desk }: { desk: Desk }) {
  const { stage } = useStore(desk.line.view);
  const [lights, setLights] = useState<Light[] | null>(null);
  const state = stage?.room.state ?? "";
  const live = state === "live";
  const before = state === "announced" || state === "doors";
  useEffect(() => {
    if (!before && !live) return;
    let timer = 0;
    let gone = false;
    const look = async () => {
      // What cannot be read stays as it was; that the line is lost the desk says elsewhere.
      await read(desk.room, desk.token).then((l) => gone || setLights(l), () => {});
      if (!gone) timer = setTimeout(look, live ? LOOK_LIVE : LOOK);
    };
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [desk, before, state]);
  if (live) {
    const late = lights?.find((l) => l.name === "publish" && (l.state === "red" || l.state === "amber"));
    return late ? <p class="trouble banner" role="alert" data-testid="publish-late">{sentences(late).filter(Boolean).join(" ")}</p> : null;
  }
  if (!before || !lights) return null;
  return (
    <Panel title={words.title} class="lights">
      <p role="status" data-testid="crowd">{crowd(lights, stage?.listening ?? 0)}</p>
      <ul>{lights.map((l) => <Row key={l.name} light={l} />)}</ul>
    </Panel>
  );
}

function crowd(lights: Light[], seated: number): string {
  const n = seated.toLocaleString(t.lang);
  if (lights.some((l) => l.state === "red")) return words.unsafe(n);
  return lights.find((l) => l.name === "sound")?.state === "green" ? words.safe(n) : words.early;
}

function sentences(light: Light): (string | undefined)[] {
  // Free space is said in GB, everything else as it is counted.
  const n = light.name === "tape" ? (light.n / 1e9).toFixed(0) : light.n.toLocaleString(t.lang);
  return words.say[light.name]?.[light.why]?.(n, (light.of ?? 0).toLocaleString(t.lang)) ?? [light.why];
}

function Row({ light }: { light: Light }) {
  const [sentence, fix] = sentences(light);
  return (
    <li class="light" data-state={light.state} data-testid={`light-${light.name}`}>
      <span class="lamp" role="img" aria-label={words.colours[light.state]} />
      <span class="what">{words.names[light.name]}</span>
      <span>{sentence}{fix && <small>{fix}</small>}</span>
    </li>
  );
}
