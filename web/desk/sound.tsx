// Which microphone, and what the browser does to its sound.

import { useState } from "preact/hooks";
import type { Desk } from "./desk";
import type { Processing } from "./mic";
import { keepPrefs, prefs } from "./prefs";
import { useStore } from "./store";
import { t } from "./text";
import { v } from "./voicetext";

const SWITCHES: (keyof Processing)[] = ["echoCancellation", "noiseSuppression", "autoGainControl"];

export function SoundSettings({ desk }: { desk: Desk }) {
  const { devices, device, processing } = useStore(desk.mic.view);
  const flip = (key: keyof Processing) => void desk.mic.choose(device, { ...processing, [key]: !processing[key] });
  return (
    <>
      <label class="field">
        <span>{t.mic}</span>
        <select value={device} data-testid="mic" onChange={(e) => void desk.mic.choose(e.currentTarget.value, processing)}>
          {devices.map((d, i) => <option key={d.id} value={d.id}>{d.label || t.micUnnamed(i + 1)}</option>)}
        </select>
      </label>
      <details data-testid="sound">
        <summary>{t.processing}</summary>
        {SWITCHES.map((key) => (
          <label key={key} class="switch">
            <input type="checkbox" checked={processing[key]} data-testid={key} onChange={() => flip(key)} />
            <span>{t[key]}</span>
          </label>
        ))}
        <p class="hint">{t.soundHint}</p>
        <PushToTalk />
      </details>
    </>
  );
}

function PushToTalk() {
  const [on, setOn] = useState(() => prefs().pushToTalk);
  const flip = () => {
    keepPrefs({ pushToTalk: !on });
    setOn(!on);
  };
  return (
    <label class="switch">
      <input type="checkbox" checked={on} data-testid="push-to-talk" onChange={flip} />
      <span>{v.pushToTalk}<small>{v.pushToTalkHint}</small></span>
    </label>
  );
}
