// What stands between the stage and the listeners: the delay, the dump, the carts, and the alarm for dead air.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { carts as listCarts, dropCart, dump, playCart, putCart, setDelay, stopCart } from "./api";
import type { Desk } from "./desk";
import { Panel } from "./parts";
import { useStore } from "./store";
import { t } from "./text";
import type { Air, Cart, Fill } from "./wire";

const DELAYS = [0, 5, 10, 15, 20, 30]; // s
const FILLS: Fill[] = ["hold", "apology", "jingle", "tone", "none"];

/** The room is live, and nothing has been heard on its stage for eight seconds. */
export function DeadAir({ desk }: { desk: Desk }) {
  const { air } = useStore(desk.line.view);
  if (!air?.dead_air) return null;
  return <p class="trouble banner dead-air" role="alert" data-testid="dead-air">{t.deadAir}</p>;
}

export function Broadcast({ desk }: { desk: Desk }) {
  const { air } = useStore(desk.line.view);
  if (!air) return null;
  return (
    <Panel title={t.broadcastTitle} class="broadcast">
      <DelayMeter air={air} />
      <Dump desk={desk} air={air} />
      <Delay desk={desk} air={air} />
      <Carts desk={desk} air={air} />
    </Panel>
  );
}

const seconds = (ms: number) => t.seconds(Math.round(ms / 100) / 10);

function DelayMeter({ air }: { air: Air }) {
  const most = Math.max(air.wanted_ms, air.delay_ms, 1);
  const share = air.delay_ms / most;
  return (
    <div class="delay" data-state={air.filling_ms > 0 ? "filling" : air.delay_ms === 0 ? "none" : air.delay_ms < air.wanted_ms ? "building" : "whole"}>
      <p data-testid="delay-word">{delayWord(air)}</p>
      <div
        class="delay-bar"
        role="meter"
        aria-label={t.delayAvailable}
        aria-valuemin={0}
        aria-valuemax={most / 1000}
        aria-valuenow={air.delay_ms / 1000}
        aria-valuetext={seconds(air.delay_ms)}
        style={{ "--share": share }}
      />
    </div>
  );
}

function delayWord(air: Air): string {
  if (air.wanted_ms === 0 && air.delay_ms === 0) return t.delayNone;
  if (air.filling_ms > 0) return t.delayFilling(seconds(air.delay_ms), seconds(air.filling_ms));
  if (air.delay_ms < air.wanted_ms) return t.delayBuilding(seconds(air.delay_ms), seconds(air.wanted_ms));
  if (air.delay_ms > air.wanted_ms) return t.delayShrinking(seconds(air.delay_ms), seconds(air.wanted_ms));
  return t.delayWhole(seconds(air.delay_ms));
}

function Dump({ desk, air }: { desk: Desk; air: Air }) {
  const [fill, setFill] = useState<Fill>("hold");
  const [said, setSaid] = useState("");
  const press = async () => {
    setSaid("");
    await desk.attempt(async () => {
      const done = await dump(desk.room, desk.token, fill);
      setSaid(t.dumped(seconds(done.removed_ms)));
    });
  };
  useDumpKey(press);
  return (
    <div class="dump">
      <button type="button" class="dump-button" data-testid="dump" data-empty={air.delay_ms === 0} aria-keyshortcuts="Shift+D" aria-describedby="dump-hint" onClick={press}>
        <span>{t.dump}</span>
        <kbd>{t.dumpKeys}</kbd>
      </button>
      <p class="hint" id="dump-hint">{t.dumpHint}</p>
      <label class="field">
        <span>{t.fillWith}</span>
        <select data-testid="fill" value={fill} onChange={(e) => setFill(e.currentTarget.value as Fill)}>
          {FILLS.map((f) => <option key={f} value={f}>{t.fill[f]}</option>)}
        </select>
      </label>
      <p class="said" role="status" data-testid="dumped">{said}</p>
    </div>
  );
}

/** Shift and D dump from anywhere on the page but where one writes: a letter alone would be pressed by mistake. */
function useDumpKey(press: () => void): void {
  const latest = useRef(press);
  latest.current = press;
  useLayoutEffect(() => {
    const down = (e: KeyboardEvent) => {
      if (e.repeat || e.ctrlKey || e.altKey || e.metaKey || !e.shiftKey || e.key.toLowerCase() !== "d") return;
      if (e.target instanceof Element && e.target.closest("input:not([type=checkbox]), textarea")) return;
      e.preventDefault();
      latest.current();
    };
    addEventListener("keydown", down);
    return () => removeEventListener("keydown", down);
  }, []);
}

function Delay({ desk, air }: { desk: Desk; air: Air }) {
  const wanted = Math.round(air.wanted_ms / 1000);
  const choices = DELAYS.includes(wanted) ? DELAYS : [...DELAYS, wanted].sort((a, b) => a - b);
  const change = (s: number) => void desk.attempt(() => setDelay(desk.room, desk.token, s * 1000));
  return (
    <label class="field">
      <span>{t.delay}</span>
      <select data-testid="delay" value={wanted} onChange={(e) => change(Number(e.currentTarget.value))}>
        {choices.map((s) => <option key={s} value={s}>{s === 0 ? t.delayOff : t.seconds(s)}</option>)}
      </select>
      <small>{t.delayHint}</small>
    </label>
  );
}

function Carts({ desk, air }: { desk: Desk; air: Air }) {
  const [all, setAll] = useState<Cart[]>([]);
  useEffect(() => {
    listCarts(desk.room, desk.token).then(setAll, () => {}); // they are four, and come with the next opening
  }, [desk]);
  const changed = (one: Cart) => setAll((list) => list.map((c) => (c.name === one.name ? one : c)));
  if (all.length === 0) return null;
  return (
    <div class="carts">
      <h3>{t.carts}</h3>
      <div class="row">
        {all.map((c) => {
          const plays = air.cart === c.name;
          const press = () => desk.attempt(() => (plays ? stopCart : playCart)(desk.room, desk.token, c.name));
          return (
            <button key={c.name} type="button" data-testid={`cart-${c.name}`} aria-pressed={plays} onClick={() => void press()}>
              {plays ? t.cartStop(t.fill[c.name], seconds(air.cart_left_ms)) : t.cartPlay(t.fill[c.name], seconds(c.length_ms))}
            </button>
          );
        })}
      </div>
      <p class="hint">{t.cartsHint}</p>
      <details>
        <summary>{t.cartsOwn}</summary>
        <p class="hint">{t.cartsOwnHint}</p>
        {all.map((c) => <OwnSound key={c.name} desk={desk} cart={c} changed={changed} />)}
      </details>
    </div>
  );
}

function OwnSound({ desk, cart, changed }: { desk: Desk; cart: Cart; changed: (c: Cart) => void }) {
  const give = (input: HTMLInputElement) => {
    const file = input.files?.[0];
    if (!file) return;
    void desk.attempt(async () => changed(await putCart(desk.room, desk.token, cart.name, file))).then(() => (input.value = ""));
  };
  return (
    <div class="own-sound">
      <label class="field">
        <span>{t.fill[cart.name]}</span>
        <input type="file" accept="audio/wav,audio/ogg,.wav,.ogg,.opus" data-testid={`own-${cart.name}`} onChange={(e) => give(e.currentTarget)} />
      </label>
      {cart.own && (
        <button type="button" class="quiet" aria-label={t.cartBackOf(t.fill[cart.name])} onClick={() => void desk.attempt(async () => changed(await dropCart(desk.room, desk.token, cart.name)))}>
          {t.cartBack}
        </button>
      )}
    </div>
  );
}
