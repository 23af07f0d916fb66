// The host's home: claim the server, name a room, open its desk.

import { useEffect, useState } from "preact/hooks";
import { amHost, claim, createRoom, feed, rooms } from "./api";
import { VisibilityField } from "./announce";
import { PlanFields, planOf } from "./life";
import { Brand, CopyText, Notice, Panel } from "./parts";
import { TapeChoice, TapeRow } from "./tape";
import { r } from "./replaytext";
import { t } from "./text";
import { takeHash } from "./token";
import { sentence } from "./trouble";
import type { Room } from "./wire";

/** Languages offered for a conversation, by their tags; the browser knows their names. */
const LANGUAGES = ["en", "fr", "ar", "de", "el", "es", "fa", "hi", "it", "ja", "ko", "nl", "pl", "pt", "ro", "ru", "sv", "tr", "uk", "zh"];

const CLAIM = "claim=";

export function Home() {
  const [secret, setSecret] = useState(() => {
    const hash = takeHash();
    return hash.startsWith(CLAIM) ? hash.slice(CLAIM.length) : "";
  });
  const [host, setHost] = useState<boolean | null>(null);
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    amHost().then(setHost, (e) => setTrouble(sentence(e)));
  }, []);

  if (host) return <Rooms />;
  if (secret) return <Claim secret={secret} onHost={() => (setSecret(""), setHost(true))} />;
  if (trouble) return <Notice title={t.refused} text={trouble} />;
  if (host === null) return <p class="loading">{t.loading}</p>;
  return (
    <Notice title={t.notHost} text={t.notHostText}>
      <code data-testid="not-host">epidaurus host-link</code>
    </Notice>
  );
}

/** Waits for a press: a preview that follows the link does not use it up. */
function Claim(p: { secret: string; onHost: () => void }) {
  const [trouble, setTrouble] = useState("");
  const press = () => claim(p.secret).then(p.onHost, (e) => setTrouble(sentence(e)));
  return (
    <Notice title={t.claimTitle} text={t.claimText}>
      <button type="button" class="main" data-testid="claim" onClick={press}>{t.claim}</button>
      <p class="trouble" role="alert" data-testid="trouble">{trouble}</p>
    </Notice>
  );
}

function Rooms() {
  const [list, setList] = useState<Room[] | null>(null);
  const [trouble, setTrouble] = useState("");
  const [address, setAddress] = useState("");
  useEffect(() => {
    rooms().then(setList, (e) => setTrouble(sentence(e)));
    feed().then(setAddress, () => {}); // it comes with the next opening
  }, []);
  return (
    <div class="home">
      <header class="top">
        <Brand />
      </header>
      <div class="columns">
        <Panel title={t.home} class="rooms" first>
          {trouble && <p class="trouble" role="alert">{trouble}</p>}
          {list?.length === 0 && <p class="hint">{t.noRooms}</p>}
          <ul>{list?.toSorted(newestFirst).map((one) => <RoomRow key={one.id} room={one} />)}</ul>
          {address && (
            <details>
              <summary>{r.feed}</summary>
              <CopyText label={r.feed} text={address} testid="feed" />
              <p class="hint">{r.feedHint}</p>
            </details>
          )}
        </Panel>
        <NewRoom />
      </div>
    </div>
  );
}

const newestFirst = (a: Room, b: Room) => b.created_at.localeCompare(a.created_at);

function RoomRow({ room }: { room: Room }) {
  const ended = room.state === "ended";
  return (
    <li class="room" data-testid={`room-${room.id}`}>
      <div class="row">
        <div>
          <h2 lang={room.lang}>{room.title}</h2>
          <span class="note">{t.madeOn(new Date(room.created_at))}</span>
        </div>
        <span class={`chip ${room.state}`}>{t.state[room.state]}</span>
        {!ended && (
          <a class="button" href={`/desk/${encodeURIComponent(room.id)}`} data-testid="open-desk" data-room={room.id} aria-label={`${t.openDesk}: ${room.title}`}>
            {t.openDesk}
          </a>
        )}
      </div>
      {ended && <TapeRow room={room} />}
      {!ended && <CopyText label={`${t.listenersLink}: ${room.title}`} text={room.listen_url} testid={`listen-${room.id}`} />}
    </li>
  );
}

function NewRoom() {
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (e: SubmitEvent & { currentTarget: HTMLFormElement }) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget);
    setBusy(true);
    try {
      const room = await createRoom(String(form.get("title")), String(form.get("lang")), form.get("low_delay") === "on", Number(form.get("expect")), form.get("tape") === "on", String(form.get("visibility")), Number(form.get("whep")), planOf(form));
      location.assign(`/desk/${encodeURIComponent(room.id)}`);
    } catch (e) {
      setTrouble(sentence(e));
      setBusy(false);
    }
  };
  const names = new Intl.DisplayNames([t.lang], { type: "language" });
  return (
    <Panel title={t.newRoom}>
      <form onSubmit={submit}>
        <label class="field">
          <span>{t.title}</span>
          <input name="title" required maxLength={120} placeholder={t.titleExample} autocomplete="off" data-testid="room-title" />
        </label>
        <label class="field">
          <span>{t.language}</span>
          <select name="lang" data-testid="room-lang">
            {LANGUAGES.map((tag) => <option key={tag} value={tag} selected={tag === t.lang}>{names.of(tag)}</option>)}
          </select>
        </label>
        <label class="field">
          <span>{t.expect}</span>
          <input name="expect" type="number" inputMode="numeric" min={0} max={1e9} step={1} placeholder={t.expectExample} autocomplete="off" data-testid="room-expect" />
          <small>{t.expectHint}</small>
        </label>
        <label class="field">
          <span>{t.whep}</span>
          <input name="whep" type="number" inputMode="numeric" min={0} max={100000} step={1} placeholder={t.whepExample} autocomplete="off" data-testid="room-whep" />
          <small>{t.whepHint}</small>
        </label>
        <VisibilityField />
        <PlanFields />
        <TapeChoice />
        <label class="switch">
          <input type="checkbox" name="low_delay" data-testid="room-low-delay" />
          <span>{t.lowDelay}<small>{t.lowDelayHint}</small></span>
        </label>
        <button type="submit" class="main" disabled={busy} data-testid="room-create">{t.create}</button>
        <p class="trouble" role="alert" data-testid="trouble">{trouble}</p>
      </form>
    </Panel>
  );
}
