// What is announced of a room, and who may hear it: parts of the form of a new room, and panels of the desk.

import { useEffect, useState } from "preact/hooks";
import { access, addSeat, addSeats, announce, type Access, type Billed, type Seat, seats, setAccess, setPicture, type Visibility, withdrawSeat, withdrawSeats } from "./announceapi";
import { a } from "./announcetext";
import type { Desk } from "./desk";
import type { Life } from "./lifeapi";
import { CopyText, Panel, TwoStep } from "./parts";
import { useStore } from "./store";
import { t } from "./text";
import { mayDirect } from "./wire";

const KINDS: Visibility[] = ["unlisted", "public", "invited"];
const MAX_SHOWN = 200;

/** Part of the form of a new room. */
export function VisibilityField({ now }: { now?: Visibility }) {
  return (
    <label class="field">
      <span>{a.visibility}</span>
      <select name="visibility" data-testid="room-visibility">
        {KINDS.map((k) => <option key={k} value={k} selected={k === (now ?? "unlisted")}>{a.kinds[k]}</option>)}
      </select>
    </label>
  );
}

/** Hosts and expected guests, as lines that people write. */
export function PeopleFields({ people }: { people?: Billed[] }) {
  const lines = (host: boolean) => (people ?? []).filter((p) => !!p.host === host).map((p) => (p.about ? `${p.name} – ${p.about}` : p.name)).join("\n");
  return (
    <>
      <label class="field">
        <span>{a.hosts}</span>
        <textarea name="hosts" rows={2} placeholder={a.peopleExample} defaultValue={lines(true)} data-testid="room-hosts" />
      </label>
      <label class="field">
        <span>{a.guests}</span>
        <textarea name="guests" rows={3} placeholder={a.peopleExample} defaultValue={lines(false)} data-testid="room-guests" />
      </label>
    </>
  );
}

/** What such a form says of people. */
export function peopleOf(form: FormData): Billed[] {
  const of = (name: string, host: boolean) =>
    String(form.get(name) ?? "").split("\n").map((line) => line.trim()).filter(Boolean).map((line): Billed => {
      const [who = "", ...about] = line.split(/\s+[–—-]\s+/);
      return { name: who, about: about.join(" – "), host };
    });
  return [...of("hosts", true), ...of("guests", false)];
}

/** Changes what was announced. Of two who save at once the second is told, and keeps what was typed. */
export function EditAnnouncement({ desk, life, take }: { desk: Desk; life: Life; take: (l: Life) => void }) {
  const [opened, setOpened] = useState<Life | null>(null);
  const [said, setSaid] = useState("");
  const submit = async (e: SubmitEvent & { currentTarget: HTMLFormElement }) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget);
    setSaid("");
    await desk.attempt(async () => {
      const now = await announce(desk.room, desk.token, {
        title: String(form.get("title")), description: String(form.get("description")), people: peopleOf(form), revision: opened!.revision,
      });
      take(now);
      setOpened(now);
      setSaid(a.saved);
    });
  };
  return (
    <details class="plan" onToggle={(e) => setOpened(e.currentTarget.open ? life : null)}>
      <summary data-testid="edit-announcement">{a.edit}</summary>
      {opened && (
        <form onSubmit={submit}>
          <label class="field">
            <span>{a.title}</span>
            <input name="title" required maxLength={120} defaultValue={opened.title ?? ""} autocomplete="off" data-testid="edit-title" />
          </label>
          <PeopleFields people={opened.people ?? []} />
          <label class="field">
            <span>{a.description}</span>
            <textarea name="description" rows={4} maxLength={1000} defaultValue={opened.description ?? ""} data-testid="edit-description" />
          </label>
          <button type="submit" data-testid="edit-save">{a.save}</button>
          <p class="hint" role="status">{said}</p>
        </form>
      )}
      <PictureField desk={desk} has={!!life.picture} take={take} />
    </details>
  );
}

function PictureField({ desk, has, take }: { desk: Desk; has: boolean; take: (l: Life) => void }) {
  const [said, setSaid] = useState("");
  const set = (file: File | null) =>
    desk.attempt(async () => {
      take(await setPicture(desk.room, desk.token, file));
      setSaid(file ? a.pictureSet : "");
    });
  return (
    <div>
      <label class="field">
        <span>{a.picture}</span>
        <input type="file" accept="image/png,image/jpeg" data-testid="picture" onChange={(e) => void (e.currentTarget.files?.[0] && set(e.currentTarget.files[0]))} />
        <small>{a.pictureHint}</small>
      </label>
      {has && <button type="button" class="quiet" data-testid="picture-drop" onClick={() => void set(null)}>{a.dropPicture}</button>}
      <p class="hint" role="status">{said}</p>
    </div>
  );
}

