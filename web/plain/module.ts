// What plays in a browser without MediaSource. It comes to those only.

export { Plain } from "../listen/plain";
