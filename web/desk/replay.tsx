// What a host makes of the replay of a room that has ended: title, bounds, chapters, whether it is heard.

import { useEffect, useState } from "preact/hooks";
import { ChapterList } from "./chapters";
import { changeChapter, chapters as listChapters, dropCaptions, dropChapter, editReplay, FRAMES_PER_SECOND, putCaptions, readReplay, readTracks, type Chapter, type Replay, type Tracks } from "./replayapi";
import { r } from "./replaytext";
import { t } from "./text";
import { sentence } from "./trouble";
import type { Room } from "./wire";

/** 1:02:03 for 3723 seconds; tenths where there are any. */
function shown(seconds: number): string {
  const tenths = Math.round(seconds * 10);
  const s = Math.floor(tenths / 10), h = Math.floor(s / 3600);
  const two = (n: number) => String(n).padStart(2, "0");
  const text = h ? `${h}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
  return tenths % 10 ? `${text}.${tenths % 10}` : text;
}

/** Seconds of such a time; NaN where it is none. */
export function seconds(text: string): number {
  const parts = /^\s*(?:(\d+):)?(\d+):(\d{1,2}(?:[.,]\d+)?)\s*$/.exec(text);
  if (!parts) return NaN;
  return Number(parts[1] ?? 0) * 3600 + Number(parts[2]) * 60 + Number(parts[3]!.replace(",", "."));
}

/** The form is asked for first: most rooms are left as they are. */
export function EditReplay({ room, posted }: { room: Room; posted: (yes: boolean) => void }) {
  const [replay, setReplay] = useState<Replay | null>(null);
  const [marks, setMarks] = useState<Chapter[]>([]);
  const [word, setWord] = useState({ text: "", bad: false });
  const attempt = async (action: () => Promise<unknown>, done = r.saved) => {
    try {
      await action();
      setWord({ text: done, bad: false });
    } catch (e) {
      setWord({ text: sentence(e), bad: true });
    }
  };
  const look = async () => {
    const [found, all] = await Promise.all([readReplay(room.id), listChapters(room.id)]);
    setReplay(found);
    setMarks(all);
  };
  const open = (e: { currentTarget: HTMLDetailsElement }) => e.currentTarget.open && !replay && void attempt(look, "");
  return (
    <details class="edit-replay" onToggle={open} data-testid={`edit-${room.id}`}>
      <summary aria-label={r.editOf(room.title)}>{r.edit}</summary>
      {replay && (
        <>
          <ReplayForm
            key={replay.revision}
            replay={replay}
            bad={() => setWord({ text: r.badTime, bad: true })}
            save={(change) => attempt(async () => setReplay(await editReplay(room.id, { ...change, revision: replay.revision })))}
          />
          <Marks room={room} replay={replay} marks={marks} attempt={(action) => attempt(async () => (await action(), await look()))} bad={() => setWord({ text: r.badTime, bad: true })} />
          {replay.tape && <Captions room={room} attempt={attempt} />}
          {room.tracks && <TrackList room={room} attempt={attempt} />}
          <div class="row">
            <button
              type="button"
              class={replay.posted ? "danger" : "main"}
              data-testid={`posted-${room.id}`}
              onClick={() =>
                attempt(async () => {
                  const next = await editReplay(room.id, { posted: !replay.posted });
                  setReplay(next);
                  posted(next.posted);
                })
              }
            >
              {replay.posted ? r.withdraw : r.post}
            </button>
            {replay.posted && <span class="hint">{r.withdrawHint}</span>}
          </div>
        </>
      )}
      <p class={word.bad ? "trouble" : "hint"} role={word.bad ? "alert" : "status"} data-testid={`edit-word-${room.id}`}>{word.text}</p>
    </details>
  );
}

function ReplayForm({ replay, save, bad }: { replay: Replay; save: (change: Partial<Replay>) => void; bad: () => void }) {
  const [first, last] = replay.tape ?? [0, 0];
  const time = (frame: number) => shown((frame - first) / FRAMES_PER_SECOND);
  const submit = (e: SubmitEvent & { currentTarget: HTMLFormElement }) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget);
    const change: Partial<Replay> = { title: String(form.get("title")), clips: form.get("clips") === "on" };
    if (replay.tape) {
      const from = seconds(String(form.get("from"))), to = seconds(String(form.get("to")));
      if (Number.isNaN(from) || Number.isNaN(to)) return bad();
      const [a, b] = [first + Math.round(from * FRAMES_PER_SECOND), first + Math.round(to * FRAMES_PER_SECOND)];
      // What is shown is rounded: who leaves an end as it is means all of it.
      change.from = String(form.get("from")) === time(replay.from || first) ? replay.from : a <= first ? 0 : a;
      change.to = String(form.get("to")) === time(replay.to || last) ? replay.to : b >= last ? 0 : b;
    }
    save(change);
  };
  return (
    <form onSubmit={submit}>
      <label class="field">
        <span>{r.title}</span>
        <input name="title" defaultValue={replay.title} required maxLength={120} autocomplete="off" data-testid="replay-title" />
      </label>
      {replay.tape ? (
        <div class="row ends">
          <label class="field">
            <span>{r.from}</span>
            <input name="from" defaultValue={time(replay.from || first)} required autocomplete="off" data-testid="replay-from" />
          </label>
          <label class="field">
            <span>{r.to}</span>
            <input name="to" defaultValue={time(replay.to || last)} required autocomplete="off" data-testid="replay-to" />
          </label>
        </div>
      ) : (
        <p class="hint">{r.noTape}</p>
      )}
      {replay.tape && <p class="hint">{r.bounds(time(last))}</p>}
      <label class="switch">
        <input type="checkbox" name="clips" defaultChecked={replay.clips} data-testid="replay-clips" />
        <span>{r.clips}</span>
      </label>
      <button type="submit" data-testid="replay-save">{r.save}</button>
    </form>
  );
}

/** A file in the place of the captions of one language. A refusal says in which line it cannot be taken. */
function Captions({ room, attempt }: { room: Room; attempt: (action: () => Promise<unknown>, done?: string) => void }) {
  const [lang, setLang] = useState(room.lang);
  return (
    <>
      <h3>{r.captions}</h3>
      <p class="hint">{r.captionsHint}</p>
      <div class="row ends">
        <label class="field">
          <span>{r.captionsLanguage}</span>
          <input value={lang} maxLength={16} autocomplete="off" data-testid="captions-lang" onInput={(e) => setLang(e.currentTarget.value)} />
        </label>
        <label class="field">
          <span>{r.captionsFile}</span>
          <input
            type="file"
            accept=".vtt,text/vtt"
            data-testid="captions-file"
            onChange={(e) => {
              const file = e.currentTarget.files?.[0];
              e.currentTarget.value = "";
              if (file) attempt(() => putCaptions(room.id, lang, file));
            }}
          />
        </label>
        <button type="button" data-testid="captions-drop" onClick={() => attempt(() => dropCaptions(room.id, lang))}>{r.captionsDrop}</button>
      </div>
    </>
  );
}

/** The speakers' own tracks to download. */
function TrackList({ room, attempt }: { room: Room; attempt: (action: () => Promise<unknown>, done?: string) => void }) {
  const [found, setFound] = useState<Tracks | null>(null);
  const look = () => attempt(async () => setFound(await readTracks(room.id)), "");
  useEffect(() => { look(); }, [room.id]);
  return (
    <>
      <h4>{r.tracks}</h4>
      {found?.zip_url ? (
        <>
          <p class="hint">{r.tracksHint}</p>
          <ul data-testid={`tracks-${room.id}`}>
            {found.tracks.map((track) => (
              <li key={track.person}>
                <a href={track.url} download>{track.name || track.person}</a> <small>{(track.bytes / 1e6).toLocaleString(t.lang, { maximumFractionDigits: 1 })} MB</small>
              </li>
            ))}
          </ul>
          <a class="button" href={found.zip_url} download data-testid={`tracks-zip-${room.id}`}>{r.tracksAll}</a>
        </>
      ) : (
        found && (
          <div class="row">
            <span class="hint">{r.tracksWait}</span>
            <button type="button" onClick={look}>{r.tracksLook}</button>
          </div>
        )
      )}
    </>
  );
}

function Marks(p: { room: Room; replay: Replay; marks: Chapter[]; attempt: (action: () => Promise<unknown>) => void; bad: () => void }) {
  const first = p.replay.tape?.[0] ?? 0;
  if (p.marks.length === 0) return null;
  const move = (c: Chapter, time: string) => {
    const at = seconds(time);
    if (Number.isNaN(at)) return p.bad();
    p.attempt(() => changeChapter(p.room.id, c.id, { at: first + Math.round(at * FRAMES_PER_SECOND) }));
  };
  return (
    <>
      <h3>{r.chapters}</h3>
      <ChapterList
        chapters={p.marks}
        time={(c) => shown(Math.max(0, c.at - first) / FRAMES_PER_SECOND)}
        change={(c, title) => p.attempt(() => changeChapter(p.room.id, c.id, { title }))}
        move={move}
        drop={(c) => p.attempt(() => dropChapter(p.room.id, c.id))}
      />
    </>
  );
}
