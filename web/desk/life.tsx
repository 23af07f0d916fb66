// A room's life at the desk: when it begins, how far it is, and the levers that move it.

import { useEffect, useRef, useState } from "preact/hooks";
import { EditAnnouncement, PeopleFields, peopleOf } from "./announce";
import type { Desk } from "./desk";
import { askEnd, closeDoors, late, type Life, readLife, stay, step } from "./lifeapi";
import { words } from "./lifetext";
import { Panel } from "./parts";
import { useStore } from "./store";
import { t } from "./text";
import { mayDirect } from "./wire";

/** How long an end that was asked for can be taken back, in ms. */
const UNDO = 10_000;
const LATE = 600; // s

/** Asks for the end; the panel then offers to take it back. */
export const endSoon = (desk: Desk) => desk.attempt(() => askEnd(desk.room, desk.token, UNDO));

/** A room's life, read again whenever the stage says that it changed; and the server's time, whatever this machine's clock says. */
export function useLife(desk: Desk): { life: Life | null; now: number; take: (l: Life) => void } {
  const { stage } = useStore(desk.line.view);
  const [life, setLife] = useState<Life | null>(null);
  const [now, setNow] = useState(Date.now());
  const skew = useRef(0);
  const take = (l: Life) => {
    skew.current = l.now_ms - Date.now();
    setNow(l.now_ms);
    setLife((old) => (old && old.revision > l.revision ? old : l));
  };
  const revision = stage?.room.life?.rev ?? 0;
  useEffect(() => {
    // What cannot be read now is read at the next change; the desk says elsewhere that the line is lost.
    readLife(desk.room, desk.token).then(take, () => {});
  }, [desk, revision, stage?.room.state]);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now() + skew.current), 250);
    return () => clearInterval(timer);
  }, []);
  return { life, now, take };
}

export function LifePanel({ desk }: { desk: Desk }) {
  const { stage } = useStore(desk.line.view);
  const { life, now, take } = useLife(desk);
  if (!stage || !life) return null;
  const planned = life.start !== undefined;
  const open = life.state === "doors" || life.state === "live";
  if (!planned && !open && !life.ends_at) return null;
  const said = how(life, now);
  const press = (action: () => Promise<Life>) => () => void desk.attempt(async () => take(await action()));
  return (
    <Panel title={words.title} class="life">
      {life.ends_at && <Ending life={life} now={now} mine={stage.you.role === "host"} back={press(() => stay(desk.room, desk.token))} />}
      {planned && <p class="start" data-testid="life-start">{words.when(new Date(life.start!))}</p>}
      {said && <p data-testid="life-state">{said}</p>}
      {planned && mayDirect(stage.you.role) && <Levers desk={desk} life={life} press={press} />}
      {planned && mayDirect(stage.you.role) && ["draft", "announced", "doors"].includes(life.state) && <EditAnnouncement desk={desk} life={life} take={take} />}
      {open && mayDirect(stage.you.role) && <DoorsForm desk={desk} life={life} seated={stage.listening} take={take} />}
    </Panel>
  );
}

function Ending(p: { life: Life; now: number; mine: boolean; back: () => void }) {
  const left = Math.max(0, Math.ceil((Date.parse(p.life.ends_at!) - p.now) / 1000));
  return (
    <div class="ending banner trouble" role="alert">
      <p data-testid="ending">{words.ending(left)}</p>
      {p.mine && <button type="button" class="main" data-testid="stay" onClick={p.back}>{words.stay}</button>}
    </div>
  );
}

/** Where it is, in a few sentences. */
function how(life: Life, now: number): string {
  const said: string[] = [];
  const before = ["draft", "announced", "doors"].includes(life.state);
  if (life.state === "draft") said.push(words.draft);
  if (before && life.start) {
    const left = Date.parse(life.start) - now;
    said.push(left > 0 ? words.begins(clock(left)) : words.overdue(clock(-left)), life.by_clock ? words.byClock : words.byButton);
  }
  if (life.state === "announced" && life.doors) said.push(words.doorsAt(new Date(life.doors)));
  if (life.state === "doors" && life.start) said.push(words.doorsOpen);
  if (life.live_at) said.push(words.liveSince(new Date(life.live_at)));
  if (life.first_word_ms !== undefined) {
    const s = (Math.abs(life.first_word_ms) / 1000).toFixed(1);
    said.push(life.first_word_ms < 0 ? words.earlyWord(s) : words.firstWord(s));
  }
  return said.join(" ");
}

