// Captions on the listener's page. The page imports this when the first line has got to the ear, and never before.

import { Box, type Line } from "./box";

let box: Box | undefined;

// What was said in a room that was left is none of the one that is heard now, whose lines may have the same ids.
document.addEventListener("epidaurus-moved", () => box?.exactly([]));

/** Shows what is said at the ear, to who wants to read it. */
export function present(lines: readonly Line[]): void {
  if (!box) {
    box = new Box();
    document.getElementById("hand")!.before(box.toggle);
    document.getElementById("retry")!.after(box.root);
  }
  box.show(lines);
}
