// The desk of one room.

import { useEffect, useState } from "preact/hooks";
import { AirWord } from "./airword";
import { ownToken, Refusal } from "./api";
import { BackstagePanel } from "./backstage";
import { behind } from "./behind";
import { Broadcast, DeadAir } from "./broadcast";
import { Chapters } from "./chapters";
import { ChatMark } from "./chat";
import { CueShown } from "./cues";
import { Desk } from "./desk";
import { LifePanel } from "./life";
import { Lights } from "./lights";
import { Hands } from "./hands";
import { HostGone } from "./hostgone";
import { Lobby } from "./lobby";
import { Brand, Notice } from "./parts";
import { isRun, MovePanel, RunPanel, useFollow } from "./move";
import type { Follow } from "./moveapi";
import { People } from "./people";
import { Shortcuts } from "./shortcuts";
import { Side } from "./side";
import { useStore } from "./store";
import { Ears } from "./talkback";
import { t } from "./text";
import { dropToken, keepToken, tokenOf } from "./token";
import { sentence } from "./trouble";
import { mayDirect } from "./wire";

/** Finds the token: the link's, the tab's from before a reload, or a new one for the host. */
export function RoomPage({ room, voices, raw }: { room: string; voices: HTMLElement; raw: boolean }) {
  const [desk, setDesk] = useState<Desk | null>(null);
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    const open = (token: string) => {
      const made = new Desk(room, token, voices, raw);
      made.start();
      setDesk(made);
    };
    const token = tokenOf(room);
    if (token) return open(token);
    ownToken(room).then(
      (own) => {
        keepToken(room, own);
        open(own);
      },
      (e) => setTrouble(e instanceof Refusal && e.code === "host_only" ? t.noToken : sentence(e)),
    );
  }, [room, voices, raw]);
  if (trouble) return <Notice title={t.refused} text={trouble} />;
  if (!desk) return <p class="loading">{t.loading}</p>;
  const go = (f: Follow) => {
    keepToken(f.room, f.token);
    history.replaceState(null, "", `/desk/${encodeURIComponent(f.room)}${location.search}`);
    setDesk(desk.goTo(f.room, f.token));
  };
  return <DeskPage key={desk.room} desk={desk} go={go} />;
}

function DeskPage({ desk, go }: { desk: Desk; go: (f: Follow) => void }) {
  useFollow(desk, go);
  const { stage, voice, end } = useStore(desk.line.view);
  const { trouble } = useStore(desk.view);
  const live = stage?.room.state === "live"; // what is needed in a hurry stands first then
  const past = live && !isRun(stage.room.listen_url);
  const runs = <RunPanel desk={desk} go={go} />;
  // A token that was refused is of no use after a reload either; the host then gets another.
  useEffect(() => {
    if (end) dropToken(desk.room);
  }, [desk, end]);
  return (
    <div class="desk">
      <header class="top">
        <Brand />
        {stage && (
          <>
            <span class="title" lang={stage.room.lang}>{stage.room.title}</span>
            <span class={`chip ${stage.room.state}`}>{t.state[stage.room.state]}</span>
            {stage.room.tape && stage.room.tape !== "failed" && <span class="note" data-testid="taped">{stage.room.tape === "on" ? t.taped : t.willTape}</span>}
            {!end && <ChatMark desk={desk} />}
            <span class="seats" data-testid="seats">{t.seats(stage.listening)}</span>
            {stage.behind_caches && <span class="seats" data-testid="behind" title={t.behindHint}>{behind(stage.behind_caches, t)}</span>}
            <Shortcuts desk={desk} />
          </>
        )}
      </header>
      <AirWord desk={desk} />
      {!end && <CueShown desk={desk} />}
      {!end && <Ears desk={desk} />}
      {stage?.room.tape === "failed" && <p class="trouble banner" role="alert" data-testid="tape-failed">{t.tapeFailed}</p>}
      {stage?.room.unwritten && mayDirect(stage.you.role) && <p class="trouble banner" role="alert" data-testid="unwritten">{t.unwritten}</p>}
      {!end && <HostGone desk={desk} />}
      {!end && <DeadAir desk={desk} />}
      {trouble && (voice !== "off" || mayDirect(stage?.you.role ?? "")) && <p class="trouble banner" role="alert" data-testid="trouble">{trouble}</p>}
      {end ? (
        stage?.you.role === "host" && <a class="button back" href="/desk/">{t.backHome}</a>
      ) : (
        <div class="columns">
          <div class="main-column">
            {!past && runs}
            <LifePanel desk={desk} />
            {stage && <MovePanel desk={desk} />}
            {stage && mayDirect(stage.you.role) && <Lights desk={desk} />}
            {voice === "off" && stage?.you.role !== "producer" && !stage?.you.sent_back && <Lobby desk={desk} />}
            {live && <People desk={desk} />}
            {stage && mayDirect(stage.you.role) && <Broadcast desk={desk} />}
            <BackstagePanel desk={desk} />
            <Chapters desk={desk} />
            {!live && <People desk={desk} />}
            {stage && mayDirect(stage.you.role) && <Hands desk={desk} />}
            {past && runs}
          </div>
          <Side desk={desk} />
        </div>
      )}
    </div>
  );
}