/** 3:07, or 2:03:07, or 4 days 2:03:07. */
function clock(ms: number): string {
  const s = Math.max(0, Math.ceil(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const short = s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600) % 24}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return s < 86_400 ? short : `${words.days(Math.floor(s / 86_400))} ${short}`;
}

function Levers({ desk, life, press }: { desk: Desk; life: Life; press: (action: () => Promise<Life>) => () => void }) {
  const lever = (id: string, label: string, action: () => Promise<Life>, main = false) => (
    <button type="button" class={main ? "main" : ""} data-testid={id} onClick={press(action)}>{label}</button>
  );
  const to = (state: "announced" | "doors" | "live") => () => step(desk.room, desk.token, state);
  if (!["draft", "announced", "doors"].includes(life.state)) return null;
  return (
    <>
      <div class="row">
        {life.state === "draft" && lever("announce", words.announce, to("announced"), true)}
        {life.state === "announced" && lever("open-doors", words.openDoors, to("doors"), true)}
        {life.state === "doors" && lever("go-live", words.goLive, to("live"), true)}
        {lever("late", words.late, () => late(desk.room, desk.token, LATE, life.revision))}
      </div>
      <p class="hint">{words.lateHint}</p>
    </>
  );
}

/** The doors, for newcomers: open, or closed at a number of seats, with a word for who comes too late. */
function DoorsForm(p: { desk: Desk; life: Life; seated: number; take: (l: Life) => void }) {
  const { desk, life, take } = p;
  const set = (at: number, notice: string, hold: boolean) => void desk.attempt(async () => take(await closeDoors(desk.room, desk.token, at, notice, hold)));
  if (life.closed_at) {
    return (
      <div class="row">
        <p data-testid="doors-closed">{words.closed(life.closed_at.toLocaleString(t.lang))}</p>
        <button type="button" data-testid="reopen" onClick={() => set(0, life.notice ?? "", life.hold_replay ?? false)}>{words.reopen}</button>
      </div>
    );
  }
  const submit = (e: SubmitEvent & { currentTarget: HTMLFormElement }) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget);
    set(Number(form.get("closed_at")), String(form.get("notice")), form.get("hold") === "on");
  };
  return (
    <details class="plan">
      <summary data-testid="closing">{words.closing}</summary>
      <form onSubmit={submit}>
        <label class="field">
          <span>{words.closedAt}</span>
          <input name="closed_at" type="number" inputMode="numeric" required min={1} max={1e9} step={1} defaultValue={String(Math.max(1, p.seated))} data-testid="closed-at" />
        </label>
        <label class="field">
          <span>{words.notice}</span>
          <input name="notice" maxLength={200} placeholder={words.noticeExample} defaultValue={life.notice ?? ""} autocomplete="off" data-testid="notice" />
        </label>
        <label class="switch">
          <input type="checkbox" name="hold" defaultChecked={life.hold_replay ?? false} data-testid="hold-replay" />
          <span>{words.hold}<small>{words.holdHint}</small></span>
        </label>
        <button type="submit" data-testid="close-doors">{words.close}</button>
      </form>
    </details>
  );
}

/** What a form says of a plan; empty: the room is opened at once. */
export function planOf(form: FormData): Record<string, unknown> {
  const start = String(form.get("start") ?? "");
  if (!start) return {};
  return {
    start,
    zone: ZONE,
    lead_s: 60 * Number(form.get("lead")),
    by_clock: form.get("by_clock") === "on",
    description: String(form.get("description") ?? ""),
    people: peopleOf(form),
  };
}

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Part of the form of a new room: left closed, its doors open at once. */
export function PlanFields() {
  return (
    <details class="plan">
      <summary data-testid="room-plan">{words.plan}</summary>
      <label class="field">
        <span>{words.start}</span>
        <input name="start" type="datetime-local" data-testid="room-start" />
        <small>{words.zone(ZONE)}</small>
      </label>
      <label class="field">
        <span>{words.lead}</span>
        <input name="lead" type="number" inputMode="numeric" min={0} max={1440} step={1} value={15} data-testid="room-lead" />
      </label>
      <label class="switch">
        <input type="checkbox" name="by_clock" defaultChecked data-testid="room-by-clock" />
        <span>{words.clock}<small>{words.clockHint}</small></span>
      </label>
      <label class="field">
        <span>{words.description}</span>
        <textarea name="description" rows={4} maxLength={1000} data-testid="room-description" />
      </label>
      <PeopleFields />
    </details>
  );
}
