// The backstage chat: everybody at the stage reads and writes it, and nobody else.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Desk } from "./desk";
import { say } from "./earapi";
import { b } from "./eartext";
import { Panel } from "./parts";
import { useStore } from "./store";
import { t } from "./text";
import type { ChatLine } from "./wire";

const clock = new Intl.DateTimeFormat(t.lang, { hour: "2-digit", minute: "2-digit" });
const CHAT = "backstage-chat";

/** The number up to which lines are read; a server that began anew numbers from 1 again. */
const readIn = (chat: ChatLine[], read: number): number => ((chat[chat.length - 1]?.n ?? 0) < read ? 0 : read);

export function Chat({ desk }: { desk: Desk }) {
  const { stage } = useStore(desk.line.view);
  if (!stage || stage.you.sent_back) return null;
  return <Room desk={desk} me={stage.you.id} />;
}

function Room({ desk, me }: { desk: Desk; me: string }) {
  const { chat } = useStore(desk.line.view);
  const { read } = useStore(desk.reading);
  const [text, setText] = useState("");
  const list = useRef<HTMLDivElement>(null);
  const seen = useSeen(list);
  const last = chat[chat.length - 1];
  const upTo = readIn(chat, read);
  useEffect(() => {
    if (last && seen) desk.readChat(last.n);
  }, [desk, last?.n, seen]);
  useEffect(() => {
    list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [last?.n]);
  const send = async (e: Event) => {
    e.preventDefault();
    if (await desk.attempt(() => say(desk.room, desk.token, text))) setText("");
  };
  return (
    <Panel title={b.chat} class="chat">
      {chat.length === 0 && <p class="hint">{b.chatNone}</p>}
      <div ref={list} id={CHAT} class="log" tabIndex={0} role="log" aria-live="polite" aria-label={b.chat} data-testid="chat">
        <ol>
          {chat.map((l) => <Line key={l.n} line={l} mine={l.by === me} fresh={l.n > upTo && l.by !== me} />)}
        </ol>
      </div>
      <form class="one-line" onSubmit={(e) => void send(e)}>
        <label class="field">
          <span>{b.chatWrite}</span>
          <input required maxLength={300} autocomplete="off" value={text} data-testid="chat-text" onInput={(e) => setText(e.currentTarget.value)} />
        </label>
        <button type="submit" data-testid="chat-send">{b.chatSend}</button>
      </form>
    </Panel>
  );
}

function Line({ line, mine, fresh }: { line: ChatLine; mine: boolean; fresh: boolean }) {
  return (
    <li data-testid={`chat-${line.n}`} data-mine={mine} data-fresh={fresh}>
      <span class="note">
        <time dateTime={line.at}>{clock.format(new Date(line.at))}</time>
        {` ${line.name} · ${t.role[line.role]}`}
      </span>
      <span>{line.text}</span>
    </li>
  );
}

/** Says in the page's head that there is something to read, and leads there. */
export function ChatMark({ desk }: { desk: Desk }) {
  const { stage, chat } = useStore(desk.line.view);
  const { read } = useStore(desk.reading);
  if (!stage || stage.you.sent_back) return null;
  const upTo = readIn(chat, read);
  const fresh = chat.filter((l) => l.n > upTo && l.by !== stage.you.id).length;
  if (fresh === 0) return null;
  return (
    <button
      type="button"
      class="chat-mark"
      data-testid="chat-mark"
      onClick={() => {
        const log = document.getElementById(CHAT);
        log?.scrollIntoView({ block: "center" });
        log?.focus({ preventScroll: true });
      }}
    >
      {b.chatNew(fresh)}
    </button>
  );
}

/** Reports whether an element, which is there from the first drawing on, is on the screen of a page that is looked at. */
function useSeen(element: { current: Element | null }): boolean {
  const [onScreen, setOnScreen] = useState(false);
  const [shown, setShown] = useState(document.visibilityState === "visible");
  useEffect(() => {
    const look = () => setShown(document.visibilityState === "visible");
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
  useEffect(() => {
    if (!element.current) return;
    const watch = new IntersectionObserver((all) => setOnScreen(all[all.length - 1]?.isIntersecting ?? false), { threshold: 0.5 });
    watch.observe(element.current);
    return () => watch.disconnect();
  }, [element]);
  return onScreen && shown;
}
