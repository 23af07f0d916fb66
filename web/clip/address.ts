// What is given away of a clip's address.

/** Whether an address is one of a room by invitation, with somebody's own invitation in it. */
export const invited = (address: string) => /\/seat\/[^/]+/.test(address);

/** An address for others, who have invitations of their own: seats are counted, and each is somebody's. */
export const forOthers = (address: string) => address.replace(/\/seat\/[^/]+/, "");
