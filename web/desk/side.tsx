// What stands beside the stage: links, the monitor, the sound, the end.

import { useEffect, useState } from "preact/hooks";
import { AccessPanel } from "./announce";
import { a } from "./announcetext";
import { invite, removePerson } from "./api";
import { Chat } from "./chat";
import { CheckPanel } from "./checkpanel";
import { ConsentBack, ConsentList } from "./consent";
import { Cues } from "./cues";
import type { Desk } from "./desk";
import { invites } from "./leadapi";
import { l } from "./leadtext";
import { endSoon } from "./life";
import { isRun } from "./move";
import { CopyText, Panel, TwoStep } from "./parts";
import { SoundSettings } from "./sound";
import { useStore } from "./store";
import { t } from "./text";
import { v } from "./voicetext";
import { type Invite, type Invited as InvitedPerson, mayDirect, mayModerate, type Role } from "./wire";

export function Side({ desk }: { desk: Desk }) {
  const { stage, voice } = useStore(desk.line.view);
  if (!stage) return null;
  return (
    <div class="side">
      {mayDirect(stage.you.role) && <Cues desk={desk} />}
      <Chat desk={desk} />
      {mayModerate(stage.you.role) && <Invites desk={desk} role={stage.you.role} />}
      {!isRun(stage.room.listen_url) && (
        <Panel title={t.listenersLink}>
          <CopyText label={t.listenersLink} text={stage.room.listen_url} testid="listen-link" />
          <p class="hint">{stage.room.life?.access?.visibility === "invited" ? a.bareLink : t.listenersHint}</p>
        </Panel>
      )}
      {!isRun(stage.room.listen_url) && <AccessPanel desk={desk} />}
      <MonitorPanel desk={desk} />
      {voice !== "off" && (
        <Panel title={t.sound}>
          <CheckPanel desk={desk} />
          <SoundSettings desk={desk} />
        </Panel>
      )}
      {voice !== "off" && <ConsentBack desk={desk} />}
      {stage.you.role === "host" && (
        <Panel title={t.endTitle}>
          <p class="hint">{t.endHint}</p>
          <TwoStep label={t.end} ask={t.endAsk} yes={t.endYes} testid="end" act={() => void endSoon(desk)} />
        </Panel>
      )}
    </div>
  );
}

function MonitorPanel({ desk }: { desk: Desk }) {
  const { state } = useStore(desk.monitor.view);
  const { word } = useStore(desk.view).air;
  const on = state !== "off" && state !== "failed";
  return (
    <Panel title={t.monitorTitle} class="monitor">
      {word === "on-air" && <p class={on ? "trouble" : "hint"}>{t.monitorEcho}</p>}
      <div class="row">
        <button type="button" data-testid="monitor" data-state={state} aria-pressed={on} onClick={() => (on ? desk.monitor.stop() : void desk.monitor.start())}>
          {on ? t.monitorOff : t.monitorOn}
        </button>
        <span class="note" role="status">{state === "off" ? "" : t.monitorState[state]}</span>
      </div>
      <p class="hint">{t.monitorTab}</p>
    </Panel>
  );
}

function Invites({ desk, role }: { desk: Desk; role: Role }) {
  const roles: Role[] = role === "host" ? ["speaker", "cohost", "producer", "captioner"] : ["speaker", "captioner"];
  const taped = useStore(desk.line.view).stage?.room.consent_text !== undefined;
  const [made, setMade] = useState<Invite[]>([]);
  const submit = async (e: SubmitEvent & { currentTarget: HTMLFormElement }) => {
    e.preventDefault();
    const form = e.currentTarget;
    const data = new FormData(form);
    await desk.attempt(async () => {
      const one = await invite(desk.room, desk.token, String(data.get("name")), data.get("role") as Role, data.get("consent") === "on");
      setMade((all) => [one, ...all]);
      form.reset();
    });
  };
  return (
    <Panel title={t.inviteTitle}>
      <form class="invite" onSubmit={submit}>
        <label class="field">
          <span>{t.inviteName}</span>
          <input name="name" required maxLength={40} autocomplete="off" data-testid="invite-name" />
        </label>
        <label class="field">
          <span>{t.inviteRole}</span>
          <select name="role" data-testid="invite-role">
            {roles.map((r) => <option key={r} value={r}>{t.role[r]}</option>)}
          </select>
        </label>
        {taped && (
          <label class="switch">
            <input type="checkbox" name="consent" data-testid="invite-consent" />
            <span>{v.vouch}<small>{v.vouchHint}</small></span>
          </label>
        )}
        <button type="submit" data-testid="invite">{t.inviteMake}</button>
      </form>
      <ConsentList desk={desk} />
      {role === "host" && <Invited desk={desk} made={made.length} />}
      <div aria-live="polite">{made.map((one) => <Made key={one.person} one={one} />)}</div>
    </Panel>
  );
}

/** The co-hosts, producers and captioners of the room: a place is free again once its invitation is withdrawn. */
function Invited({ desk, made }: { desk: Desk; made: number }) {
  const [all, setAll] = useState<InvitedPerson[]>([]);
  const [change, setChange] = useState(0);
  useEffect(() => {
    invites(desk.room, desk.token).then((list) => setAll(list.filter((i) => i.role !== "speaker")), () => {}); // comes with the next one
  }, [desk, made, change]);
  if (all.length === 0) return null;
  return (
    <details>
      <summary>{l.invited}</summary>
      {all.map((i) => (
        <div key={i.person} class="offstage">
          <span>{`${i.name} · ${t.role[i.role]}`}</span>
          <TwoStep
            label={l.withdraw}
            spoken={l.withdrawOf(i.name)}
            ask={l.withdrawAsk(i.name)}
            yes={l.withdrawYes}
            testid={`withdraw-${i.person}`}
            act={() => void desk.attempt(() => removePerson(desk.room, desk.token, i.person)).then(() => setChange((n) => n + 1))}
          />
        </div>
      ))}
    </details>
  );
}

function Made({ one }: { one: Invite }) {
  return (
    <div class="made">
      <h3>{t.inviteFor(one.name)}</h3>
      <CopyText label={t.inviteFor(one.name)} text={one.desk_url} testid="invite-link" />
      <p class="hint">{t.inviteHint}</p>
      {one.role !== "captioner" && <details>
        <summary>{t.encoder}</summary>
        <CopyText label={t.whipAddress} text={one.whip_url} testid="whip-url" />
        <CopyText label={t.whipToken} text={one.token} testid="whip-token" />
      </details>}
      <Radio one={one} />
    </div>
  );
}

/** What to set in a radio encoder: the stage is where WHIP's address leads. */
function Radio({ one }: { one: Invite }) {
  const at = new URL(one.whip_url);
  const secure = at.protocol === "https:";
  const rows: [string, string, string][] = [
    [t.radioHost, at.hostname, "radio-host"],
    [t.radioPort, at.port || (secure ? "443" : "80"), "radio-port"],
    [t.radioMount, at.pathname.replace(/whip$/, "source"), "radio-mount"],
    [t.radioUser, "source", "radio-user"],
    [t.radioPassword, one.token, "radio-password"],
  ];
  return (
    <details data-testid="radio">
      <summary>{t.radio}</summary>
      <p class="hint">{t.radioHint}{secure && ` ${t.radioTLS}`}</p>
      {rows.map(([label, text, testid]) => (
        <div key={testid}>
          <span class="note">{label}</span>
          <CopyText label={label} text={text} testid={testid} />
        </div>
      ))}
    </details>
  );
}
