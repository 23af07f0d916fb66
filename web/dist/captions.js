var u=`/* White on black whatever the page's colours are: nothing is read more easily. */
#captions {
  width: min(46rem, 100%);
  margin: 1rem auto 0;
}
#captions [role="log"] {
  padding: 0.7em 0.9em;
  min-height: 4.6em;
  border: 1px solid #8a8a8a;
  border-radius: 0.5rem;
  background: #000;
  color: #fff;
  font-family: system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  line-height: 1.4;
  text-align: start;
  overflow-wrap: anywhere;
}
#captions p {
  margin: 0;
}
#captions p:not(:last-child) {
  color: #cfcfcf;
}
#captions .tools {
  display: flex;
  flex-wrap: wrap;
  gap: 0.5rem;
  margin-top: 0.4rem;
}
#captions .tools > *,
#cc {
  font: inherit;
  min-height: 2.75rem;
  min-width: 2.75rem;
  padding: 0.3rem 0.8rem;
  border: 1px solid currentColor;
  border-radius: 0.5rem;
  background: none;
  color: inherit;
  cursor: pointer;
}
#captions .tools option {
  color: #000;
  background: #fff;
}
#captions .tools :disabled {
  opacity: 0.5;
  cursor: default;
}
#cc[aria-pressed="true"] {
  background: #000;
  border-color: #8a8a8a;
  color: #fff;
}
`;var x={captions:"Captions",lines:"What is said, as text",larger:"Larger",smaller:"Smaller",language:"Language of the captions"},b={captions:"Sous-titres",lines:"Ce qui est dit, par écrit",larger:"Plus grand",smaller:"Plus petit",language:"Langue des sous-titres"},p={en:x,fr:b};var S=3,h=[1,1.3,1.7,2.2],m="epidaurus.captions",g=class{constructor(e=!1){this.always=e;this.toggle=s("button");this.root=s("section");this.#e=s("div");this.#l=s("div");this.#s=s("button");this.#o=s("button");this.#i=s("select");this.#t=new Map;this.#n=v();L(),this.toggle.type=this.#s.type=this.#o.type="button",this.toggle.id="cc",this.root.id="captions",this.#e.role="log",this.#e.ariaLive="off",this.#e.tabIndex=0,this.#l.className="tools",this.#l.append(this.#s,this.#o,this.#i),this.root.append(this.#e,this.#l),this.toggle.onclick=()=>this.#r({on:!this.#n.on}),this.#s.onclick=()=>this.#r({size:Math.max(0,this.#n.size-1)}),this.#o.onclick=()=>this.#r({size:Math.min(h.length-1,this.#n.size+1)}),this.#i.onchange=()=>this.#r({lang:this.#i.value}),new MutationObserver(()=>this.#a()).observe(document.documentElement,{attributeFilter:["lang"]}),this.#a()}#e;#l;#s;#o;#i;#t;#n;show(e){for(let n of e){let i=this.#t.get(n.lang)??[];this.#t.set(n.lang,i);let o=i.findIndex(l=>l.id===n.id);o<0?i.push(n):i[o]=n,n.text||i.splice(i.indexOf(n),1),i.splice(0,i.length-S)}this.#a()}exactly(e){this.#t.clear();for(let{lang:n,lines:i}of e)this.#t.set(n,i);this.#a()}#r(e){this.#n={...this.#n,...e};try{localStorage.setItem(m,JSON.stringify(this.#n))}catch{}this.#a()}get language(){let e=[...this.#t.keys()],n=document.documentElement.lang;return e.find(i=>i===this.#n.lang)??e.find(i=>i.split("-")[0]===n)??e[0]??""}#a(){let e=p[document.documentElement.lang]??p.en,{on:n,size:i}=this.#n;c(this.toggle,e.captions),this.toggle.ariaPressed=String(n),this.root.hidden=!this.always&&(!n||this.toggle.hidden),this.root.ariaLabel=this.#e.ariaLabel=e.lines,this.#e.style.fontSize=`${h[i]??h[1]}rem`,c(this.#s,e.smaller),c(this.#o,e.larger),this.#s.disabled=i===0,this.#o.disabled=i===h.length-1,this.#i.ariaLabel=e.language,this.#i.hidden=this.#t.size<2;let o=this.language;this.#i.options.length!==this.#t.size&&this.#i.replaceChildren(...[...this.#t.keys()].map(a=>new Option(w(a),a))),this.#i.value=o,this.#e.lang=o;let l=this.#t.get(o)??[];for(;this.#e.children.length>l.length;)this.#e.firstChild.remove();for(;this.#e.children.length<l.length;)this.#e.append(s("p"));l.forEach((a,f)=>{let d=this.#e.children[f];c(d,a.text),d.dataset.at=String(a.at),d.classList.toggle("grows",a.final===!1)})}};function w(t){try{return new Intl.DisplayNames([t],{type:"language"}).of(t)??t}catch{return t}}function v(){let t={on:!1,size:1,lang:""};try{return{...t,...JSON.parse(localStorage.getItem(m)??"{}")}}catch{return t}}function s(t){return document.createElement(t)}function c(t,e){t.textContent!==e&&(t.textContent=e)}function L(){let t=new CSSStyleSheet;t.replaceSync(u),document.adoptedStyleSheets=[...document.adoptedStyleSheets,t]}var r;document.addEventListener("epidaurus-moved",()=>r?.exactly([]));function M(t){r||(r=new g,document.getElementById("hand").before(r.toggle),document.getElementById("retry").after(r.root)),r.show(t)}export{M as present};
