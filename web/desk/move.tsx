// Taking a room elsewhere: its listeners to another room, while they listen, and its team with them; and the run-through before the evening.

import { useEffect, useState } from "preact/hooks";
import { rooms } from "./api";
import type { Desk } from "./desk";
import { useLife } from "./life";
import { type Life, readLife } from "./lifeapi";
import { deleteRun, endNow, type Follow, moveTo, remain, runs, startRun } from "./moveapi";
import { words } from "./movetext";
import { CopyText, Panel, TwoStep } from "./parts";
import { useStore } from "./store";
import type { Room } from "./wire";

/** How long an order to move can be taken back, in ms. */
const UNDO = 10_000;
/** Where the server does not know yet where one goes on, it is asked again after so long, in ms. */
const AGAIN = 2000;

/** A run-through's listeners have a token behind the room's name. */
export const isRun = (listenURL: string) => listenURL.includes("~");

/** Calls go when the room goes on elsewhere: because its listeners were moved, or because it was a run-through, and is over. */
export function useFollow(desk: Desk, go: (f: Follow) => void): void {
  const { stage, end } = useStore(desk.line.view);
  const moved = stage?.room.life?.moved !== undefined;
  const over = end?.why === "ended" && stage !== null && isRun(stage.room.listen_url);
  useEffect(() => {
    if (!moved && !over) return;
    let timer = 0;
    let gone = false;
    const look = async () => {
      const life = await readLife(desk.room, desk.token).catch(() => null);
      if (gone) return;
      if (life?.follow) return go(life.follow);
      // To another cluster nobody is led: the desk says where it is.
      if (!life || (moved && life.moved_to?.startsWith("/"))) timer = window.setTimeout(look, AGAIN);
    };
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [desk, moved, over]);
}

export function MovePanel({ desk }: { desk: Desk }) {
  const { stage } = useStore(desk.line.view);
  const { life, now, take } = useLife(desk);
  if (!stage || !life || isRun(stage.room.listen_url)) return null;
  const press = (action: () => Promise<Life>) => () => void desk.attempt(async () => take(await action()));
  if (life.moved_to) {
    return (
      <Panel title={words.move}>
        <p data-testid="moved">{words.moved(life.moved_to)} {words.still(stage.listening)}</p>
      </Panel>
    );
  }
  const mine = stage.you.role === "host";
  if (life.relocate) {
    const left = Math.max(0, Math.ceil((Date.parse(life.relocate.at) - now) / 1000));
    return (
      <div class="ending banner trouble" role="alert">
        <p data-testid="moving">{words.moving(life.relocate.to, left)}</p>
        {mine && <button type="button" class="main" data-testid="remain" onClick={press(() => remain(desk.room, desk.token))}>{words.back}</button>}
      </div>
    );
  }
  if (!mine || (life.state !== "doors" && life.state !== "live")) return null;
  return <MoveForm desk={desk} life={life} take={take} />;
}

function MoveForm({ desk, life, take }: { desk: Desk; life: Life; take: (l: Life) => void }) {
  const [mine, setMine] = useState<Room[]>([]);
  const look = (e: Event & { currentTarget: HTMLDetailsElement }) => {
    if (!e.currentTarget.open) return;
    // Who was handed the room has no rooms of his own here: the address is left.
    rooms().then((all) => setMine(all.filter((r) => r.id !== desk.room && (r.state === "doors" || r.state === "live"))), () => {});
  };
  const submit = (e: SubmitEvent & { currentTarget: HTMLFormElement }) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget);
    const to = String(form.get("address") ?? "").trim() || String(form.get("room") ?? "");
    void desk.attempt(async () => take(await moveTo(desk.room, desk.token, to, UNDO, life.revision)));
  };
  return (
    <Panel title={words.move}>
      <details class="plan" onToggle={look}>
        <summary data-testid="move">{words.move}</summary>
        <form onSubmit={submit}>
          <p class="hint">{words.moveHint}</p>
          <label class="field">
            <span>{words.room}</span>
            <select name="room" data-testid="move-room">
              <option value="">{words.choose}</option>
              {mine.map((r) => <option key={r.id} value={r.id} lang={r.lang}>{r.title}</option>)}
            </select>
          </label>
          <label class="field">
            <span>{words.address}</span>
            <input name="address" type="url" maxLength={256} placeholder="https://other.example/r/harbour-k3f9x2" autocomplete="off" data-testid="move-address" />
          </label>
          <button type="submit" data-testid="move-go">{words.go}</button>
        </form>
      </details>
    </Panel>
  );
}

