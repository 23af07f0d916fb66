"use strict";(()=>{function I(){return crypto.getRandomValues(new Uint16Array(3)).reduce((n,e)=>n*65536+e,0)}function M(n,e){let t=I(),i=new URL(`${n}/beacon.json`,location.href).href,d=30,m=async()=>{if(!e())return!0;let g=await fetch(i,{credentials:"omit"});if(g.status===404)return!1;let p=await g.json();return d=Math.max(10,p.every_s)||30,t<281474976710656/p.one_in&&await fetch(new URL(p.url,i),{method:"POST",body:String(t),mode:"no-cors",credentials:"omit",referrerPolicy:"no-referrer",keepalive:!0}),!0},h=g=>{setTimeout(()=>{m().catch(()=>!0).then(p=>p&&h(.9+.2*Math.random()))},1e3*d*g)};h(Math.random())}var y=class{constructor(e){this.base=e}#e=new Set;#t=0;async ask(e){let t=await fetch(`${this.base}/hls/floor/events.json`,{signal:e??null,credentials:"omit"});if(t.status===410)return{last:this.#t,over:!0,events:[]};if(!t.ok)throw new Error(`${t.url} answers ${t.status}`);return this.learn(await t.json())}learn(e){if(e.last<this.#t)return{...e,events:[]};let t=({at:d,e:m})=>d+m.t,i=e.events.filter(d=>!this.#e.has(t(d)));return this.#e=new Set(e.events.map(t)),this.#t=e.last,{...e,events:i}}};var se=new TextDecoder;var v=class{#e=[];add(e,t){let i=this.#e.length;for(;i>0&&this.#e[i-1].at>e;)i--;this.#e.splice(i,0,{at:e,event:t})}due(e){let t=this.#e.findIndex(i=>i.at>e);return this.#e.splice(0,t<0?this.#e.length:t).map(i=>i.event)}clear(){this.#e=[]}};var P=22e6,ue=3e3;var me=3500;var _=1e3,C=1e4,$=4e3,H=2e3,j=250,z=8,W=4,b=class{constructor(e,t,i,d){this.audio=e;this.base=t;this.changed=i;this.show=d;this.phase="ready";this.retryAt=0;this.inside=void 0;this.reconnects=0;this.behind=!1;this.delay=0;this.gaps=0;this.hourly=P;this.#e=_;this.#t=0;this.#a=new v;this.#d=NaN;this.#n=0;this.#i=0;this.#l=!1;e.preload="none",this.#o=new y(t),M(t,()=>this.begun&&this.#r),e.addEventListener("playing",()=>{this.phase="listening",this.#e=_,clearTimeout(this.#t),i()}),e.addEventListener("waiting",()=>{clearTimeout(this.#t),this.begun&&(this.#t=setTimeout(()=>this.#s(),$))}),e.addEventListener("pause",i),e.addEventListener("error",()=>this.#s()),e.addEventListener("ended",()=>this.#l?this.#h():this.#r?this.leave():this.#s()),d&&(setInterval(()=>{this.#u().catch(()=>{})},H),setInterval(()=>this.#c(this.frame),j))}#e;#t;#o;#a;#d;#n;#i;#l;get begun(){return this.phase==="listening"}get seated(){return!["ready","ended"].includes(this.phase)}get frame(){if(!this.#i||!this.begun)return 0;let e=this.audio,t=(e.getStartDate?.().getTime()??NaN)/1e3+e.currentTime-this.#d;if(!Number.isNaN(t))return Math.max(0,Math.floor(t*50));let i=(performance.now()-this.#i)/1e3-(this.#r?z:W);return Math.max(0,this.#n+Math.floor(i*50))}size(){return 0}play(){let e=i=>this.audio.canPlayType(`audio/${i};codecs=opus`),t=e("mp4")&&this.audio.canPlayType("application/vnd.apple.mpegurl");this.audio.src=`${this.base}/${t?"hls/master.m3u8":e("ogg")?"live.ogg":"live.aac"}`,this.phase="joining",this.audio.play().catch(this.changed),this.changed()}pause(){this.leave()}leave(){clearTimeout(this.#t),this.audio.removeAttribute("src"),this.audio.load(),this.phase="ready",this.changed()}live(){this.play()}get#r(){return this.audio.src.endsWith("8")}async#u(){if(!this.seated)return;let{last:e,over:t,epoch:i,events:d}=await this.#o.ask();if(!(e<this.#n)){this.#i=performance.now(),this.#n=e,this.#l=t,i&&(this.#d=Date.parse(i)/1e3);for(let{at:m,e:h}of d)h.t!=="moved"&&this.#a.add("at"in h?h.at:m,h);t&&this.phase==="lost"&&this.#h()}}#c(e){let t=this.#a.due(e);t.forEach(this.show),t.length&&this.changed()}#h(){this.leave(),this.phase="ended",this.#c(1/0),this.changed()}#s(){!this.seated||this.phase==="lost"||(this.phase="lost",this.retryAt=Date.now()+this.#e,setTimeout(()=>{this.phase==="lost"&&(this.reconnects++,this.play())},this.#e),this.#e=Math.min(2*this.#e,C),this.changed())}};var U=`/* As the listener's page, in the space of a postcard. The page around says how large that is. */
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
`;var O={weekday:"short",day:"numeric",month:"short",hour:"numeric",minute:"2-digit",timeZoneName:"short"},B={when:new Intl.DateTimeFormat("en",O),play:"Listen",pause:"Stop",seek:"Place in the recording",chip:"Live",replay:"Recorded",live:"On stage now.",hears:"You hear the stage.",doors:"The doors are open.",soon:"Not open yet.",joining:"Looking for sound…",again:"The line broke. Coming back…",ended:"This conversation has ended.",lost:"No answer. Trying again…",room:"Open the room"},G={when:new Intl.DateTimeFormat("fr",O),play:"Écouter",pause:"Arrêter",seek:"Endroit de l’enregistrement",chip:"En direct",replay:"Enregistré",live:"Sur scène en ce moment.",hears:"Vous entendez la scène.",doors:"Les portes sont ouvertes.",soon:"Pas encore ouvert.",joining:"On cherche le son…",again:"La ligne est coupée. On revient…",ended:"Cette conversation est terminée.",lost:"Pas de réponse. Nouvel essai…",room:"Ouvrir la salle"},T={en:B,fr:G};var Y=3e4,K="M8 5v14l11-7z",X="M7 5h3.6v14H7zM13.4 5H17v14h-3.6z",A=location.pathname.replace(/\/embed\/?$/,""),r=c("audio"),l=c("seek"),D=J(),o=T[D],s,S=!1,E=!1,x=!1,N="";function c(n){return document.getElementById(n)}function J(){return[new URLSearchParams(location.search).get("lang")??"",...navigator.languages].map(e=>e.slice(0,2).toLowerCase()).find(e=>e in T)??"en"}var a=new b(r,A,k),u=()=>s?.state==="ended",Z=()=>u()?!r.paused&&!!r.currentSrc:a.seated;function q(){if(!u())return a.seated?a.leave():a.play();if(!r.paused)return r.pause();if(!r.currentSrc){let n=r.canPlayType("audio/mp4;codecs=opus")&&r.canPlayType("application/vnd.apple.mpegurl");r.src=A+(n?"/hls/dvr.m3u8":r.canPlayType("audio/ogg;codecs=opus")?"/tape/floor/opus-48.ogg":"/tape/floor/opus-48.mp4")}r.play().catch(k)}async function R(){try{let n=await fetch(`${A}/event.json`,{cache:"no-store",credentials:"omit"});if(S=!n.ok,n.ok){let e=s?.state;s=await n.json(),u()&&e!=="ended"&&await Q(e!==void 0)}}catch{S=!0}k()}async function Q(n){n&&a.seated&&a.leave(),E=!(await fetch(`${A}/tape/index.json`,{credentials:"omit"})).ok}function F(){setTimeout(()=>{(document.hidden?Promise.resolve():R()).then(F)},Y*(1+Math.random()))}function ee(){return s?s.state==="announced"?s.start_ms?o.when.format(s.start_ms):o.soon:u()?E?o.ended:Number.isFinite(r.duration)?`${L(r.currentTime)} / ${L(r.duration)}`:o.replay:a.phase==="lost"?o.again:a.phase==="joining"?o.joining:s.state==="doors"?o.doors:a.seated?o.hears:o.live:S?o.lost:""}function w(n,e){let t=c(n);t.textContent!==e&&(t.textContent=e)}function k(){let n=Z();s&&(w("title",s.title),c("title").lang=s.lang),w("status",ee());let e=s?.state==="live"?o.chip:u()&&!E?o.replay:"";w("chip",e),c("chip").hidden=!e,document.body.dataset.state=s?.state??"";let t=c("play");t.ariaLabel=n?o.pause:o.play,t.toggleAttribute("disabled",!s||s.state==="announced"||E),c("icon").setAttribute("d",n?X:K),l.hidden=!u()||!Number.isFinite(r.duration),!l.hidden&&!x&&(l.max=String(Math.floor(r.duration)),l.value=String(r.currentTime),l.setAttribute("aria-valuetext",L(r.currentTime))),te(n)}function te(n){let e=u()?n&&r.currentTime>0?"playing":"paused":a.phase==="listening"?"playing":a.seated?"joining":"paused",t=JSON.stringify([e,s?.state??"",s?.title??""]);t===N||parent===window||(N=t,parent.postMessage({epidaurus:{state:e,room:s?.state??"",title:s?.title??""}},"*"))}function L(n){let e=Math.floor(n),t=i=>String(i).padStart(2,"0");return(e<3600?`${Math.floor(e/60)}`:`${Math.floor(e/3600)}:${t(Math.floor(e/60)%60)}`)+`:${t(e%60)}`}function ne(){let n=new CSSStyleSheet;n.replaceSync(U),document.adoptedStyleSheets=[n],document.documentElement.lang=D,w("room",o.room),l.ariaLabel=o.seek,c("play").onclick=q,l.oninput=()=>x=!0,l.onchange=()=>{x=!1,r.currentTime=Number(l.value)};for(let e of["play","pause","playing","ended","durationchange","timeupdate"])r.addEventListener(e,k);document.addEventListener("visibilitychange",()=>{document.hidden||R()}),R(),F()}ne();})();
