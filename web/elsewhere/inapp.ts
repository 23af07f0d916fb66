// Which app shows the page inside itself, by what it adds to the browser's name. Pages there stop when one looks at something else, and some play no sound without
// asking. The names are those that these apps are known to add; docs/DEVICES.md says how each is tried by hand.

const APPS: [mark: RegExp, name: string][] = [
  [/\bFB(AN|AV|_IAB|IOS)\b/, "Facebook"],
  [/\bInstagram\b/, "Instagram"],
  [/\bTwitter(Android| for iPhone)?\b/, "X"],
  [/\b(musical_ly|BytedanceWebview|TikTok)\b/i, "TikTok"],
  [/\bLinkedInApp\b/, "LinkedIn"],
  [/\bSnapchat\b/, "Snapchat"],
  [/\bPinterest\b/, "Pinterest"],
  [/\bMicroMessenger\b/, "WeChat"],
  [/\bLine\//, "LINE"],
  [/\bTelegram/, "Telegram"],
];

/** The name of the app, "" for one that has none, or undefined where this is a browser. */
export function insideOf(agent: string): string | undefined {
  const known = APPS.find(([mark]) => mark.test(agent));
  if (known) return known[1];
  // Android's own mark of a page inside an app.
  return /; wv\)/.test(agent) ? "" : undefined;
}