/** Before the doors: a run-through, and what was recorded of those before. In one: that it is one, and the way out. */
export function RunPanel({ desk, go }: { desk: Desk; go: (f: Follow) => void }) {
  const { stage } = useStore(desk.line.view);
  if (!stage) return null;
  if (isRun(stage.room.listen_url)) return <Within desk={desk} listen={stage.room.listen_url} host={stage.you.role === "host"} />;
  const { state, life } = stage.room;
  if (state !== "draft" && state !== "announced" && stage.you.role !== "host") return null;
  const join = () => void desk.attempt(async () => {
    const { follow } = await readLife(desk.room, desk.token);
    if (follow) go(follow);
  });
  const begin = () => void desk.attempt(async () => {
    const { follow } = await startRun(desk.room, desk.token);
    if (follow) go(follow);
  });
  const before = state === "draft" || state === "announced";
  return (
    <>
      {before && life?.run && (
        <Panel title={words.run}>
          <div class="row">
            <p role="status" data-testid="run-on">{words.goesOn}</p>
            <button type="button" class="main" data-testid="run-join" onClick={join}>{words.join}</button>
          </div>
        </Panel>
      )}
      {before && !life?.run && stage.you.role === "host" && (
        <Panel title={words.run}>
          <p class="hint">{words.runHint}</p>
          <button type="button" data-testid="run-start" onClick={begin}>{words.start}</button>
        </Panel>
      )}
      {stage.you.role === "host" && <Recordings desk={desk} run={life?.run ?? ""} />}
    </>
  );
}

function Within({ desk, listen, host }: { desk: Desk; listen: string; host: boolean }) {
  return (
    <Panel title={words.run}>
      <p class="trouble" role="status" data-testid="run-only">{words.only}</p>
      <CopyText label={words.link} text={listen} testid="run-link" />
      <p class="hint">{words.linkHint}</p>
      {host && <TwoStep label={words.end} ask={words.endAsk} yes={words.endYes} testid="run-end" act={() => void desk.attempt(() => endNow(desk.room, desk.token))} />}
    </Panel>
  );
}

function Recordings({ desk, run }: { desk: Desk; run: string }) {
  const [all, setAll] = useState<Room[]>([]);
  const [change, setChange] = useState(0);
  useEffect(() => {
    runs(desk.room, desk.token).then((list) => setAll(list.filter((r) => r.state === "ended")), () => {}); // comes with the next look
  }, [desk, run, change]);
  if (all.length === 0) return null;
  return (
    <Panel title={words.recordings}>
      {all.map((r) => {
        const when = words.when(new Date(r.created_at));
        return (
          <div key={r.id} class="row" data-testid={`run-${r.id}`}>
            <span>{when}</span>
            {r.tape === "on" && <a class="button" href={r.listen_url} aria-label={`${words.hear}: ${when}`}>{words.hear}</a>}
            <TwoStep
              label={words.remove}
              spoken={words.removeOf(when)}
              ask={words.removeAsk}
              yes={words.removeYes}
              testid={`run-delete-${r.id}`}
              act={() => void desk.attempt(() => deleteRun(desk.room, desk.token, r.id)).then(() => setChange((n) => n + 1))}
            />
          </div>
        );
      })}
    </Panel>
  );
}
