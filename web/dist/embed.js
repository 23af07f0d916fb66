"use strict";(()=>{var B=new TextDecoder;var k=22e6,ee=3e3;var te=3500;var A=1e3,M=1e4,P=4e3,h=class{constructor(e,s,c){this.audio=e;this.base=s;this.changed=c;e.preload="none",e.addEventListener("playing",()=>{this.phase="listening",this.#e=A,clearTimeout(this.#t),c()}),e.addEventListener("waiting",()=>{clearTimeout(this.#t),this.begun&&(this.#t=setTimeout(()=>this.#n(),P))}),e.addEventListener("pause",c),e.addEventListener("error",()=>this.#n()),e.addEventListener("ended",()=>e.src.endsWith("8")?this.leave():this.#n())}audio;base;changed;phase="ready";retryAt=0;inside=void 0;reconnects=0;behind=!1;frame=0;delay=0;gaps=0;hourly=k;#e=A;#t=0;get begun(){return this.phase==="listening"}get seated(){return this.phase!=="ready"}size(){return 0}play(){let e=c=>this.audio.canPlayType(`audio/${c};codecs=opus`),s=e("mp4")&&this.audio.canPlayType("application/vnd.apple.mpegurl");this.audio.src=`${this.base}/${s?"hls/master.m3u8":e("ogg")?"live.ogg":"live.aac"}`,this.phase="joining",this.audio.play().catch(this.changed),this.changed()}pause(){this.leave()}leave(){clearTimeout(this.#t),this.audio.removeAttribute("src"),this.audio.load(),this.phase="ready",this.changed()}live(){this.play()}#n(){!this.seated||this.phase==="lost"||(this.phase="lost",this.retryAt=Date.now()+this.#e,setTimeout(()=>{this.phase==="lost"&&(this.reconnects++,this.play())},this.#e),this.#e=Math.min(2*this.#e,M),this.changed())}};var x=`/* As the listener's page, in the space of a postcard. The page around says how large that is. */
:root {
  color-scheme: dark light;
  --ground: #eceee7;
  --sky: #dfe5df;
  --ink: #0f2b2c;
  --soft: #47605c;
  --line: #0f2b2c2b;
  --light: #9c4a08;
  --on: #f4f1e6;
  font: 15px/1.4 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0b191b;
    --sky: #12292b;
    --ink: #eef0e6;
    --soft: #a3b8b2;
    --line: #eef0e62b;
    --light: #f2b756;
    --on: #1c1404;
  }
}
* {
  box-sizing: border-box;
  margin: 0;
}
[hidden] {
  display: none !important;
}
body {
  min-height: 100vh;
  padding: 0.9rem 1rem;
  background: linear-gradient(var(--sky), var(--ground));
  color: var(--ink);
}
main {
  display: grid;
  grid-template: "play title chip" "play status room" "seek seek seek" / auto minmax(0, 1fr) auto;
  gap: 0.2rem 0.9rem;
  align-items: center;
}
#play {
  grid-area: play;
  width: 3.4rem;
  height: 3.4rem;
  border: 0;
  border-radius: 50%;
  background: var(--light);
  color: var(--on);
  cursor: pointer;
}
#play:disabled {
  opacity: 0.4;
  cursor: default;
}
#play svg {
  width: 1.9rem;
  fill: currentColor;
  display: block;
  margin: auto;
}
h1 {
  grid-area: title;
  overflow: hidden;
  font: 600 1.15rem/1.25 "Iowan Old Style", "Palatino Linotype", Palatino, Georgia, serif;
  text-overflow: ellipsis;
  white-space: nowrap;
}
#chip {
  grid-area: chip;
  justify-self: end;
  padding: 0.05rem 0.5rem;
  border: 1px solid var(--line);
  border-radius: 1rem;
  color: var(--soft);
  font-size: 0.8rem;
}
[data-state="live"] #chip {
  border-color: var(--light);
  color: var(--light);
}
#status {
  grid-area: status;
  min-height: 1.4em;
  color: var(--soft);
  font-variant-numeric: tabular-nums;
}
#room {
  grid-area: room;
  color: inherit;
  font-size: 0.85rem;
}
#seek {
  grid-area: seek;
  width: 100%;
  accent-color: var(--light);
}
:focus-visible {
  outline: 2px solid var(--light);
  outline-offset: 3px;
}
@media (max-width: 419px) {
  main {
    grid-template: "play title title" "play status chip" "play room room" "seek seek seek" / auto minmax(0, 1fr) auto;
  }
}
`;var T={weekday:"short",day:"numeric",month:"short",hour:"numeric",minute:"2-digit",timeZoneName:"short"},_={when:new Intl.DateTimeFormat("en",T),play:"Listen",pause:"Stop",seek:"Place in the recording",chip:"Live",replay:"Recorded",live:"On stage now.",hears:"You hear the stage.",doors:"The doors are open.",soon:"Not open yet.",joining:"Looking for sound…",again:"The line broke. Coming back…",ended:"This conversation has ended.",lost:"No answer. Trying again…",room:"Open the room"},O={when:new Intl.DateTimeFormat("fr",T),play:"Écouter",pause:"Arrêter",seek:"Endroit de l’enregistrement",chip:"En direct",replay:"Enregistré",live:"Sur scène en ce moment.",hears:"Vous entendez la scène.",doors:"Les portes sont ouvertes.",soon:"Pas encore ouvert.",joining:"On cherche le son…",again:"La ligne est coupée. On revient…",ended:"Cette conversation est terminée.",lost:"Pas de réponse. Nouvel essai…",room:"Ouvrir la salle"},g={en:_,fr:O};var N=3e4,F="M8 5v14l11-7z",D="M7 5h3.6v14H7zM13.4 5H17v14h-3.6z",p=location.pathname.replace(/\/embed\/?$/,""),n=d("audio"),a=d("seek"),L=C(),r=g[L],i,y=!1,m=!1,v=!1,S="";function d(t){return document.getElementById(t)}function C(){return[new URLSearchParams(location.search).get("lang")??"",...navigator.languages].map(e=>e.slice(0,2).toLowerCase()).find(e=>e in g)??"en"}var o=new h(n,p,f),l=()=>i?.state==="ended",I=()=>l()?!n.paused&&!!n.currentSrc:o.seated;function H(){if(!l())return o.seated?o.leave():o.play();if(!n.paused)return n.pause();if(!n.currentSrc){let t=n.canPlayType("audio/mp4;codecs=opus")&&n.canPlayType("application/vnd.apple.mpegurl");n.src=p+(t?"/hls/dvr.m3u8":n.canPlayType("audio/ogg;codecs=opus")?"/tape/floor/opus-48.ogg":"/tape/floor/opus-48.mp4")}n.play().catch(f)}async function b(){try{let t=await fetch(`${p}/event.json`,{cache:"no-store",credentials:"omit"});if(y=!t.ok,t.ok){let e=i?.state;i=await t.json(),l()&&e!=="ended"&&await z(e!==void 0)}}catch{y=!0}f()}async function z(t){t&&o.seated&&o.leave(),m=!(await fetch(`${p}/tape/index.json`,{credentials:"omit"})).ok}function R(){setTimeout(()=>{(document.hidden?Promise.resolve():b()).then(R)},N*(1+Math.random()))}function $(){return i?i.state==="announced"?i.start_ms?r.when.format(i.start_ms):r.soon:l()?m?r.ended:Number.isFinite(n.duration)?`${w(n.currentTime)} / ${w(n.duration)}`:r.replay:o.phase==="lost"?r.again:o.phase==="joining"?r.joining:i.state==="doors"?r.doors:o.seated?r.hears:r.live:y?r.lost:""}function u(t,e){let s=d(t);s.textContent!==e&&(s.textContent=e)}function f(){let t=I();i&&(u("title",i.title),d("title").lang=i.lang),u("status",$());let e=i?.state==="live"?r.chip:l()&&!m?r.replay:"";u("chip",e),d("chip").hidden=!e,document.body.dataset.state=i?.state??"";let s=d("play");s.ariaLabel=t?r.pause:r.play,s.toggleAttribute("disabled",!i||i.state==="announced"||m),d("icon").setAttribute("d",t?D:F),a.hidden=!l()||!Number.isFinite(n.duration),!a.hidden&&!v&&(a.max=String(Math.floor(n.duration)),a.value=String(n.currentTime),a.setAttribute("aria-valuetext",w(n.currentTime))),j(t)}function j(t){let e=l()?t&&n.currentTime>0?"playing":"paused":o.phase==="listening"?"playing":o.seated?"joining":"paused",s=JSON.stringify([e,i?.state??"",i?.title??""]);s===S||parent===window||(S=s,parent.postMessage({epidaurus:{state:e,room:i?.state??"",title:i?.title??""}},"*"))}function w(t){let e=Math.floor(t),s=c=>String(c).padStart(2,"0");return(e<3600?`${Math.floor(e/60)}`:`${Math.floor(e/3600)}:${s(Math.floor(e/60)%60)}`)+`:${s(e%60)}`}function W(){let t=new CSSStyleSheet;t.replaceSync(x),document.adoptedStyleSheets=[t],document.documentElement.lang=L,u("room",r.room),a.ariaLabel=r.seek,d("play").onclick=H,a.oninput=()=>v=!0,a.onchange=()=>{v=!1,n.currentTime=Number(a.value)};for(let e of["play","pause","playing","ended","durationchange","timeupdate"])n.addEventListener(e,f);document.addEventListener("visibilitychange",()=>{document.hidden||b()}),b(),R()}W();})();
