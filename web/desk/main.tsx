// The pages of the stage's port: /desk/ is the host's home, /desk/{room} the desk.

import { render } from "preact";
import { Home } from "./home";
import { RoomPage } from "./room";
import { t } from "./text";

document.documentElement.lang = t.lang;

// A second link pasted into the same tab changes only what stands behind "#": nothing would be loaded.
addEventListener("hashchange", () => location.reload());

const room = decodeURIComponent(location.pathname.replace(/^\/desk\/?/, ""));
const raw = new URLSearchParams(location.search).get("raw") === "1";
const page = document.getElementById("page");
const voices = document.getElementById("voices");
if (page && voices) render(room ? <RoomPage room={room} voices={voices} raw={raw} /> : <Home />, page);
