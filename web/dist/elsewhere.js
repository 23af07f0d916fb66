var v=`.elsewhere {
  display: grid;
  gap: 0.75rem;
  max-width: 34rem;
  margin-top: 0.5rem;
}
.elsewhere figure {
  margin: 0;
}
.elsewhere img {
  display: block;
  border-radius: 6px;
  background: #fff;
}
.elsewhere figcaption,
.elsewhere dt {
  color: var(--soft);
  font-size: 0.85rem;
}
.elsewhere dd {
  display: flex;
  gap: 0.5rem;
  align-items: baseline;
  margin: 0 0 0.5rem;
}
.elsewhere dd > :first-child {
  min-width: 0;
  overflow-wrap: anywhere;
}
.elsewhere code {
  font-size: 0.75rem;
}
.copy {
  flex: none;
  padding: 0.15rem 0.6rem;
  border: 1px solid var(--line);
  border-radius: 1rem;
  background: var(--plate);
  color: inherit;
  font: inherit;
  font-size: 0.85rem;
  cursor: pointer;
}
.inapp {
  display: grid;
  gap: 0.4rem;
  max-width: 34rem;
  padding: 0.75rem 1rem;
  border: 1px solid var(--light);
  border-radius: 10px;
  text-align: start;
}
.inapp span {
  overflow-wrap: anywhere;
  margin-inline-end: 0.5rem;
}
.inapp > .copy {
  justify-self: start;
}
`;var L={clip:"Clip what was just said",players:"Open one of these in VLC, mpv, a radio or a podcast app.",ogg:"Players (Ogg Opus)",aac:"Radios (AAC)",hls:"Phones, televisions (HLS)",m3u:"List for radios (.m3u)",pls:"List for radios (.pls)",embed:"In your page",copy:"Copy",copied:"Copied",code:"Code that leads to this room",photograph:"For another device",open:"Open this in your browser",inside:e=>`Inside ${e||"another app"} the sound may stop when you look at something else, or not begin. Use the app’s menu, “Open in browser”, or copy the address.`,stay:"Listen here all the same"},C={clip:"Un extrait de ce qui vient d’être dit",players:"À ouvrir dans VLC, mpv, une radio ou une application de podcasts.",ogg:"Lecteurs (Ogg Opus)",aac:"Radios (AAC)",hls:"Téléphones, téléviseurs (HLS)",m3u:"Liste pour radios (.m3u)",pls:"Liste pour radios (.pls)",embed:"Dans votre page",copy:"Copier",copied:"Copié",code:"Code qui mène à cette salle",photograph:"Pour un autre appareil",open:"Ouvrez ceci dans votre navigateur",inside:e=>`Dans ${e||"une autre application"}, le son peut s’arrêter quand vous regardez autre chose, ou ne pas commencer. Choisissez « Ouvrir dans le navigateur » au menu de l’application, ou copiez l’adresse.`,stay:"Écouter ici quand même"},g={en:L,fr:C};var T=[[/\bFB(AN|AV|_IAB|IOS)\b/,"Facebook"],[/\bInstagram\b/,"Instagram"],[/\bTwitter(Android| for iPhone)?\b/,"X"],[/\b(musical_ly|BytedanceWebview|TikTok)\b/i,"TikTok"],[/\bLinkedInApp\b/,"LinkedIn"],[/\bSnapchat\b/,"Snapchat"],[/\bPinterest\b/,"Pinterest"],[/\bMicroMessenger\b/,"WeChat"],[/\bLine\//,"LINE"],[/\bTelegram/,"Telegram"]];function w(e){let n=T.find(([o])=>o.test(e));return n?n[1]:/; wv\)/.test(e)?"":void 0}var S=[{name:e=>e.ogg,file:"/live.ogg"},{name:e=>e.aac,file:"/live.aac"},{name:e=>e.hls,file:"/hls/master.m3u8"},{name:e=>e.m3u,file:"/listen.m3u"},{name:e=>e.pls,file:"/listen.pls"}],f=()=>g[document.documentElement.lang]??g.en;function t(e,n="",o=""){let r=document.createElement(e);return r.textContent=n,o&&(r.className=o),r}var x=!1;function E(){if(x)return;x=!0;let e=new CSSStyleSheet;e.replaceSync(v),document.adoptedStyleSheets=[...document.adoptedStyleSheets,e]}function b(e){E(),e(),new MutationObserver(e).observe(document.documentElement,{attributeFilter:["lang"]})}function h(e,n){let o=t("button",n.copy,"copy");return o.type="button",o.onclick=()=>{let r=()=>{let i=document.createRange();i.selectNodeContents(o.previousElementSibling),getSelection()?.removeAllRanges(),getSelection()?.addRange(i)};if(!navigator.clipboard)return r();navigator.clipboard.writeText(e).then(()=>o.textContent=n.copied,r)},o}function O(e,n){let[,o,r]=/^(\/r\/[^/]+)(?:\/seat\/(.*))?$/.exec(n),i=e.appendChild(t("p")),s=i.appendChild(t("a","","clip")),a=document.getElementById("chip"),d=document.getElementById("tape");s.target="_blank",s.rel="noopener",i.hidden=!0;let p=!1,l=async c=>{let m=p;p=!d.hidden&&!a.hidden&&a.dataset.state==="live",p?(c||!m)&&(i.hidden=!await A(n)||!p):i.hidden=!0};b(()=>{s.textContent=f().clip,s.href=`${o}/tape/?lang=${document.documentElement.lang}#${r?`seat=${r}&`:""}back&clip`});let u=new MutationObserver(()=>{l(!1)});u.observe(a,{attributeFilter:["data-state","hidden"]}),u.observe(d,{attributeFilter:["hidden"]}),e.addEventListener("toggle",()=>{l(!0)}),l(!0)}async function A(e){try{let n=await fetch(`${e}/tape/index.json`,{credentials:"omit"}),o=n.ok?await n.json():{};return!!o.clips&&!o.hls}catch{return!1}}function z(e,n){import(`${n}/more.js`),O(e,n);let o=e.appendChild(t("div","","elsewhere")),r=location.origin+n;b(()=>{let i=f(),s=t("figure"),a=t("img");a.src=`${n}/qr.svg`,a.alt=i.code,a.width=a.height=168,s.append(a,t("figcaption",i.photograph));let d=t("dl");for(let c of S){let m=t("dd"),y=t("a",r+c.file);y.href=r+c.file,m.append(y,h(r+c.file,i)),d.append(t("dt",c.name(i)),m)}let p=`<iframe src="${r}/embed" width="480" height="140" style="border:0" allow="autoplay" sandbox="allow-scripts allow-same-origin allow-popups"></iframe>`,l=t("dd"),u=n.includes("/seat/");l.append(t("code",p),h(p,i)),u||d.append(t("dt",i.embed),l),o.replaceChildren(t("p",i.players),s,d)})}function q(e,n){let o=w(navigator.userAgent);if(!o)return;let r=t("aside","","inapp");r.setAttribute("role","note"),document.querySelector("main").prepend(r),b(()=>{let i=f(),s=t("p"),a=t("span",location.href);s.append(a,h(a.textContent,i));let d=t("button",i.stay,"copy");d.type="button",d.onclick=()=>r.remove(),r.replaceChildren(t("b",i.open),t("p",i.inside(o)),s,d)})}export{z as fill,q as warn};
