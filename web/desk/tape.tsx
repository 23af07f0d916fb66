// What a host decides about the tape: whether there is one, and when it is deleted.

import { useState } from "preact/hooks";
import { deleteTape } from "./api";
import { post } from "./lifeapi";
import { words } from "./lifetext";
import { EditReplay } from "./replay";
import { r } from "./replaytext";
import { t } from "./text";
import { sentence } from "./trouble";
import type { Room } from "./wire";

/** Part of the form of a new room: recorded, unless the host says otherwise; each speaker apart, if the host says so. */
export function TapeChoice() {
  const [taped, setTaped] = useState(true);
  return (
    <>
      <label class="switch">
        <input type="checkbox" name="tape" defaultChecked data-testid="room-tape" onChange={(e) => setTaped(e.currentTarget.checked)} />
        <span>{t.tape}<small>{t.tapeHint}</small></span>
      </label>
      {taped && (
        <label class="switch">
          <input type="checkbox" name="tracks" defaultChecked data-testid="room-tracks" />
          <span>{r.tracksChoice}<small>{r.tracksChoiceHint}</small></span>
        </label>
      )}
    </>
  );
}

/** The tape of a room that has ended. */
export function TapeRow({ room }: { room: Room }) {
  const [gone, setGone] = useState(room.tape !== "on");
  const [held, setHeld] = useState(room.held ?? false);
  const [trouble, setTrouble] = useState("");
  if (gone) return null;
  const publish = () => post(room.id).then(() => setHeld(false), (e) => setTrouble(sentence(e)));
  const remove = async () => {
    if (!window.confirm(t.deleteTapeSure)) return;
    try {
      await deleteTape(room.id);
      setGone(true);
    } catch (e) {
      setTrouble(sentence(e));
    }
  };
  return (
    <div class="row">
      {held && <button type="button" onClick={publish} aria-label={`${words.post}: ${room.title}`} data-testid={`post-${room.id}`}>{words.post}</button>}
      {!held && <a class="button" href={room.listen_url} aria-label={`${t.replay}: ${room.title}`}>{t.replay}</a>}
      <button type="button" onClick={remove} aria-label={`${t.deleteTape}: ${room.title}`} data-testid={`delete-tape-${room.id}`}>{t.deleteTape}</button>
      {trouble && <p class="trouble" role="alert">{trouble}</p>}
      <EditReplay room={room} posted={(yes) => setHeld(!yes)} />
    </div>
  );
}