/** Who may listen, and invitations for them. */
export function AccessPanel({ desk }: { desk: Desk }) {
  const { stage } = useStore(desk.line.view);
  const [now, setNow] = useState<Access | null>(null);
  const revision = stage?.room.life?.rev ?? 0;
  useEffect(() => {
    access(desk.room, desk.token).then(setNow, () => {}); // comes with the next change
  }, [desk, revision]);
  if (!stage || !now || !mayDirect(stage.you.role)) return null;
  const submit = (e: SubmitEvent & { currentTarget: HTMLFormElement }) => {
    e.preventDefault();
    const kind = new FormData(e.currentTarget).get("visibility") as Visibility;
    void desk.attempt(async () => setNow(await setAccess(desk.room, desk.token, kind, now.revision)));
  };
  return (
    <Panel title={a.visibility} note={a.short[now.visibility]} class="access">
      {now.notice && <p class="trouble" role="alert" data-testid="access-notice">{now.notice}</p>}
      {stage.you.role === "host" && (
        <form key={now.visibility} onSubmit={submit}>
          <VisibilityField now={now.visibility} />
          <button type="submit" data-testid="access-change">{a.change}</button>
          <p class="hint">{a.changed}</p>
        </form>
      )}
      {now.visibility === "invited" && <Invitations desk={desk} now={now} />}
    </Panel>
  );
}

function Invitations({ desk, now }: { desk: Desk; now: Access }) {
  const [made, setMade] = useState<Seat[]>([]);
  const [all, setAll] = useState<Seat[]>([]);
  const [said, setSaid] = useState("");
  const [change, setChange] = useState(0);
  useEffect(() => {
    seats(desk.room, desk.token).then(setAll, () => {}); // comes with the next one
  }, [desk, change, now.revision]);
  const again = () => setChange((n) => n + 1);
  const one = (e: SubmitEvent & { currentTarget: HTMLFormElement }) => {
    e.preventDefault();
    const form = e.currentTarget;
    const data = new FormData(form);
    void desk.attempt(async () => {
      const seat = await addSeat(desk.room, desk.token, String(data.get("name")).trim(), Number(data.get("seats")));
      setMade((list) => [seat, ...list]);
      form.reset();
      again();
    });
  };
  const many = (e: SubmitEvent & { currentTarget: HTMLFormElement }) => {
    e.preventDefault();
    const lines = String(new FormData(e.currentTarget).get("names")).split("\n").map((l) => l.trim()).filter(Boolean);
    const count = lines.length === 1 && /^\d+$/.test(lines[0]!) ? Number(lines[0]) : 0;
    void desk.attempt(async () => {
      save(await addSeats(desk.room, desk.token, count ? [] : lines, count), `${desk.room}-seats.csv`);
      setSaid(a.made((count || lines.length).toLocaleString(t.lang)));
      again();
    });
  };
  const good = all.filter((s) => !s.revoked);
  return (
    <>
      <h3>{a.invite}</h3>
      <form class="invite" onSubmit={one}>
        <label class="field">
          <span>{a.name}</span>
          <input name="name" maxLength={40} autocomplete="off" data-testid="seat-name" />
        </label>
        <label class="field">
          <span>{a.devices}</span>
          <input name="seats" type="number" inputMode="numeric" min={1} max={1000} step={1} defaultValue="2" data-testid="seat-count" />
        </label>
        <button type="submit" data-testid="seat-make">{a.make}</button>
      </form>
      <div aria-live="polite">
        {made.map((s) => (
          <div key={s.seat} class="made">
            <CopyText label={a.linkFor(s.name ?? "")} text={s.url ?? ""} testid="seat-link" />
            <CopyText label={a.radio} text={s.player_url ?? ""} testid="seat-player" />
            <p class="hint">{a.linkHint}</p>
          </div>
        ))}
      </div>
      <details class="plan">
        <summary data-testid="seats-many">{a.many}</summary>
        <form onSubmit={many}>
          <label class="field">
            <span>{a.names}</span>
            <textarea name="names" rows={4} required data-testid="seats-names" />
          </label>
          <button type="submit" data-testid="seats-download">{a.download}</button>
          <p class="hint" role="status" data-testid="seats-made">{said}</p>
        </form>
      </details>
      {all.length > 0 && (
        <details class="plan">
          <summary data-testid="seats-list">{a.list(good.length.toLocaleString(t.lang))}</summary>
          {good.slice(0, MAX_SHOWN).map((s) => (
            <div key={s.seat} class="offstage">
              <span>{s.name || `${a.nobody} · ${s.seat}`}</span>
              <TwoStep
                label={a.withdraw}
                spoken={a.withdrawOf(s.name || s.seat)}
                ask={a.withdrawAsk(s.name || s.seat)}
                yes={a.withdrawYes}
                testid={`seat-withdraw-${s.seat}`}
                act={() => void desk.attempt(() => withdrawSeat(desk.room, desk.token, s.seat)).then(again)}
              />
            </div>
          ))}
          <TwoStep label={a.withdrawAll} ask={a.withdrawAllAsk} yes={a.withdrawYes} testid="seats-withdraw-all" act={() => void desk.attempt(() => withdrawSeats(desk.room, desk.token)).then(again)} />
        </details>
      )}
    </>
  );
}

/** Gives a file to the browser to keep. */
function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
