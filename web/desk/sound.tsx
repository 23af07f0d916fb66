// Which microphone, and what the browser does to its sound.

import type { Desk } from "./desk";
import type { Processing } from "./mic";
import { useStore } from "./store";
import { t } from "./text";

const SWITCHES: (keyof Processing)[] = ["echoCancellation", "noiseSuppression", "autoGainControl"];

export function SoundSettings({ desk }: { desk: Desk }) {
  const { devices, device, processing } = useStore(desk.mic.view);
  const flip = (key: keyof Processing) => void desk.mic.start(device, { ...processing, [key]: !processing[key] });
  return (
    <>
      <label class="field">
        <span>{t.mic}</span>
        <select value={device} data-testid="mic" onChange={(e) => void desk.mic.start(e.currentTarget.value)}>
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
      </details>
    </>
  );
}
