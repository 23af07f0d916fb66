"use strict";(()=>{function F(){return crypto.getRandomValues(new Uint16Array(3)).reduce((t,e)=>t*65536+e,0)}function x(t,e){let i=F(),a=new URL(`${t}/beacon.json`,location.href).href,A=30,N=async()=>{if(!e())return!0;let h=await fetch(a,{credentials:"omit"});if(h.status===404)return!1;let u=await h.json();return A=Math.max(10,u.every_s)||30,i<281474976710656/u.one_in&&await fetch(new URL(u.url,a),{method:"POST",body:String(i),mode:"no-cors",credentials:"omit",referrerPolicy:"no-referrer",keepalive:!0}),!0},T=h=>{setTimeout(()=>{N().catch(()=>!0).then(u=>u&&T(.9+.2*Math.random()))},1e3*A*h)};T(Math.random())}var q=new TextDecoder;var R=22e6,se=3e3;var oe=3500;var L=1e3,D=1e4,C=4e3,m=class{constructor(e,i,a){this.audio=e;this.base=i;this.changed=a;this.phase="ready";this.retryAt=0;this.inside=void 0;this.reconnects=0;this.behind=!1;this.frame=0;this.delay=0;this.gaps=0;this.hourly=R;this.#e=L;this.#t=0;e.preload="none",x(i,()=>this.begun&&e.src.endsWith("8")),e.addEventListener("playing",()=>{this.phase="listening",this.#e=L,clearTimeout(this.#t),a()}),e.addEventListener("waiting",()=>{clearTimeout(this.#t),this.begun&&(this.#t=setTimeout(()=>this.#n(),C))}),e.addEventListener("pause",a),e.addEventListener("error",()=>this.#n()),e.addEventListener("ended",()=>e.src.endsWith("8")?this.leave():this.#n())}#e;#t;get begun(){return this.phase==="listening"}get seated(){return this.phase!=="ready"}size(){return 0}play(){let e=a=>this.audio.canPlayType(`audio/${a};codecs=opus`),i=e("mp4")&&this.audio.canPlayType("application/vnd.apple.mpegurl");this.audio.src=`${this.base}/${i?"hls/master.m3u8":e("ogg")?"live.ogg":"live.aac"}`,this.phase="joining",this.audio.play().catch(this.changed),this.changed()}pause(){this.leave()}leave(){clearTimeout(this.#t),this.audio.removeAttribute("src"),this.audio.load(),this.phase="ready",this.changed()}live(){this.play()}#n(){!this.seated||this.phase==="lost"||(this.phase="lost",this.retryAt=Date.now()+this.#e,setTimeout(()=>{this.phase==="lost"&&(this.reconnects++,this.play())},this.#e),this.#e=Math.min(2*this.#e,D),this.changed())}};var M=`/* As the listener's page, in the space of a postcard. The page around says how large that is. */
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
`;var P={weekday:"short",day:"numeric",month:"short",hour:"numeric",minute:"2-digit",timeZoneName:"short"},H={when:new Intl.DateTimeFormat("en",P),play:"Listen",pause:"Stop",seek:"Place in the recording",chip:"Live",replay:"Recorded",live:"On stage now.",hears:"You hear the stage.",doors:"The doors are open.",soon:"Not open yet.",joining:"Looking for sound…",again:"The line broke. Coming back…",ended:"This conversation has ended.",lost:"No answer. Trying again…",room:"Open the room"},$={when:new Intl.DateTimeFormat("fr",P),play:"Écouter",pause:"Arrêter",seek:"Endroit de l’enregistrement",chip:"En direct",replay:"Enregistré",live:"Sur scène en ce moment.",hears:"Vous entendez la scène.",doors:"Les portes sont ouvertes.",soon:"Pas encore ouvert.",joining:"On cherche le son…",again:"La ligne est coupée. On revient…",ended:"Cette conversation est terminée.",lost:"Pas de réponse. Nouvel essai…",room:"Ouvrir la salle"},b={en:H,fr:$};var z=3e4,j="M8 5v14l11-7z",W="M7 5h3.6v14H7zM13.4 5H17v14h-3.6z",g=location.pathname.replace(/\/embed\/?$/,""),n=l("audio"),d=l("seek"),_=V(),s=b[_],r,v=!1,f=!1,w=!1,U="";function l(t){return document.getElementById(t)}function V(){return[new URLSearchParams(location.search).get("lang")??"",...navigator.languages].map(e=>e.slice(0,2).toLowerCase()).find(e=>e in b)??"en"}var o=new m(n,g,y),c=()=>r?.state==="ended",B=()=>c()?!n.paused&&!!n.currentSrc:o.seated;function G(){if(!c())return o.seated?o.leave():o.play();if(!n.paused)return n.pause();if(!n.currentSrc){let t=n.canPlayType("audio/mp4;codecs=opus")&&n.canPlayType("application/vnd.apple.mpegurl");n.src=g+(t?"/hls/dvr.m3u8":n.canPlayType("audio/ogg;codecs=opus")?"/tape/floor/opus-48.ogg":"/tape/floor/opus-48.mp4")}n.play().catch(y)}async function E(){try{let t=await fetch(`${g}/event.json`,{cache:"no-store",credentials:"omit"});if(v=!t.ok,t.ok){let e=r?.state;r=await t.json(),c()&&e!=="ended"&&await Y(e!==void 0)}}catch{v=!0}y()}async function Y(t){t&&o.seated&&o.leave(),f=!(await fetch(`${g}/tape/index.json`,{credentials:"omit"})).ok}function O(){setTimeout(()=>{(document.hidden?Promise.resolve():E()).then(O)},z*(1+Math.random()))}function X(){return r?r.state==="announced"?r.start_ms?s.when.format(r.start_ms):s.soon:c()?f?s.ended:Number.isFinite(n.duration)?`${k(n.currentTime)} / ${k(n.duration)}`:s.replay:o.phase==="lost"?s.again:o.phase==="joining"?s.joining:r.state==="doors"?s.doors:o.seated?s.hears:s.live:v?s.lost:""}function p(t,e){let i=l(t);i.textContent!==e&&(i.textContent=e)}function y(){let t=B();r&&(p("title",r.title),l("title").lang=r.lang),p("status",X());let e=r?.state==="live"?s.chip:c()&&!f?s.replay:"";p("chip",e),l("chip").hidden=!e,document.body.dataset.state=r?.state??"";let i=l("play");i.ariaLabel=t?s.pause:s.play,i.toggleAttribute("disabled",!r||r.state==="announced"||f),l("icon").setAttribute("d",t?W:j),d.hidden=!c()||!Number.isFinite(n.duration),!d.hidden&&!w&&(d.max=String(Math.floor(n.duration)),d.value=String(n.currentTime),d.setAttribute("aria-valuetext",k(n.currentTime))),J(t)}function J(t){let e=c()?t&&n.currentTime>0?"playing":"paused":o.phase==="listening"?"playing":o.seated?"joining":"paused",i=JSON.stringify([e,r?.state??"",r?.title??""]);i===U||parent===window||(U=i,parent.postMessage({epidaurus:{state:e,room:r?.state??"",title:r?.title??""}},"*"))}function k(t){let e=Math.floor(t),i=a=>String(a).padStart(2,"0");return(e<3600?`${Math.floor(e/60)}`:`${Math.floor(e/3600)}:${i(Math.floor(e/60)%60)}`)+`:${i(e%60)}`}function K(){let t=new CSSStyleSheet;t.replaceSync(M),document.adoptedStyleSheets=[t],document.documentElement.lang=_,p("room",s.room),d.ariaLabel=s.seek,l("play").onclick=G,d.oninput=()=>w=!0,d.onchange=()=>{w=!1,n.currentTime=Number(d.value)};for(let e of["play","pause","playing","ended","durationchange","timeupdate"])n.addEventListener(e,y);document.addEventListener("visibilitychange",()=>{document.hidden||E()}),E(),O()}K();})();
