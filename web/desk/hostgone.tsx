// What everybody at the desk is told while the room's host is gone, and the button by which another takes the room.

import { useEffect, useState } from "preact/hooks";
import type { Desk } from "./desk";
import { TwoStep } from "./parts";
import { useStore } from "./store";
import { takeLead } from "./voiceapi";
import { v } from "./voicetext";
import type { Lead } from "./wire";

export function HostGone({ desk }: { desk: Desk }) {
  const { stage } = useStore(desk.line.view);
  const lead = stage?.room.lead;
  const left = useCountdown(lead);
  if (!stage || !lead) return null;
  const free = lead.state === "open" || lead.state === "left";
  const may = stage.you.role === "cohost" || stage.you.role === "producer";
  const says = { kept: v.hostGone.kept, grace: v.hostGone.grace(v.time(left)), open: v.hostGone.open, left: v.hostGone.left(v.time(left)) }[lead.state];
  return (
    <div class="banner host-gone" data-testid="host-gone" data-state={lead.state}>
      <p role="status">{says}</p>
      {free && may && (
        <TwoStep label={v.takeLead} ask={v.takeLeadAsk} yes={v.takeLeadYes} testid="take-lead" act={() => void desk.attempt(() => takeLead(desk.room, desk.token))} />
      )}
    </div>
  );
}

/** Seconds left, counted from when the server told. */
function useCountdown(lead: Lead | undefined): number {
  const key = lead ? `${lead.state} ${lead.left_ms ?? 0}` : "";
  const [left, setLeft] = useState(0);
  useEffect(() => {
    const end = performance.now() + (lead?.left_ms ?? 0);
    const count = () => setLeft(Math.max(0, Math.ceil((end - performance.now()) / 1000)));
    count();
    if (!lead?.left_ms) return;
    const timer = setInterval(count, 1000);
    return () => clearInterval(timer);
  }, [key]);
  return left;
}
