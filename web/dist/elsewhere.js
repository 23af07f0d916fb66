var h=`.elsewhere {
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
`;var T={players:"Open one of these in VLC, mpv, a radio or a podcast app.",ogg:"Players (Ogg Opus)",aac:"Radios (AAC)",hls:"Phones, televisions (HLS)",m3u:"List for radios (.m3u)",pls:"List for radios (.pls)",embed:"In your page",copy:"Copy",copied:"Copied",code:"Code that leads to this room",photograph:"For another device",open:"Open this in your browser",inside:e=>`Inside ${e||"another app"} the sound may stop when you look at something else, or not begin. Use the app’s menu, “Open in browser”, or copy the address.`,stay:"Listen here all the same"},k={players:"À ouvrir dans VLC, mpv, une radio ou une application de podcasts.",ogg:"Lecteurs (Ogg Opus)",aac:"Radios (AAC)",hls:"Téléphones, téléviseurs (HLS)",m3u:"Liste pour radios (.m3u)",pls:"Liste pour radios (.pls)",embed:"Dans votre page",copy:"Copier",copied:"Copié",code:"Code qui mène à cette salle",photograph:"Pour un autre appareil",open:"Ouvrez ceci dans votre navigateur",inside:e=>`Dans ${e||"une autre application"}, le son peut s’arrêter quand vous regardez autre chose, ou ne pas commencer. Choisissez « Ouvrir dans le navigateur » au menu de l’application, ou copiez l’adresse.`,stay:"Écouter ici quand même"},l={en:T,fr:k};var C=[[/\bFB(AN|AV|_IAB|IOS)\b/,"Facebook"],[/\bInstagram\b/,"Instagram"],[/\bTwitter(Android| for iPhone)?\b/,"X"],[/\b(musical_ly|BytedanceWebview|TikTok)\b/i,"TikTok"],[/\bLinkedInApp\b/,"LinkedIn"],[/\bSnapchat\b/,"Snapchat"],[/\bPinterest\b/,"Pinterest"],[/\bMicroMessenger\b/,"WeChat"],[/\bLine\//,"LINE"],[/\bTelegram/,"Telegram"]];function b(e){let i=C.find(([o])=>o.test(e));return i?i[1]:/; wv\)/.test(e)?"":void 0}var S=[{name:e=>e.ogg,file:"/live.ogg"},{name:e=>e.aac,file:"/live.aac"},{name:e=>e.hls,file:"/hls/master.m3u8"},{name:e=>e.m3u,file:"/listen.m3u"},{name:e=>e.pls,file:"/listen.pls"}],v=()=>l[document.documentElement.lang]??l.en;function t(e,i="",o=""){let n=document.createElement(e);return n.textContent=i,o&&(n.className=o),n}var y=!1;function O(){if(y)return;y=!0;let e=new CSSStyleSheet;e.replaceSync(h),document.adoptedStyleSheets=[...document.adoptedStyleSheets,e]}function w(e){O(),e(),new MutationObserver(e).observe(document.documentElement,{attributeFilter:["lang"]})}function c(e,i){let o=t("button",i.copy,"copy");return o.type="button",o.onclick=()=>{let n=()=>{let r=document.createRange();r.selectNodeContents(o.previousElementSibling),getSelection()?.removeAllRanges(),getSelection()?.addRange(r)};if(!navigator.clipboard)return n();navigator.clipboard.writeText(e).then(()=>o.textContent=i.copied,n)},o}function z(e,i){import(`${i}/more.js`);let o=e.appendChild(t("div","","elsewhere")),n=location.origin+i;w(()=>{let r=v(),p=t("figure"),a=t("img");a.src=`${i}/qr.svg`,a.alt=r.code,a.width=a.height=168,p.append(a,t("figcaption",r.photograph));let s=t("dl");for(let d of S){let g=t("dd"),f=t("a",n+d.file);f.href=n+d.file,g.append(f,c(n+d.file,r)),s.append(t("dt",d.name(r)),g)}let m=`<iframe src="${n}/embed" width="480" height="140" style="border:0" allow="autoplay" sandbox="allow-scripts allow-same-origin allow-popups"></iframe>`,u=t("dd"),x=i.includes("/seat/");u.append(t("code",m),c(m,r)),x||s.append(t("dt",r.embed),u),o.replaceChildren(t("p",r.players),p,s)})}function H(e,i){let o=b(navigator.userAgent);if(!o)return;let n=t("aside","","inapp");n.setAttribute("role","note"),document.querySelector("main").prepend(n),w(()=>{let r=v(),p=t("p"),a=t("span",location.origin+location.pathname);p.append(a,c(a.textContent,r));let s=t("button",r.stay,"copy");s.type="button",s.onclick=()=>n.remove(),n.replaceChildren(t("b",r.open),t("p",r.inside(o)),p,s)})}export{z as fill,H as warn};
