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
`;var x={captions:"Captions",lines:"What is said, as text",larger:"Larger",smaller:"Smaller",language:"Language of the captions"},b={captions:"Sous-titres",lines:"Ce qui est dit, par écrit",larger:"Plus grand",smaller:"Plus petit",language:"Langue des sous-titres"},p={en:x,fr:b};var S=3,h=[1,1.3,1.7,2.2],m="epidaurus.captions",g=class{constructor(t=!1){this.always=t;this.toggle=s("button");this.root=s("section");this.#t=s("div");this.#l=s("div");this.#s=s("button");this.#o=s("button");this.#i=s("select");this.#e=new Map;this.#n=L();v(),this.toggle.type=this.#s.type=this.#o.type="button",this.toggle.id="cc",this.root.id="captions",this.#t.role="log",this.#t.ariaLive="off",this.#t.tabIndex=0,this.#l.className="tools",this.#l.append(this.#s,this.#o,this.#i),this.root.append(this.#t,this.#l),this.toggle.onclick=()=>this.#r({on:!this.#n.on}),this.#s.onclick=()=>this.#r({size:Math.max(0,this.#n.size-1)}),this.#o.onclick=()=>this.#r({size:Math.min(h.length-1,this.#n.size+1)}),this.#i.onchange=()=>this.#r({lang:this.#i.value}),new MutationObserver(()=>this.#a()).observe(document.documentElement,{attributeFilter:["lang"]}),this.#a()}#t;#l;#s;#o;#i;#e;#n;show(t){for(let n of t){let i=this.#e.get(n.lang)??[];this.#e.set(n.lang,i);let o=i.findIndex(r=>r.id===n.id);o<0?i.push(n):i[o]=n,n.text||i.splice(i.indexOf(n),1),i.splice(0,i.length-S)}this.#a()}exactly(t){this.#e.clear();for(let{lang:n,lines:i}of t)this.#e.set(n,i);this.#a()}#r(t){this.#n={...this.#n,...t};try{localStorage.setItem(m,JSON.stringify(this.#n))}catch{}this.#a()}get language(){let t=[...this.#e.keys()],n=document.documentElement.lang;return t.find(i=>i===this.#n.lang)??t.find(i=>i.split("-")[0]===n)??t[0]??""}#a(){let t=p[document.documentElement.lang]??p.en,{on:n,size:i}=this.#n;c(this.toggle,t.captions),this.toggle.ariaPressed=String(n),this.root.hidden=!this.always&&(!n||this.toggle.hidden),this.root.ariaLabel=this.#t.ariaLabel=t.lines,this.#t.style.fontSize=`${h[i]??h[1]}rem`,c(this.#s,t.smaller),c(this.#o,t.larger),this.#s.disabled=i===0,this.#o.disabled=i===h.length-1,this.#i.ariaLabel=t.language,this.#i.hidden=this.#e.size<2;let o=this.language;this.#i.options.length!==this.#e.size&&this.#i.replaceChildren(...[...this.#e.keys()].map(a=>new Option(w(a),a))),this.#i.value=o,this.#t.lang=o;let r=this.#e.get(o)??[];for(;this.#t.children.length>r.length;)this.#t.firstChild.remove();for(;this.#t.children.length<r.length;)this.#t.append(s("p"));r.forEach((a,f)=>{let d=this.#t.children[f];c(d,a.text),d.dataset.at=String(a.at),d.classList.toggle("grows",a.final===!1)})}};function w(e){try{return new Intl.DisplayNames([e],{type:"language"}).of(e)??e}catch{return e}}function L(){let e={on:!1,size:1,lang:""};try{return{...e,...JSON.parse(localStorage.getItem(m)??"{}")}}catch{return e}}function s(e){return document.createElement(e)}function c(e,t){e.textContent!==t&&(e.textContent=t)}function v(){let e=new CSSStyleSheet;e.replaceSync(u),document.adoptedStyleSheets=[...document.adoptedStyleSheets,e]}var l;function M(e){l||(l=new g,document.getElementById("hand").before(l.toggle),document.getElementById("retry").after(l.root)),l.show(e)}export{M as present};
