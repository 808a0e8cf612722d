var e=globalThis,t=e=>e,n=e.trustedTypes,r=n?n.createPolicy(`lit-html`,{createHTML:e=>e}):void 0,i=`$lit$`,a=`lit$${Math.random().toFixed(9).slice(2)}$`,o=`?`+a,s=`<${o}>`,c=document,l=()=>c.createComment(``),u=e=>e===null||typeof e!=`object`&&typeof e!=`function`,d=Array.isArray,f=e=>d(e)||typeof e?.[Symbol.iterator]==`function`,p=`[ 	
\f\r]`,m=/<(?:(!--|\/[^a-zA-Z])|(\/?[a-zA-Z][^>\s]*)|(\/?$))/g,h=/-->/g,ee=/>/g,g=RegExp(`>|${p}(?:([^\\s"'>=/]+)(${p}*=${p}*(?:[^ \t\n\f\r"'\`<>=]|("|')|))|$)`,`g`),te=/'/g,ne=/"/g,re=/^(?:script|style|textarea|title)$/i,_=e=>(t,...n)=>({_$litType$:e,strings:t,values:n}),v=_(1),y=_(2),b=Symbol.for(`lit-noChange`),x=Symbol.for(`lit-nothing`),ie=new WeakMap,S=c.createTreeWalker(c,129);function ae(e,t){if(!d(e)||!e.hasOwnProperty(`raw`))throw Error(`invalid template strings array`);return r===void 0?t:r.createHTML(t)}var oe=(e,t)=>{let n=e.length-1,r=[],o,c=t===2?`<svg>`:t===3?`<math>`:``,l=m;for(let t=0;t<n;t++){let n=e[t],u,d,f=-1,p=0;for(;p<n.length&&(l.lastIndex=p,d=l.exec(n),d!==null);)p=l.lastIndex,l===m?d[1]===`!--`?l=h:d[1]===void 0?d[2]===void 0?d[3]!==void 0&&(l=g):(re.test(d[2])&&(o=RegExp(`</`+d[2],`g`)),l=g):l=ee:l===g?d[0]===`>`?(l=o??m,f=-1):d[1]===void 0?f=-2:(f=l.lastIndex-d[2].length,u=d[1],l=d[3]===void 0?g:d[3]===`"`?ne:te):l===ne||l===te?l=g:l===h||l===ee?l=m:(l=g,o=void 0);let _=l===g&&e[t+1].startsWith(`/>`)?` `:``;c+=l===m?n+s:f>=0?(r.push(u),n.slice(0,f)+i+n.slice(f)+a+_):n+a+(f===-2?t:_)}return[ae(e,c+(e[n]||`<?>`)+(t===2?`</svg>`:t===3?`</math>`:``)),r]},se=class e{constructor({strings:t,_$litType$:r},s){let c;this.parts=[];let u=0,d=0,f=t.length-1,p=this.parts,[m,h]=oe(t,r);if(this.el=e.createElement(m,s),S.currentNode=this.el.content,r===2||r===3){let e=this.el.content.firstChild;e.replaceWith(...e.childNodes)}for(;(c=S.nextNode())!==null&&p.length<f;){if(c.nodeType===1){if(c.hasAttributes())for(let e of c.getAttributeNames())if(e.endsWith(i)){let t=h[d++],n=c.getAttribute(e).split(a),r=/([.?@])?(.*)/.exec(t);p.push({type:1,index:u,name:r[2],strings:n,ctor:r[1]===`.`?le:r[1]===`?`?ue:r[1]===`@`?de:T}),c.removeAttribute(e)}else e.startsWith(a)&&(p.push({type:6,index:u}),c.removeAttribute(e));if(re.test(c.tagName)){let e=c.textContent.split(a),t=e.length-1;if(t>0){c.textContent=n?n.emptyScript:``;for(let n=0;n<t;n++)c.append(e[n],l()),S.nextNode(),p.push({type:2,index:++u});c.append(e[t],l())}}}else if(c.nodeType===8){if(c.data===o)p.push({type:2,index:u});else{let e=-1;for(;(e=c.data.indexOf(a,e+1))!==-1;)p.push({type:7,index:u}),e+=a.length-1}}u++}}static createElement(e,t){let n=c.createElement(`template`);return n.innerHTML=e,n}};function C(e,t,n=e,r){if(t===b)return t;let i=r===void 0?n._$Cl:n._$Co?.[r],a=u(t)?void 0:t._$litDirective$;return i?.constructor!==a&&(i?._$AO?.(!1),a===void 0?i=void 0:(i=new a(e),i._$AT(e,n,r)),r===void 0?n._$Cl=i:(n._$Co??=[])[r]=i),i!==void 0&&(t=C(e,i._$AS(e,t.values),i,r)),t}var ce=class{constructor(e,t){this._$AV=[],this._$AN=void 0,this._$AD=e,this._$AM=t}get parentNode(){return this._$AM.parentNode}get _$AU(){return this._$AM._$AU}u(e){let{el:{content:t},parts:n}=this._$AD,r=(e?.creationScope??c).importNode(t,!0);S.currentNode=r;let i=S.nextNode(),a=0,o=0,s=n[0];for(;s!==void 0;){if(a===s.index){let t;s.type===2?t=new w(i,i.nextSibling,this,e):s.type===1?t=new s.ctor(i,s.name,s.strings,this,e):s.type===6&&(t=new fe(i,this,e)),this._$AV.push(t),s=n[++o]}a!==s?.index&&(i=S.nextNode(),a++)}return S.currentNode=c,r}p(e){let t=0;for(let n of this._$AV)n!==void 0&&(n.strings===void 0?n._$AI(e[t]):(n._$AI(e,n,t),t+=n.strings.length-2)),t++}},w=class e{get _$AU(){return this._$AM?._$AU??this._$Cv}constructor(e,t,n,r){this.type=2,this._$AH=x,this._$AN=void 0,this._$AA=e,this._$AB=t,this._$AM=n,this.options=r,this._$Cv=r?.isConnected??!0}get parentNode(){let e=this._$AA.parentNode,t=this._$AM;return t!==void 0&&e?.nodeType===11&&(e=t.parentNode),e}get startNode(){return this._$AA}get endNode(){return this._$AB}_$AI(e,t=this){e=C(this,e,t),u(e)?e===x||e==null||e===``?(this._$AH!==x&&this._$AR(),this._$AH=x):e!==this._$AH&&e!==b&&this._(e):e._$litType$===void 0?e.nodeType===void 0?f(e)?this.k(e):this._(e):this.T(e):this.$(e)}O(e){return this._$AA.parentNode.insertBefore(e,this._$AB)}T(e){this._$AH!==e&&(this._$AR(),this._$AH=this.O(e))}_(e){this._$AH!==x&&u(this._$AH)?this._$AA.nextSibling.data=e:this.T(c.createTextNode(e)),this._$AH=e}$(e){let{values:t,_$litType$:n}=e,r=typeof n==`number`?this._$AC(e):(n.el===void 0&&(n.el=se.createElement(ae(n.h,n.h[0]),this.options)),n);if(this._$AH?._$AD===r)this._$AH.p(t);else{let e=new ce(r,this),n=e.u(this.options);e.p(t),this.T(n),this._$AH=e}}_$AC(e){let t=ie.get(e.strings);return t===void 0&&ie.set(e.strings,t=new se(e)),t}k(t){d(this._$AH)||(this._$AH=[],this._$AR());let n=this._$AH,r,i=0;for(let a of t)i===n.length?n.push(r=new e(this.O(l()),this.O(l()),this,this.options)):r=n[i],r._$AI(a),i++;i<n.length&&(this._$AR(r&&r._$AB.nextSibling,i),n.length=i)}_$AR(e=this._$AA.nextSibling,n){for(this._$AP?.(!1,!0,n);e!==this._$AB;){let n=t(e).nextSibling;t(e).remove(),e=n}}setConnected(e){this._$AM===void 0&&(this._$Cv=e,this._$AP?.(e))}},T=class{get tagName(){return this.element.tagName}get _$AU(){return this._$AM._$AU}constructor(e,t,n,r,i){this.type=1,this._$AH=x,this._$AN=void 0,this.element=e,this.name=t,this._$AM=r,this.options=i,n.length>2||n[0]!==``||n[1]!==``?(this._$AH=Array(n.length-1).fill(new String),this.strings=n):this._$AH=x}_$AI(e,t=this,n,r){let i=this.strings,a=!1;if(i===void 0)e=C(this,e,t,0),a=!u(e)||e!==this._$AH&&e!==b,a&&(this._$AH=e);else{let r=e,o,s;for(e=i[0],o=0;o<i.length-1;o++)s=C(this,r[n+o],t,o),s===b&&(s=this._$AH[o]),a||=!u(s)||s!==this._$AH[o],s===x?e=x:e!==x&&(e+=(s??``)+i[o+1]),this._$AH[o]=s}a&&!r&&this.j(e)}j(e){e===x?this.element.removeAttribute(this.name):this.element.setAttribute(this.name,e??``)}},le=class extends T{constructor(){super(...arguments),this.type=3}j(e){this.element[this.name]=e===x?void 0:e}},ue=class extends T{constructor(){super(...arguments),this.type=4}j(e){this.element.toggleAttribute(this.name,!!e&&e!==x)}},de=class extends T{constructor(e,t,n,r,i){super(e,t,n,r,i),this.type=5}_$AI(e,t=this){if((e=C(this,e,t,0)??x)===b)return;let n=this._$AH,r=e===x&&n!==x||e.capture!==n.capture||e.once!==n.once||e.passive!==n.passive,i=e!==x&&(n===x||r);r&&this.element.removeEventListener(this.name,this,n),i&&this.element.addEventListener(this.name,this,e),this._$AH=e}handleEvent(e){typeof this._$AH==`function`?this._$AH.call(this.options?.host??this.element,e):this._$AH.handleEvent(e)}},fe=class{constructor(e,t,n){this.element=e,this.type=6,this._$AN=void 0,this._$AM=t,this.options=n}get _$AU(){return this._$AM._$AU}_$AI(e){C(this,e)}},pe={M:i,P:a,A:o,C:1,L:oe,R:ce,D:f,V:C,I:w,H:T,N:ue,U:de,B:le,F:fe},me=e.litHtmlPolyfillSupport;me?.(se,w),(e.litHtmlVersions??=[]).push(`3.3.3`);var he=(e,t,n)=>{let r=n?.renderBefore??t,i=r._$litPart$;if(i===void 0){let e=n?.renderBefore??null;r._$litPart$=i=new w(t.insertBefore(l(),e),e,void 0,n??{})}return i._$AI(e),i},E=Object.freeze({past:[],now:[],next:[]}),D={accept:`accepted`,reject:`rejected`,restore:``},O=new Set([`accept`,`reject`]);function ge(e,t){let n=e.at(-1);return t.do===`set`&&n?.do===`set`&&n.key===t.key?[...e.slice(0,-1),{...n,...t}]:[...e.filter(e=>t.do===`write`?e.do!==`write`||e.section!==t.section:t.do===`move`?e.do!==`move`||e.key!==t.key:!O.has(t.do)||!(O.has(e.do)&&`key`in e&&`key`in t&&e.key===t.key)),t]}function _e(e,t){return{past:[...e.past,e.now],now:ge(e.now,t),next:[]}}function ve(e,t,n,r){let i=e.now.find(e=>O.has(e.do)&&`key`in e&&e.key===t),a=e.now.some(e=>e.do===`restore`&&e.key===t),o=i?D[i.do]:a?``:r,s=e.now;return o===D[n]?s=i?s.filter(e=>e!==i):[...s,{do:`restore`,key:t}]:(r===`rejected`&&!a&&!i&&(s=[...s,{do:`restore`,key:t}]),s=ge(s,{do:n,key:t})),{past:[...e.past,e.now],now:s,next:[]}}function ye(e,t){let n=e.now.filter(e=>e.do!==`write`||e.section!==t);return n.length===e.now.length?e:{past:[...e.past,e.now],now:n,next:[]}}function be(e){let t=e.past.at(-1);return t?{past:e.past.slice(0,-1),now:t,next:[e.now,...e.next]}:e}function xe(e){let[t,...n]=e.next;return t?{past:[...e.past,e.now],now:t,next:n}:e}function k(e){return{...be(e),next:[]}}function Se(e,t,n=[]){let r=new Set([...t.map(e=>e.key),...n]),i=e=>!(`key`in e)||r.has(e.key);return{kept:e.filter(i),lost:e.filter(e=>!i(e))}}function Ce(e,t){return t.do===`add`||t.do===`write`?[...e]:e.map(e=>e.key===t.key?we(e,t):e)}function we(e,t){let n=e.verdict===`added`?`added`:`changed`;if(t.do===`move`)return{...e,boxes:t.boxes,verdict:n};if(t.do!==`set`)return{...e,verdict:D[t.do]};let{severity:r,do:i,key:a,...o}=t,s={...e.attributes};return r?s.severity=r:r===``&&delete s.severity,{...e,...o,attributes:s,verdict:n}}function Te(e,t){if(!e)return``;if(e.do===`write`)return`rewrite the ${e.section}`;if(e.do===`add`)return`add ${e.concept}`;let n=t.find(t=>t.key===e.key)?.label.toLowerCase()??`a finding`;if(e.do===`move`)return`move the box of ${n}`;if(e.do===`set`){let{do:t,key:r,...i}=e;return`change the ${Object.keys(i).join(` and `)} of ${n}`}return`${e.do} ${n}`}var Ee={check:`M3.5 8.5l3 3 6-7`,cross:`M4 4l8 8M12 4l-8 8`,undo:`M6 3.5L3 6.5l3 3M3 6.5h6.5a3.5 3.5 0 010 7H6`,redo:`M10 3.5l3 3-3 3M13 6.5H6.5a3.5 3.5 0 000 7H10`,plus:`M8 3v10M3 8h10`,copy:`M5.5 5.5V3h7.5v7.5h-2.5M3 5.5h7.5V13H3z`,pen:`M3 13l.7-3L10.5 3.200l2.300 2.300L6 12.300z`,save:`M3 3h8l2 2v8H3zM5.500 3v3.500h4.500V3M5.500 13V9.500h5V13`,seal:`M8 2l1.700 1.300 2.100-.1.6 2 1.700 1.200-.8 1.900.8 1.900-1.700 1.200-.6 2-2.100-.1L8 14.600l-1.700-1.300-2.100.1-.6-2-1.700-1.200.8-1.900-.8-1.900 1.700-1.200.6-2 2.100.1zM5.700 8.300l1.700 1.700 3-3.400`,list:`M5.500 4h8M5.500 8h8M5.500 12h8M2.500 4h.01M2.500 8h.01M2.500 12h.01`,search:`M7 2.500a4.500 4.500 0 100 9 4.500 4.500 0 000-9zM10.300 10.300L14 14`,left:`M10 3L5 8l5 5`,right:`M6 3l5 5-5 5`,down:`M3.500 6l4.500 4.500L12.500 6`,help:`M6 6.200a2 2 0 113.200 1.600c-.7.500-1.200.9-1.200 1.700M8 12h.01`,box:`M3 3h10v10H3z`,eye:`M1.500 8S4 3.500 8 3.500 14.500 8 14.500 8 12 12.500 8 12.500 1.500 8 1.500 8zM8 6a2 2 0 100 4 2 2 0 000-4z`,invert:`M8 2.500a5.500 5.500 0 100 11 5.500 5.500 0 000-11zM8 2.500v11M8 5h2.500M8 8h5M8 11h2.500`,reset:`M3 8a5 5 0 101.500-3.600L3 6M3 3v3h3`,turn:`M13 8a5 5 0 11-1.500-3.600L13 6M13 3v3h-3`,flip:`M8 2v12M6 4.500L2.500 11.500H6zM10 4.500l3.500 7H10z`,beside:`M2.500 3.500h11v9h-11zM8 3.500v9`,swap:`M3 5.500h9L9.500 3M13 10.500H4L6.500 13`,ruler:`M2 10.500L10.500 2 14 5.500 5.500 14zM5 7.500l1.500 1.500M7.500 5l1.500 1.500`,bone:`M5 5l6 6M4.800 5.200A1.700 1.700 0 113.500 3a1.700 1.700 0 112.200 1.300M11.200 10.800a1.700 1.700 0 111.300 2.200 1.700 1.700 0 11-2.200-1.300`,alert:`M8 2.500L14.500 13.500h-13zM8 6.500v3.500M8 12h.01`,clock:`M8 2.500a5.500 5.500 0 100 11 5.500 5.500 0 000-11zM8 5v3.200l2 1.300`,file:`M4 2.500h5l3 3v8H4zM9 2.500v3h3`,retry:`M13 8a5 5 0 11-1.500-3.600L13 6M13 3v3h-3`,print:`M4.500 6V2.500h7V6M4.500 11.500H2.500V6h11v5.500h-2M4.500 9.500h7v4h-7z`,move:`M8 2v12M2 8h12M8 2L6 4M8 2l2 2M8 14l-2-2M8 14l2-2M2 8l2-2M2 8l2 2M14 8l-2-2M14 8l-2 2`,up:`M8 13V3M4 7l4-4 4 4`,fall:`M8 3v10M4 9l4 4 4-4`,same:`M3 6h10M3 10h10`};function A(e){return v`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d=${Ee[e]}></path></svg>`}function j(e){let t=e===`present`?y`<circle cx="8" cy="8" r="5" class="full"></circle>`:e===`uncertain`?y`<circle cx="8" cy="8" r="4.500"></circle><path class="full bare" d="M8 3.500a4.500 4.500 0 000 9z"></path>`:e===`absent`?y`<circle cx="8" cy="8" r="4.500"></circle>`:y`<path d="M4 8h8"></path>`;return v`<svg class="disc ${e.replace(` `,`-`)}" viewBox="0 0 16 16" aria-hidden="true" focusable="false">${t}</svg>`}function De(e){return v`<svg class="gauge" viewBox="0 0 48 4" aria-hidden="true" focusable="false"><rect width="48" height="4" rx="2" class="rail"></rect><rect width=${Math.max(2,48*e).toFixed(1)} height="4" rx="2"></rect></svg>`}var Oe=[`Jan`,`Feb`,`Mar`,`Apr`,`May`,`Jun`,`Jul`,`Aug`,`Sep`,`Oct`,`Nov`,`Dec`],ke={"":``,left:`left`,right:`right`,bilateral:`both sides`},Ae={sr:`DICOM SR`,seg:`DICOM SEG`,gsps:`DICOM GSPS`,sc:`DICOM secondary capture`,fhir:`FHIR bundle`,html:`HTML report`,json:`study record`,dcm:`DICOM`};function je(e){return Ae[e]??e}var Me=Object.freeze([`indication`,`technique`,`comparison`,`findings`,`impression`]);function M(e){return e.slice(0,1).toUpperCase()+e.slice(1)}function N(e,{hour:t=!1,unknown:n=`Date unknown`}={}){let r=/^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d))?/.exec(e??``);if(!r)return n;let[,i,a,o,s,c]=r,l=`${Number(o)} ${Oe[Number(a)-1]??`?`} ${i}`;return t&&s?`${l}, ${s}:${c}`:l}function Ne(e,t){let n=(Date.parse(t)-Date.parse(e))/36e5;if(!Number.isFinite(n)||n===0)return``;let r=Math.abs(n),[i,a]=[[8766,`year`],[24*30.44,`month`],[168,`week`],[24,`day`],[1,`hour`]].find(([e])=>r>=2*e)??[1,`hour`],o=Math.max(1,Math.round(r/i));return`${o} ${a}${o>1?`s`:``} ${n>0?`earlier`:`later`}`}function P(e){return e===null?``:e<.005?`< 0.01`:e>.995?`> 0.99`:e.toFixed(2)}function F(e){return ke[e]??e}function Pe(e){return typeof e==`number`&&Number.isFinite(e)?e:null}function Fe(e){let t=[];e.probability!==null&&(t.push(`Probability ${P(e.probability)}`),t.push(e.calibration&&e.calibration!==`uncalibrated`?`Calibrated: ${e.calibration}`:`Not calibrated: a score that ranks, not a chance; 0.50 is no boundary`));let n=Pe(e.evidence?.auroc),r=e.evidence?.interval;if(n!==null){let[i,a]=Array.isArray(r)?r.map(Pe):[],o=i!=null&&a!=null?` (95 % interval ${i.toFixed(2)} to ${a.toFixed(2)})`:``;t.push(`AUROC in tests ${n.toFixed(2)}${o}`);let s=Pe(e.evidence?.n),c=e.evidence?.dataset;s!==null&&t.push(`On ${s.toLocaleString(`en`)} films${typeof c==`string`?` of ${c}`:``}`)}else e.probability!==null&&t.push(`No published test of this label`);return e.made_by.name&&t.push(`${e.verdict===`changed`?`Changed`:e.reader?`Added`:`Said`} by ${e.made_by.name}`),t}function Ie(e){return[e.label,e.state,e.attributes.severity,F(e.side),e.change,e.probability===null?``:`probability ${P(e.probability)}`,e.verdict].filter(Boolean).join(`, `)}function Le(e){return e.sites.join(`; `)||F(e.side)}function Re(e,t){let n=ze(e).filter(({text:e})=>e).map(({name:e,text:t})=>`${e.toUpperCase()}:\n${t}`),r=e.status===`final`?`Final report.`:`Draft, not signed.`;return[...n,`${r} ${t}`.trim()].join(`

`)+`
`}function ze(e){return[...new Set([...Me,...Object.keys(e.sections),...e.sentences.map(e=>e.section)])].map(t=>{let n=e.sentences.flatMap((e,n)=>e.section===t?[{index:n,text:e.text,findings:e.findings}]:[]);return{name:t,text:e.sections[t]??n.map(e=>e.text).join(` `),sentences:n}})}function Be(e,t){let n=t.find(t=>t.key===e.finding)?.label.toLowerCase()??e.finding,r=e=>e.length>80?`${e.slice(0,79)}…`:e,i=e.before?` from ${r(e.before)}`:``,a=e.after?` to ${r(e.after)}`:``;return/^(accept|reject|restore|add|move)/.test(e.what)?`${e.what} ${n}`.trim():e.what===`set`&&e.before&&e.after?`change ${n}: ${r(e.before)} → ${r(e.after)}`:`${e.what} ${n}`.trim()+i+a}function Ve(e){let t=e.place.at===`study`,n=t&&(e.session?.features.worklist||e.problem!==null);return v`<header class="bar">
    <a class="brand" href="#/" aria-label=${n?`Back to the worklist`:`Hilum, the reading room`} data-tip=${n?`Worklist (w)`:``}>
      <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M11 4v5M11 9c0 2-1.500 3-3.500 3.500M11 9c0 2 2 3 4 3.500M8.500 5C5 6.500 3 11.500 3 17c0 2 1 2.500 2.500 2 2.500-.8 4-2 4-5M14 5c4 1.500 7 6.500 7 12 0 2-1 2.500-2.500 2-2.500-.8-4-2-4-5"></path></svg>
      ${n?A(`left`):x}<span>${n?`Worklist`:`Hilum`}</span>
    </a>
    ${t?He(e):v`<span class="grow"></span>`}
    ${t&&e.shown?Ue(e):x}
    <button class="button quiet square" aria-label="Keys and help" data-tip="Keys (?)" @click=${()=>e.open({open:`help`})}>${A(`help`)}</button>
    ${e.session?.user?v`<span class="user" data-tip=${`Signed in as ${e.session.user}\n${e.session.roles.join(`, `)}`}>${e.session.user}</span>`:x}
    ${e.session?.features.signout?v`<form method="post" action="signout"><button class="button quiet">Sign out</button></form>`:x}
  </header>`}function He(e){let t=e.shown;return t?v`<div class="title">
    <h1>${t.patient||t.label||t.id}</h1>
    <span class="soft">${[t.patient?t.label:``,N(t.time,{hour:!0})].filter(Boolean).join(` · `)}</span>
    <span class="state ${t.state}"><i></i>${M(t.state)}</span>
    ${t.synthetic?v`<span class="chip synthetic" data-tip="Computed films of a virtual patient; nobody was exposed">Synthetic</span>`:x}
  </div>`:v`<span class="grow"></span>`}function Ue(e){let{edits:t}=e,n=e.shown?.findings??[],r=Te(t.now.at(-1),n),i=t.now.length+ +!!e.typed,a=e.session?.readonly??!1,o=e.saved?.report.status===`final`;return v`<div class="work">
    ${e.list.rows.length>1?v`<span class="pair">
          <button class="button quiet square" aria-label="Previous study" data-tip="Previous study (k)" @click=${()=>e.walk(-1)}>${A(`left`)}</button>
          <button class="button quiet square" aria-label="Next study" data-tip="Next study (j)" @click=${()=>e.walk(1)}>${A(`right`)}</button>
        </span>`:x}
    ${a?v`<span class="chip">Read only</span>`:v`<span class="pair">
            <button class="button quiet square" aria-label="Undo" data-tip=${r?`Undo: ${r} (u)`:`Nothing to undo`} ?disabled=${!t.past.length} @click=${()=>e.undo()}>${A(`undo`)}</button>
            <button class="button quiet square" aria-label="Do again" data-tip="Do again (U)" ?disabled=${!t.next.length} @click=${()=>e.redo()}>${A(`redo`)}</button>
          </span>
          <span class="unsaved" role="status">${i?v`<i></i>${i} unsaved`:e.saving?`Saving…`:``}</span>
          <button class="button ${i?`primary`:``}" ?disabled=${!i||e.saving} data-tip="Save (Ctrl + S)" @click=${()=>void e.save(!1)}>${A(`save`)}Save</button>
          <button class="button" ?disabled=${!e.canEdit||o&&!i} @click=${()=>e.open({open:`final`})}>${A(`seal`)}${o&&!i?`Final`:`Mark final`}</button>`}
  </div>`}var We=(function(){let e=typeof document<`u`&&document.createElement(`link`).relList;return e&&e.supports&&e.supports(`modulepreload`)?`modulepreload`:`preload`})(),Ge=function(e,t){return new URL(e,t).href},Ke={},qe=function(e){return e.pathname.endsWith(`.css`)},Je=function(e,t,n){if(t in e)return e[t];let r=n();if(!r){e[t]=void 0;return}let i=r.then(()=>{e[t]=void 0},n=>{throw e[t]=void 0,n});return e[t]=i,i},Ye=function(e,t,n){let r=Promise.resolve();if(t&&t.length>0){let e,i=document.querySelector(`meta[property=csp-nonce]`),a=i?.nonce||i?.getAttribute(`nonce`);function o(e){return Promise.all(e.map(e=>Promise.resolve(e).then(e=>({status:`fulfilled`,value:e}),e=>({status:`rejected`,reason:e}))))}function s(e){return import.meta.resolve?new URL(import.meta.resolve(e)):new URL(e,import.meta.url)}r=o(t.map(t=>{t=Ge(t,n);let r=s(t),i=qe(r);return Je(Ke,r.href,()=>{if(e===void 0){e={all:new Set,styles:new Set};let t=document.getElementsByTagName(`link`);for(let n=t.length-1;n>=0;n--){let r=t[n];e.all.add(r.href),r.rel===`stylesheet`&&e.styles.add(r.href)}}if((i?e.styles:e.all).has(r.href))return;let t=document.createElement(`link`);if(t.rel=i?`stylesheet`:We,i||(t.as=`script`),t.crossOrigin=``,t.href=r.href,a&&t.setAttribute(`nonce`,a),document.head.appendChild(t),i)return new Promise((e,n)=>{let i=a=>{t.removeEventListener(`load`,i),t.removeEventListener(`error`,i),a.type===`error`?n(Error(`Unable to preload CSS for ${r}`)):e(a)};t.addEventListener(`load`,i),t.addEventListener(`error`,i)})})}).filter(e=>e!==void 0))}function i(e){let t=new Event(`vite:preloadError`,{cancelable:!0});if(t.payload=e,window.dispatchEvent(t),!t.defaultPrevented)throw e}return r.then(t=>{for(let e of t||[])e.status===`rejected`&&i(e.reason);return e().catch(i)})},Xe={state:`loading`,message:``,renderer:`gpu`,overlays:!0,opacity:.6,prior:`none`,inverted:!1,ruler:!1,edit:!1,bones:null,selected:``,film:``,presets:[]},Ze=()=>Ye(()=>import(`./stage-B497K8fV.js`),[],import.meta.url);function Qe(){Ze().catch(()=>void 0)}var $e=class{real=null;coming;gone=!1;constructor(e,t){this.coming=Ze().then(({FilmStage:n})=>{let r=new n(e,t);return this.gone&&r.destroy(),this.real=r}),this.coming.catch(e=>{t.onStatus?.({...Xe,state:`failed`,message:`The film viewer did not load: ${String(e)}`})})}later(e){this.real?e(this.real):this.coming.then(e,()=>void 0)}async show(e){await this.coming.then(t=>t.show(e),()=>void 0)}select(e){this.later(t=>t.select(e))}step(e){this.later(t=>t.step(e))}overlays(e){this.later(t=>t.overlays(e))}opacity(e){this.later(t=>t.opacity(e))}layer(e,t){this.later(n=>n.layer(e,t))}preset(e){this.later(t=>t.preset(e))}prior(e){this.later(t=>t.prior(e))}invert(){this.later(e=>e.invert())}reset(){this.later(e=>e.reset())}rotate(e){this.later(t=>t.rotate(e))}flip(){this.later(e=>e.flip())}zoom(e){this.later(t=>t.zoom(e))}ruler(e){this.later(t=>t.ruler(e))}bones(e){this.later(t=>t.bones(e))}edit(e){this.later(t=>t.edit(e))}drawBox(e){return this.coming.then(t=>t.drawBox(e),()=>null)}setBoxes(e,t){this.later(n=>n.setBoxes(e,t))}key(e){return this.real?.key(e)??!1}status(){return this.real?.status()??Xe}destroy(){this.gone=!0,this.real?.destroy()}},et=Object.freeze([{keys:[`left drag`],does:`brightness and contrast`,group:`film`},{keys:[`right drag`],does:`zoom`,group:`film`},{keys:[`middle drag`],does:`move the film (also Shift + left drag)`,group:`film`},{keys:[`wheel`],does:`zoom at the pointer; Shift + wheel: next film`,group:`film`},{keys:[`i`],does:`invert`,group:`film`},{keys:[`space`],does:`back to how the film was hung`,group:`film`},{keys:[`1`,`2`,`3`,`4`],does:`windows`,group:`film`},{keys:[`r`,`l`],does:`rotate right, left`,group:`film`},{keys:[`f`],does:`mirror`,group:`film`},{keys:[`z`],does:`double the zoom, or back to the whole film`,group:`film`},{keys:[`+`,`-`,`=`],does:`zoom in, zoom out, whole film`,group:`film`},{keys:[`b`],does:`bones off and on, where a soft layer is there`,group:`film`},{keys:[`m`],does:`measure a length`,group:`film`},{keys:[`n`,`N`],does:`next, previous finding`,group:`findings`},{keys:[`o`],does:`boxes and masks off and on`,group:`findings`},{keys:[`[`,`]`],does:`fainter, stronger`,group:`findings`},{keys:[`Escape`],does:`stop drawing, clear the selection`,group:`findings`},{keys:[`p`],does:`swap current and prior`,group:`view`},{keys:[`P`],does:`prior off and beside`,group:`view`},{keys:[`arrows`],does:`next film on the stage`,group:`view`},{keys:[`PageUp`,`PageDown`],does:`previous, next film in this place`,group:`view`},{keys:[`?`],does:`these keys`,group:`view`}]);function tt(e,t={}){return new $e(e,t)}var I={ATTRIBUTE:1,CHILD:2,PROPERTY:3,BOOLEAN_ATTRIBUTE:4,EVENT:5,ELEMENT:6},nt=e=>(...t)=>({_$litDirective$:e,values:t}),rt=class{constructor(e){}get _$AU(){return this._$AM._$AU}_$AT(e,t,n){this._$Ct=e,this._$AM=t,this._$Ci=n}_$AS(e,t){return this.update(e,t)}update(e,t){return this.render(...t)}},{I:it}=pe,at=e=>e,ot=e=>e.strings===void 0,st=()=>document.createComment(``),L=(e,t,n)=>{let r=e._$AA.parentNode,i=t===void 0?e._$AB:t._$AA;if(n===void 0)n=new it(r.insertBefore(st(),i),r.insertBefore(st(),i),e,e.options);else{let t=n._$AB.nextSibling,a=n._$AM,o=a!==e;if(o){let t;n._$AQ?.(e),n._$AM=e,n._$AP!==void 0&&(t=e._$AU)!==a._$AU&&n._$AP(t)}if(t!==i||o){let e=n._$AA;for(;e!==t;){let t=at(e).nextSibling;at(r).insertBefore(e,i),e=t}}}return n},R=(e,t,n=e)=>(e._$AI(t,n),e),ct={},lt=(e,t=ct)=>e._$AH=t,ut=e=>e._$AH,dt=e=>{e._$AR(),e._$AA.remove()},z=nt(class extends rt{constructor(e){if(super(e),e.type!==I.PROPERTY&&e.type!==I.ATTRIBUTE&&e.type!==I.BOOLEAN_ATTRIBUTE)throw Error("The `live` directive is not allowed on child or event bindings");if(!ot(e))throw Error("`live` bindings can only contain a single expression")}render(e){return e}update(e,[t]){if(t===b||t===x)return t;let n=e.element,r=e.name;if(e.type===I.PROPERTY){if(t===n[r])return b}else if(e.type===I.BOOLEAN_ATTRIBUTE){if(!!t===n.hasAttribute(r))return b}else if(e.type===I.ATTRIBUTE&&n.getAttribute(r)===t+``)return b;return lt(e),t}}),ft=[`present`,`uncertain`,`absent`],pt=[[``,`none`],[`right`,`right`],[`left`,`left`],[`bilateral`,`both`]],mt=[``,`mild`,`moderate`,`severe`],ht={present:[``,`new`,`worsened`,`unchanged`,`improved`],uncertain:[``,`new`,`worsened`,`unchanged`,`improved`],absent:[``,`unchanged`,`resolved`]};function B(e,t,n,r,i,a){return v`<fieldset class="segments" ?disabled=${i}>
    <legend>${t}</legend>
    <span class="segment-row">
      ${n.map(([t,n])=>v`<label class=${t===r?`on`:``}>
          <input type="radio" name=${e} .checked=${z(t===r)} @change=${()=>a(t)} />${n}
        </label>`)}
    </span>
  </fieldset>`}function gt(e,t,n,r,i){return v`<label class="choice"><span>${e}</span>
    <select ?disabled=${r} @change=${e=>i(e.target.value)}>
      ${(t.includes(n)?t:[...t,n]).map(e=>v`<option value=${e} .selected=${z(e===n)}>${e||`not stated`}</option>`)}
    </select>
  </label>`}function _t(e,t){let n=Fe(t).slice(t.probability===null?0:1).join(` · `),r=!e.canEdit||t.verdict===`rejected`,i=n=>void e.act({do:`set`,key:t.key,...n}),a=e.concepts?.find(e=>e.concept===t.concept)?.sided??(t.side!==``||t.state!==`absent`);return e.session?.readonly?v`<div class="editor">${vt(t)}<p class="behind">${n}</p></div>`:v`<div class="editor">
    ${t.verdict===`rejected`?v`<p class="note">Rejected: it is left out of the report. Take the verdict back to edit it.</p>`:x}
    ${B(`state-${t.key}`,`State`,ft.map(e=>[e,e]),t.state,r,e=>i({state:e}))}
    ${a?B(`side-${t.key}`,`Side`,pt,t.side,r,e=>i({side:e})):x}
    <div class="choices">
      ${gt(`Severity`,mt,t.attributes.severity??``,r||t.state===`absent`,e=>i({severity:e}))}
      ${gt(`Change`,ht[t.state],t.change,r||!e.shown?.prior,e=>i({change:e}))}
    </div>
    ${vt(t)}
    <div class="boxes">
      <span class="boxes-count">${t.boxes.length?`${t.boxes.length} box${t.boxes.length>1?`es`:``}`:`No box`}</span>
      <button class="button quiet" ?disabled=${r||!e.stage} @click=${()=>void e.drawFor(t)}>${A(`box`)}Draw box</button>
      ${t.boxes.length?v`<button class="button quiet" aria-pressed=${e.status?.edit??!1} ?disabled=${r||!e.stage} data-tip="Drag boxes and their corners on the film" @click=${()=>e.stage?.edit(!e.status?.edit)}>${A(`move`)}Move</button>
            <button class="button quiet" ?disabled=${r} @click=${()=>void e.act({do:`move`,key:t.key,boxes:[]})}>${A(`cross`)}Remove</button>`:x}
    </div>
    <p class="behind">${n}</p>
  </div>`}function vt(e){return e.measurements.length?v`<p class="measured">${e.measurements.map(e=>`${e.name} ${Number(e.value.toPrecision(3))}${e.unit&&e.unit!==`1`?` ${e.unit}`:``}`).join(` · `)}</p>`:x}var yt=[{state:`present`,title:`Present`},{state:`uncertain`,title:`Uncertain`},{state:`absent`,title:`Absent`}],bt=[`new`,`worsened`,`improved`,`resolved`,`unchanged`,``];function xt(e){return yt.map(({state:t,title:n})=>({state:t,title:n,items:e.filter(e=>e.state===t).sort(St)}))}function St(e,t){return bt.indexOf(e.change)-bt.indexOf(t.change)||(t.probability??2)-(e.probability??2)||e.label.localeCompare(t.label)}function Ct(e){return xt(e).flatMap(e=>e.items.map(e=>e.key))}function wt(e,t,n){let r=e.indexOf(t);return r<0?(n>0?e[0]:e.at(-1))??``:e[Math.min(e.length-1,Math.max(0,r+n))]??``}function Tt(e){let t=e.filter(e=>(e.state!==`absent`||e.verdict!==``)&&e.verdict!==`added`);return{seen:t.filter(e=>e.verdict!==``).length,of:t.length}}function Et(e,t){return t?e.flatMap((e,n)=>e.findings.includes(t)?[n]:[]):[]}function Dt(e,t){return e[(e.indexOf(t)+1)%e.length]??``}function Ot(e,t,n=8){let r=t.toLowerCase().split(/\s+/).filter(Boolean);if(!r.length)return e.slice(0,n);let i=e=>{let t=e.label.toLowerCase(),n=t.split(/[\s-]+/);return r.every(n=>t.includes(n)||e.concept.includes(n))?t.startsWith(r.join(` `))?0:r.every(e=>n.some(t=>t.startsWith(e)))?1:2:9};return e.map(e=>({concept:e,rank:i(e)})).filter(e=>e.rank<9).sort((e,t)=>e.rank-t.rank||e.concept.label.length-t.concept.label.length||e.concept.label.localeCompare(t.concept.label)).slice(0,n).map(e=>e.concept)}var kt={typed:``,at:0,chosen:null,state:`present`,side:``,severity:``},At=[[``,`not stated`],[`mild`,`mild`],[`moderate`,`moderate`],[`severe`,`severe`]],V={...kt};function jt(){V={...kt}}function H(e,t){V={...V,...t},e.changed()}function Mt(e){let t=e.concepts,n=t?Ot(t,V.typed):[],r=V.chosen;return v`<form class="add" @submit=${t=>{t.preventDefault(),Lt(e,!1)}}>
    <label class="field"><span>What do you see?</span>
      <input data-first type="text" role="combobox" autocomplete="off" aria-autocomplete="list" aria-controls="concepts" aria-expanded=${!r}
        aria-activedescendant=${!r&&n.length?`concept-${V.at}`:x} placeholder="Type a finding or device"
        .value=${V.typed} @input=${t=>H(e,{typed:t.target.value,at:0,chosen:null})}
        @keydown=${t=>It(e,t,n)} />
    </label>
    ${r?x:v`<ul id="concepts" role="listbox" aria-label="Findings that fit">
          ${n.map((t,n)=>v`<li id="concept-${n}" role="option" aria-selected=${n===V.at} @click=${()=>Ft(e,t)} @mousemove=${()=>n!==V.at&&H(e,{at:n})}>
              <span>${t.label}</span>${Nt(e,t)?v`<span class="faint">already listed</span>`:x}
            </li>`)}
          ${t?n.length?x:v`<li class="faint none">No finding of that name. Try another word.</li>`:v`<li class="faint none">Loading the names…</li>`}
        </ul>`}
    ${r?Pt(e,r):x}
    <div class="add-rest" ?hidden=${!r}>
      ${B(`add-state`,`State`,ft.map(e=>[e,e]),V.state,!1,t=>H(e,{state:t}))}
      ${r?.sided?B(`add-side`,`Side`,pt,V.side,!1,t=>H(e,{side:t})):x}
      ${V.state===`absent`?x:B(`add-severity`,`Severity`,At,V.severity,!1,t=>H(e,{severity:t}))}
    </div>
    <footer>
      <button type="button" class="button quiet" @click=${()=>e.close()}>Cancel</button>
      <button type="button" class="button" ?disabled=${!r||!e.stage||V.state===`absent`} @click=${()=>void Lt(e,!0)}>${A(`box`)}Add and draw a box</button>
      <button type="submit" class="button primary" ?disabled=${!r}>${A(`plus`)}Add</button>
    </footer>
  </form>`}function Nt(e,t){return e.shown?.findings.some(e=>e.concept===t.concept)??!1}function Pt(e,t){let n=e.shown?.findings.find(e=>e.concept===t.concept);return n?v`<p class="note warn">${A(`alert`)}<span>${n.label} is listed already (${n.state}${n.verdict===`rejected`?`, rejected`:``}). <button type="button" class="link" @click=${()=>{e.close(),e.select(n.key)}}>Change it there</button>, or add a second one.</span></p>`:x}function Ft(e,t){H(e,{chosen:t,typed:t.label,side:``})}function It(e,t,n){let r=t.key===`ArrowDown`?1:t.key===`ArrowUp`?-1:0,i=n[V.at];r&&!V.chosen?(t.preventDefault(),H(e,{at:Math.min(n.length-1,Math.max(0,V.at+r))})):t.key===`Enter`&&!V.chosen&&(t.preventDefault(),i&&Ft(e,i))}async function Lt(e,t){let{chosen:n,state:r,side:i,severity:a}=V;if(!n)return;e.close();let o=t?await e.draw(n.label):null;if(t&&!o){e.tell(`done`,`No box was drawn, so ${n.label.toLowerCase()} was not added.`);return}let s=await e.act({do:`add`,concept:n.concept,state:r,side:i,boxes:o?[o]:[]});s&&a&&e.selected&&await e.act({do:`set`,key:e.selected,severity:a}),s&&(e.said=`${M(n.label)} was added.`)}var Rt=new Set([`findings`,`impression`]);function zt(e){let t=e.shown;if(!t)return v``;let n=ze(t.report).filter(({name:t,text:n})=>n||Rt.has(t)&&e.canEdit),r=n.some(({text:e})=>e);return v`<div class="report" aria-busy=${e.drafting} lang="en">
    ${r?x:v`<p class="empty-line">No text yet. It is written from the findings as you add them, or by your own hand.</p>`}
    ${n.map(t=>Vt(e,t))}
  </div>`}function Bt(e){let t=e.shown;if(!t)return v``;let n=t.report.status===`final`&&!e.unsaved,r=t.report.status===`none`&&!e.unsaved,i=Object.values(t.report.sections).some(Boolean)||t.report.sentences.length>0;return v`<span class="chip ${n?`final`:`draft`}" role="status">${e.drafting?`Writing…`:n?`Final`:r?`No report`:`Draft`}</span>
    <span class="grow"></span>
    <button class="button quiet" ?disabled=${!i} data-tip="Copy the report with its caution line" @click=${()=>void Kt(e)}>${A(`copy`)}Copy</button>
    <button class="button quiet square" aria-label="Print" data-tip="Print the report with its films, on white" @click=${()=>print()}>${A(`print`)}</button>`}function Vt(e,t){let n=t.name,r=e.writing?.section===n,i=e.edits.now.some(e=>e.do===`write`&&e.section===n);return v`<section class="report-section" aria-label="Report, ${n}">
    <h3>${M(n)}
      ${i?v`<span class="chip mine" data-tip="Your words stay. Only sentences of findings that you change later are written anew.">${A(`pen`)}written by hand</span>`:x}
      ${i&&!r?v`<button class="link" @click=${()=>e.unwrite(n)}>follow the list again</button>`:x}
      ${Rt.has(n)&&e.canEdit&&!r?v`<button class="pen" aria-label="Edit the text of ${n}" data-tip="Edit the text${n===`findings`?` (e)`:``}" @click=${()=>Ht(e,n,t.text)}>${A(`pen`)}</button>`:x}
    </h3>
    ${r?Ut(e):Wt(e,t)}
  </section>`}function Ht(e,t,n){e.tab=`report`,e.writing={section:t,text:n},e.changed(!0),document.querySelector(`.paper textarea`)?.focus()}function Ut(e){let t=e.writing;if(!t)return v``;let n=n=>{t.text=n.target.value,e.changed()},r=()=>{e.writing=null,e.changed()},i=t=>{t.stopPropagation(),t.key===`Escape`?r():t.key===`Enter`&&(t.ctrlKey||t.metaKey)?e.write():(t.ctrlKey||t.metaKey)&&t.key.toLowerCase()===`s`&&(t.preventDefault(),e.save(!1))},a=Math.max(4,Math.ceil(t.text.length/52)+1);return v`<div class="paper">
    <textarea aria-label="Text of ${t.section}" rows=${a} spellcheck="true" .value=${z(t.text)} @input=${n} @keydown=${i}></textarea>
    <div class="paper-tools">
      <span class="hint">Ctrl + Enter keeps, Escape drops. The list stays as it is.</span>
      <button class="button quiet" @click=${r}>Drop</button>
      <button class="button" ?disabled=${!e.typed} @click=${()=>void e.write()}>Keep text</button>
    </div>
  </div>`}function Wt(e,t){if(!t.sentences.length)return v`<p class=${t.text?``:`empty-line`}>${t.text||`Nothing written.`}</p>`;let n=new Set(Et(e.shown?.report.sentences??[],e.selected)),r=new Set(Et(e.shown?.report.sentences??[],e.hovered));return v`<p>
    ${t.sentences.map(({index:t,text:i,findings:a})=>{let o=a.filter(t=>e.item(t));return o.length?v`<span
          role="button"
          tabindex="0"
          class="sentence ${n.has(t)?`selected`:``} ${r.has(t)?`lit`:``}"
          aria-pressed=${n.has(t)}
          @click=${()=>e.selectSentence(t)}
          @keydown=${n=>Gt(n,()=>e.selectSentence(t))}
          @mouseenter=${()=>e.hover(o.includes(e.selected)?e.selected:o[0]??``)}
          @mouseleave=${()=>e.hover(``)}
        >${i}</span> `:v`<span>${i} </span>`})}
  </p>`}function Gt(e,t){(e.key===`Enter`||e.key===` `)&&(e.preventDefault(),e.stopPropagation(),t())}async function Kt(e){let t=e.shown;if(t)try{await navigator.clipboard.writeText(Re(t.report,t.caution||(e.session?.caution??``))),e.tell(`done`,`The report is copied, with its caution line.`)}catch{e.tell(`problem`,`The browser did not let the page copy.`,`Select the text and copy it with Ctrl + C.`)}}var qt=[{keys:[`a`],does:`accept the selected finding`,group:`findings`},{keys:[`x`],does:`reject it`,group:`findings`},{keys:[`A`],does:`add a finding`,group:`findings`},{keys:[`↑`,`↓`],does:`up and down the list, while it has the focus`,group:`findings`},{keys:[`,`],does:`previous in the list, with a box or without`,group:`findings`},{keys:[`.`],does:`next in the list`,group:`findings`},{keys:[`u`,`Ctrl Z`],does:`undo`,group:`study`},{keys:[`U`,`Ctrl Y`],does:`do again`,group:`study`},{keys:[`Ctrl S`],does:`save`,group:`study`},{keys:[`e`],does:`edit the text of the findings`,group:`study`},{keys:[`t`],does:`timeline open and shut`,group:`study`},{keys:[`j`,`k`],does:`next, previous study`,group:`study`},{keys:[`Enter`],does:`open the study under the cursor`,group:`study`},{keys:[`/`],does:`search the worklist`,group:`study`},{keys:[`w`],does:`back to the worklist`,group:`study`}],Jt=`input:not([type=radio]):not([type=range]), textarea, select, [contenteditable]`;function Yt(e,t){if(t.defaultPrevented||e.dialog.open!==`none`)return;let n=t.target instanceof Element?t.target:document.body;(t.ctrlKey||t.metaKey?Xt(e,t,n):!t.altKey&&!n.closest(Jt)&&Zt(e,t,n))&&(t.preventDefault(),t.stopImmediatePropagation())}function Xt(e,t,n){if(e.place.at!==`study`)return!1;let r=t.key.toLowerCase();if(r===`s`)return e.save(!1),!0;if(n.closest(Jt))return!1;if(r===`z`&&!t.shiftKey)e.undo();else if(r===`y`||r===`z`&&t.shiftKey)e.redo();else return!1;return!0}function Zt(e,t,n){let r={j:()=>e.walk(1),k:()=>e.walk(-1),"?":()=>e.open({open:`help`})},i={"/":()=>document.querySelector(`#search`)?.focus(),ArrowDown:()=>e.walk(1),ArrowUp:()=>e.walk(-1),Enter:()=>e.list.at&&e.go({at:`study`,id:e.list.at})},a={a:()=>Qt(e,`accept`),x:()=>Qt(e,`reject`),A:()=>e.canEdit&&e.open({open:`add`}),".":()=>e.stepFinding(1),",":()=>e.stepFinding(-1),u:()=>e.undo(),U:()=>e.redo(),e:()=>e.canEdit&&Ht(e,`findings`,e.shown?.report.sections.findings??``),t:()=>{e.timeline=!e.timeline,e.changed()},w:()=>e.go({at:`worklist`})};if(t.key===`Enter`&&n.closest(`a, button, input, summary`)||t.key.startsWith(`Arrow`)&&n.closest(`input`))return!1;let o={...r,...e.place.at===`study`?a:i},s=Object.hasOwn(o,t.key)?o[t.key]:void 0;return s?.(),s!==void 0}function Qt(e,t){let n=e.item(e.selected);if(!n)return e.tell(`done`,`Select a finding first: click it, or press n.`);e.judge(n,t)}function $t(e){let{open:t}=e.dialog;return v`<dialog
    class="dialog ${t}"
    aria-labelledby="dialog-title"
    @cancel=${n=>{n.preventDefault(),t!==`expired`&&e.close()}}
    @click=${n=>{n.target===n.currentTarget&&t!==`expired`&&e.close()}}
  >
    ${t===`none`?x:v`<div class="dialog-body">${tn(e)}</div>`}
  </dialog>`}function en(e,t){let n=t.querySelector(`dialog.dialog`);if(!n)return;let r=e.dialog.open!==`none`;r&&!n.open?(n.showModal(),n.querySelector(`[data-first]`)?.focus()):!r&&n.open&&(n.close(),jt())}function tn(e){switch(e.dialog.open){case`help`:return nn(e);case`add`:return v`${U(e,`Add a finding`)}${Mt(e)}`;case`final`:return rn(e);case`moved`:return an(e);case`leave`:return on(e);case`expired`:return sn(e);default:return v``}}function U(e,t,n=!0){return v`<header>
    <h2 id="dialog-title">${t}</h2>
    ${n?v`<button class="button quiet square" aria-label="Close" @click=${()=>e.close()}>${A(`cross`)}</button>`:x}
  </header>`}function nn(e){let t=[...qt,...et];return v`${U(e,`Keys`)}
    <div class="keys">
      ${[[`study`,`Study and report`],[`findings`,`Findings`],[`film`,`Film`],[`view`,`Hanging`]].map(([e,n])=>v`<section>
          <h3>${n}</h3>
          <dl>
            ${t.filter(t=>t.group===e).map(e=>v`<dt>${e.keys.map(e=>v`<kbd>${e}</kbd>`)}</dt><dd>${e.does}</dd>`)}
          </dl>
        </section>`)}
    </div>
    <p class="note">Hilum ${e.session?.version??``}. ${e.session?.caution??``} Films are drawn by the ${e.status?.renderer===`cpu`?`processor`:`graphics card`}.</p>`}function rn(e){let{seen:t,of:n}=Tt(e.shown?.findings??[]);return v`${U(e,`Mark this report final?`)}
    <p>It is written as final and signed by <strong>${e.session?.user||`you`}</strong>, with ${e.edits.now.length||`no`} unsaved edit${e.edits.now.length===1?``:`s`}.</p>
    ${n>t?v`<p class="note warn">${A(`alert`)}${n-t} of ${n} findings of the model have no verdict of yours yet.</p>`:x}
    <p class="note">${e.shown?.caution||e.session?.caution}</p>
    <footer>
      <button class="button quiet" data-first @click=${()=>e.close()}>Not yet</button>
      <button class="button primary" @click=${()=>void e.save(!0)}>${A(`seal`)}Mark final</button>
    </footer>`}function an(e){let t=e.dialog.open===`moved`?e.dialog.theirs:null,n=e.saved?.edits.length??0,r=t?.edits.slice(n)??[];return v`${U(e,`Someone saved this study meanwhile`)}
    <p>You edited version ${e.saved?.revision??`?`}; ${t?`version ${t.revision} is there now`:`there is a newer one now`}. Nothing of yours is lost.</p>
    ${r.length?v`<ol class="log">${r.map(e=>v`<li><span class="who">${e.who}</span> <time>${N(e.when,{hour:!0})}</time> <span class="what">${Be(e,t?.findings??[])}</span></li>`)}</ol>`:x}
    <footer>
      <button class="button quiet" @click=${()=>e.close()}>Keep editing</button>
      <button class="button" ?disabled=${!t} @click=${()=>t&&void e.takeTheirs(t,!1)}>Load theirs, drop mine</button>
      <button class="button primary" data-first ?disabled=${!t} @click=${()=>t&&void e.takeTheirs(t,!0)}>Put mine on top</button>
    </footer>`}function on(e){let t=e.dialog.open===`leave`?e.dialog.to:null,n=e.edits.now.length+ +!!e.typed;return v`${U(e,`Leave without saving?`)}
    <p>${n} edit${n===1?` is`:`s are`} not saved.</p>
    <footer>
      <button class="button quiet" @click=${()=>e.close()}>Stay here</button>
      <button class="button" @click=${()=>t&&e.leave(t)}>Leave, drop edits</button>
      <button class="button primary" data-first @click=${()=>void e.save(!1).then(()=>t&&!e.unsaved&&e.go(t))}>${A(`save`)}Save and leave</button>
    </footer>`}function sn(e){let t=e.edits.now.length;return v`${U(e,`Your session has ended`,!1)}
    <p>Sign in again in another tab, then continue here. ${t?`Your ${t} unsaved edit${t===1?``:`s`} stay in this page.`:``}</p>
    <footer>
      <a class="button" href="./" target="_blank" rel="noopener">Sign in</a>
      <button class="button primary" data-first @click=${()=>void e.again()}>Continue</button>
    </footer>`}var cn=(e,t,n)=>{let r=new Map;for(let i=t;i<=n;i++)r.set(e[i],i);return r},ln=nt(class extends rt{constructor(e){if(super(e),e.type!==I.CHILD)throw Error(`repeat() can only be used in text expressions`)}dt(e,t,n){let r;n===void 0?n=t:t!==void 0&&(r=t);let i=[],a=[],o=0;for(let t of e)i[o]=r?r(t,o):o,a[o]=n(t,o),o++;return{values:a,keys:i}}render(e,t,n){return this.dt(e,t,n).values}update(e,[t,n,r]){let i=ut(e),{values:a,keys:o}=this.dt(t,n,r);if(!Array.isArray(i))return this.ut=o,a;let s=this.ut??=[],c=[],l,u,d=0,f=i.length-1,p=0,m=a.length-1;for(;d<=f&&p<=m;)if(i[d]===null)d++;else if(i[f]===null)f--;else if(s[d]===o[p])c[p]=R(i[d],a[p]),d++,p++;else if(s[f]===o[m])c[m]=R(i[f],a[m]),f--,m--;else if(s[d]===o[m])c[m]=R(i[d],a[m]),L(e,c[m+1],i[d]),d++,m--;else if(s[f]===o[p])c[p]=R(i[f],a[p]),L(e,i[d],i[f]),f--,p++;else if(l===void 0&&(l=cn(o,p,m),u=cn(s,d,f)),l.has(s[d])){if(l.has(s[f])){let t=u.get(o[p]),n=t===void 0?null:i[t];if(n===null){let t=L(e,i[d]);R(t,a[p]),c[p]=t}else c[p]=R(n,a[p]),L(e,i[d],n),i[t]=null;p++}else dt(i[f]),f--}else dt(i[d]),d++;for(;p<=m;){let t=L(e,c[m+1]);R(t,a[p]),c[p++]=t}for(;d<=f;){let e=i[d++];e!==null&&dt(e)}return this.ut=o,lt(e,c),b}}),un={new:`plus`,worsened:`up`,improved:`fall`,unchanged:`same`,resolved:`check`};function dn(e){let t=e.shown?.findings??[],{seen:n,of:r}=Tt(t);return v`<section class="panel findings" aria-labelledby="findings-title">
    <header class="panel-head">
      <h2 id="findings-title">Findings</h2>
      ${r&&!e.session?.readonly?v`<span class="count" data-tip="Present and uncertain findings of the model with a verdict of yours">${n} of ${r} reviewed</span>`:x}
      <span class="grow"></span>
      ${e.canEdit?v`<button class="button quiet" data-tip="Add a finding (A)" @click=${()=>e.open({open:`add`})}>${A(`plus`)}Add finding</button>`:x}
    </header>
    <div class="scroll" @keydown=${t=>xn(e,t)}>
      ${t.length?xt(t).map(t=>hn(e,t.state,t.title,t.items)):fn(e)}
      ${gn(e)}
    </div>
  </section>`}function fn(e){if(e.coming)return v`<div class="empty">
      ${A(`clock`)}
      <p><strong>${e.saved?.state===`reading`?`The study is being read.`:`The study waits to be read.`}</strong></p>
      <p>What is found appears here by itself.</p>
    </div>`;let t=e.shown?.made_by;return v`<div class="empty">
    ${j(`none`)}
    <p><strong>${t?`The model found nothing to list.`:`No model has read this study.`}</strong></p>
    <p>${t?`That is no statement about what it did not assess.`:`The films are here all the same; what you see yourself can be listed and written out.`}</p>
    ${e.canEdit?v`<button class="button" @click=${()=>e.open({open:`add`})}>${A(`plus`)}Add a finding</button>`:x}
  </div>`}function pn(e,t){e.folded.delete(t)||e.folded.add(t),e.changed()}function mn(e,t,n,r){let i=!e.folded.has(t);return v`<h3 class="group-head">
    <button aria-expanded=${i} aria-controls=${`group-${t.replace(` `,`-`)}`} @click=${()=>pn(e,t)}>
      <span class="chevron ${i?`open`:``}">${A(`right`)}</span>${n}<span class="count">${r}</span>
    </button>
  </h3>`}function hn(e,t,n,r){if(!r.length)return x;let i=!e.folded.has(t);return v`<div class="group ${t}">
    ${mn(e,t,n,r.length)}
    <ul id="group-${t}" ?hidden=${!i}>
      ${i?ln(r,e=>e.key,t=>_n(e,t)):x}
    </ul>
  </div>`}function gn(e){let t=e.shown?.not_assessed??[];if(!t.length)return x;let n=!e.folded.has(`not assessed`);return v`<div class="group not-assessed">
    ${mn(e,`not assessed`,`Not assessed`,t.length)}
    <ul id="group-not-assessed" ?hidden=${!n}>
      ${n?t.map(e=>v`<li class="unjudged">${j(`none`)}<span>${e.label}</span><span class="because">${e.reason}</span></li>`):x}
    </ul>
  </div>`}function _n(e,t){let n=e.selected===t.key,r=e.hovered===t.key;return v`<li
    class="finding ${t.state} ${n?`selected`:``} ${r?`lit`:``} ${t.verdict}"
    data-key=${t.key}
    @mouseenter=${()=>e.hover(t.key)}
    @mouseleave=${()=>e.hover(``)}
  >
    <div class="finding-row">
      <button class="finding-name" aria-expanded=${n} @click=${()=>e.select(n?``:t.key)}>
        ${j(t.state)}
        <span class="finding-text">
          <span class="label">${t.label}${t.attributes.severity?v`<span class="severity">${t.attributes.severity}</span>`:x}<span class="unseen">, ${t.state}${t.verdict?`, ${t.verdict}`:``}</span></span>
          ${vn(t)}
        </span>
      </button>
      ${yn(t)} ${e.session?.readonly?x:bn(e,t)}
    </div>
    ${n?_t(e,t):x}
  </li>`}function vn(e){let t=e.state===`absent`?``:Le(e),n=e.verdict===`changed`||e.verdict===`added`;return!t&&!e.change&&!n?x:v`<span class="second">
    ${t?v`<span class="place">${t}</span>`:x}
    ${e.change?v`<span class="since ${e.change}">${A(un[e.change]??`same`)}${e.change}</span>`:x}
    ${n?v`<span class="since mine">${A(`pen`)}${e.verdict}</span>`:x}
  </span>`}function yn(e){if(e.probability===null)return v`<span class="score none" aria-hidden="true">${e.reader||e.verdict===`changed`?`reader`:``}</span>`;let t=!e.calibration||e.calibration===`uncalibrated`;return v`<button class="score ${t?`raw`:``}" data-tip=${Fe(e).join(`
`)} aria-label="Probability ${P(e.probability)}${t?`, not calibrated`:``}">
    <span class="number">${P(e.probability)}</span>${De(e.probability)}
  </button>`}function bn(e,t){let n=!e.canEdit,r=t.label.toLowerCase(),i=t.verdict===`accepted`,a=t.verdict===`rejected`;return v`<span class="verdict" role="group" aria-label="Verdict on ${r}">
    <button class="tick" aria-pressed=${i} ?disabled=${n} aria-label="Accept ${r}" data-tip=${i?`Take the verdict back`:`Accept (a)`} @click=${()=>e.judge(t,`accept`)}>${A(`check`)}</button>
    <button class="cross" aria-pressed=${a} ?disabled=${n} aria-label="Reject ${r}" data-tip=${a?`Take the verdict back`:`Reject (x)`} @click=${()=>e.judge(t,`reject`)}>${A(`cross`)}</button>
  </span>`}function xn(e,t){let n=t.key===`ArrowDown`?1:t.key===`ArrowUp`?-1:0,r=t.target;if(!n||!r.classList.contains(`finding-name`))return;t.preventDefault(),t.stopPropagation();let i=[...t.currentTarget.querySelectorAll(`.finding-name`)],a=i[i.indexOf(r)+n];a?.focus();let o=a?.closest(`[data-key]`)?.dataset.key;o&&e.select(o)}function Sn(e){let t=e.shown;return t?v`<div class="record">
    ${t.synthetic?v`<p class="synthetic-note">${A(`alert`)}<span><strong>Synthetic.</strong> These films were computed, nobody was exposed. They are marked so in their pixels and headers.</span></p>`:x}
    <h3>Read by</h3>
    ${t.made_by?v`<dl class="facts"><dt>Model</dt><dd>${t.made_by.name}</dd><dt>Version</dt><dd>${t.made_by.version||`not stated`}</dd></dl>`:v`<p class="empty-line">No model has read this study.</p>`}
    <h3>Films</h3>
    <ul class="film-list">${t.films.map(Cn)}</ul>
    <h3>Files</h3>
    ${t.files.length?v`<ul class="files">${t.files.map(e=>v`<li><a href=${e.url} download=${e.name}>${A(`file`)}<span>${e.name}</span></a><span class="kind">${je(e.kind)}</span></li>`)}</ul>`:v`<p class="empty-line">Nothing is written yet. Saving writes study.json, SR, SEG, GSPS and FHIR.</p>`}
    <h3>Edits</h3>
    ${wn(e)}
  </div>`:v``}function Cn(e){let t=e.spacing_mm?`${e.spacing_mm[1].toFixed(3)} mm ${e.spacing_plane===`patient`?`in the patient`:`at the detector`}`:`no spacing`,n=[`${e.columns} × ${e.rows}`,t];return e.magnification&&n.push(`magnified ${e.magnification.toFixed(2)} ×`),e.synthetic&&n.push(`synthetic`),v`<li>
    <span class="film-view">${e.view||`View unknown`}</span><span class="kind">${n.join(` · `)}</span>
    ${e.accepted?x:v`<span class="film-refused">${A(`alert`)}${e.reason||`Not accepted by the model.`}</span>`}
  </li>`}function wn(e){let t=e.shown,n=t?.edits??[];if(!t||!n.length)return v`<p class="empty-line">Nobody has edited this study.</p>`;let r=e.saved?.edits.length??0;return v`<ol class="log">
    ${n.map((e,n)=>v`<li class=${n>=r?`pending`:``}>
          <span class="who">${e.who}</span>
          <time datetime=${e.when}>${n>=r?`not saved`:N(e.when,{hour:!0})}</time>
          <span class="what">${Be(e,t.findings)}</span>
        </li>`).reverse()}
  </ol>`}function Tn(e){let t=e.shown;if(!t||e.place.at!==`study`)return x;let n=t.findings.filter(e=>e.verdict!==`rejected`);return v`<article class="on-paper" aria-hidden="true">
    <p class="paper-caution">${t.caution||e.session?.caution}${t.synthetic?` Synthetic films of a virtual patient.`:``}</p>
    <h1>${t.patient||t.label}</h1>
    <p class="paper-facts">${[t.label,N(t.time,{hour:!0}),t.films.map(e=>e.view).join(`, `)].filter(Boolean).join(` · `)} · ${t.report.status===`final`?`Final report`:`Draft, not signed`}${e.unsaved?`, with edits not yet saved`:``}</p>
    <div class="paper-films">${t.films.map(e=>En(e,n))}</div>
    ${n.length?v`<table>
          <thead><tr><th>Finding</th><th>State</th><th>Where</th><th>Change</th><th>Probability</th></tr></thead>
          <tbody>
            ${xt(n).flatMap(e=>e.items).map(e=>v`<tr><td>${e.label}</td><td>${e.state}</td><td>${e.state===`absent`?``:Le(e)}</td><td>${e.change}</td><td>${P(e.probability)}${e.probability!==null&&(!e.calibration||e.calibration===`uncalibrated`)?` (not calibrated)`:``}</td></tr>`)}
          </tbody>
        </table>`:x}
    ${t.not_assessed.length?v`<p class="paper-facts">Not assessed: ${t.not_assessed.map(e=>e.label.toLowerCase()).join(`, `)}.</p>`:x}
    ${ze(t.report).filter(e=>e.text).map(e=>v`<h2>${M(e.name)}</h2><p>${e.text}</p>`)}
    <p class="paper-facts">${t.made_by?`Read by ${t.made_by.name} ${t.made_by.version}. `:``}Hilum ${e.session?.version??``}.</p>
  </article>`}function En(e,t){let n=t.flatMap(t=>t.boxes.filter(t=>t.film===e.id).map(e=>({box:e,label:t.label})));return v`<figure>
    <span class="paper-film">
      <img src=${e.thumbnail} alt="" loading="lazy" />
      <svg viewBox="0 0 ${e.columns} ${e.rows}">
        ${n.map(({box:t,label:n})=>y`<rect x=${t.x0} y=${t.y0} width=${t.x1-t.x0} height=${t.y1-t.y0}></rect><text x=${t.x0} y=${t.y0-e.rows/120} font-size=${e.rows/40}>${n}</text>`)}
      </svg>
    </span>
    <figcaption>${e.view}${e.synthetic?` · synthetic`:``}</figcaption>
  </figure>`}var Dn=25,On=80,W=56;function kn(e){let t=(t,n)=>{W=Math.round(Math.min(On,Math.max(Dn,t))),n?.style.setProperty(`--part`,`${W}%`),e.changed()},n=e=>e.currentTarget.parentElement;return v`<div
    class="splitter"
    role="separator"
    tabindex="0"
    aria-label="Height of the findings"
    aria-orientation="horizontal"
    aria-valuemin=${Dn}
    aria-valuemax=${On}
    aria-valuenow=${W}
    @pointerdown=${e=>e.currentTarget.setPointerCapture(e.pointerId)}
    @pointermove=${e=>{let n=e.currentTarget;if(!n.hasPointerCapture(e.pointerId)||!n.parentElement)return;let{top:r,height:i}=n.parentElement.getBoundingClientRect();t(100*(e.clientY-r)/i,n.parentElement)}}
    @keydown=${e=>{let r=e.key===`ArrowDown`?4:e.key===`ArrowUp`?-4:0;r&&(e.preventDefault(),e.stopPropagation(),t(W+r,n(e)))}}
    @dblclick=${e=>t(56,n(e))}
  ></div>`}function An(e){e.querySelector(`.side`)?.style.setProperty(`--part`,`${W}%`)}var G=class extends Error{status;fix;constructor(e,t,n){super(t),this.name=`ApiError`,this.status=e,this.fix=n}},jn={401:[`Your session has ended.`,`Sign in again in another tab, then continue here.`],403:[`You may not do that here.`,`Ask an administrator for the role it needs.`],404:[`That study is not here.`,`Go back to the worklist; it may have been deleted.`],409:[`Someone else saved this study meanwhile.`,`Load their version, or put your edits on top of it.`],413:[`That is too large for this server.`,`Send less at once.`],429:[`Too many requests in a short time.`,`Wait a few seconds, then try again.`]};function Mn(e,t){let n=t?.error,[r,i]=jn[e]??[`The server answered with ${e}.`,`Try again; if it stays, tell whoever runs the server.`];return new G(e,typeof n?.message==`string`&&n.message?n.message:r,typeof n?.fix==`string`?n.fix:i)}var K=encodeURIComponent,Nn=class{#e=``;async#t(e,t,n,r){let i={Accept:`application/json`};e!==`GET`&&(i[`X-Hilum-CSRF`]=this.#e),n!==void 0&&(i[`Content-Type`]=`application/json`);let a={method:e,headers:i,credentials:`same-origin`,signal:r??null};n!==void 0&&(a.body=JSON.stringify(n));let o;try{o=await fetch(t,a)}catch(e){throw e instanceof DOMException&&e.name===`AbortError`?e:new G(0,`The server does not answer.`,`See whether it still runs and you are still connected, then try again.`)}let s=await o.json().catch(()=>null);if(!o.ok)throw Mn(o.status,s);if(s===null)throw new G(o.status,`The server's answer could not be read.`,`Reload the page.`);return s}async session(){let e=await this.#t(`GET`,`api/session`);return this.#e=e.csrf,e}concepts(){return this.#t(`GET`,`api/concepts`)}worklist(e,t){let n=new URLSearchParams;return e.text&&n.set(`text`,e.text),e.state&&n.set(`state`,e.state),n.set(`limit`,String(e.limit)),n.set(`offset`,String(e.offset)),this.#t(`GET`,`api/worklist?${n}`,void 0,t)}study(e,t){return this.#t(`GET`,`api/studies/${K(e)}`,void 0,t)}draft(e,t,n){return this.#t(`POST`,`api/studies/${K(e)}/draft`,{actions:t},n)}save(e,t,n,r){return this.#t(`PUT`,`api/studies/${K(e)}/reading`,{revision:t,actions:n,final:r})}jobs(){return this.#t(`GET`,`api/jobs`)}job(e,t){return this.#t(`POST`,`api/jobs/${K(e)}/${t}`)}events(e,t){let n=new EventSource(`api/events`);return n.addEventListener(`open`,()=>t(!0)),n.addEventListener(`error`,()=>t(!1)),n.addEventListener(`study`,t=>{try{e(JSON.parse(t.data))}catch{}}),n}};function Pn(e){let t=/^#\/study\/(.+)$/.exec(e);return t?.[1]?{at:`study`,id:decodeURIComponent(t[1])}:{at:`worklist`}}function q(e){return e.at===`study`?`#/study/${encodeURIComponent(e.id)}`:`#/`}var Fn=class{api=new Nn;session=null;trouble=null;place={at:`worklist`};dialog={open:`none`};toasts=[];said=``;list={rows:[],total:0,text:``,state:``,offset:0,loading:!0,problem:null,live:null,at:``,jobs:new Map};saved=null;shown=null;loading=!1;problem=null;edits=E;drafting=!1;saving=!1;selected=``;hovered=``;writing=null;concepts=null;hung=null;drawing=``;tab=`report`;timeline=!0;folded=new Set([`not assessed`]);stage=null;status=null;#e=new Set;#t=new AbortController;#n=new AbortController;#r=new AbortController;#i=0;#a=0;#o=!1;watch(e){this.#e.add(e)}changed(e=!1){for(let t of this.#e)t(e)}async start(){try{this.session=await this.api.session()}catch(e){this.trouble=J(e),this.changed();return}Pn(location.hash).at===`worklist`&&this.session.start&&!/^#\/$/.test(location.hash)&&history.replaceState(null,``,q({at:`study`,id:this.session.start})),this.session.features.worklist&&this.#c(),this.loadList(),this.follow()}follow(){let e=Pn(location.hash);this.unsaved&&(e.at!==`study`||e.id!==this.saved?.id)?(history.replaceState(null,``,q({at:`study`,id:this.saved?.id??``})),this.open({open:`leave`,to:e})):(this.place=e,e.at===`study`&&e.id!==this.saved?.id?this.loadStudy(e.id):e.at===`worklist`&&(this.#u(),this.loadList()),this.changed())}go(e){q(e)===location.hash?this.follow():location.hash=q(e)}leave(e){this.edits=E,this.writing=null,this.open({open:`none`}),this.go(e)}open(e){this.dialog=e,e.open===`add`&&!this.concepts&&this.#_(),this.changed(!0)}close(){this.open({open:`none`})}async loadList(e=!1){this.#r.abort();let{signal:t}=this.#r=new AbortController,{text:n,state:r,offset:i}=this.list;this.list.loading=!e,this.changed();try{let e=await this.api.worklist({text:n,state:r,limit:40,offset:i},t);Object.assign(this.list,{rows:e.rows,total:e.total,problem:null,loading:!1}),e.rows.some(e=>e.id===this.list.at)||(this.list.at=e.rows[0]?.id??``),this.canAdmin&&this.session?.features.jobs&&await this.#s()}catch(e){if(t.aborted)return;this.list.loading=!1,this.list.problem=J(e),this.#v(this.list.problem)}this.changed()}find(e){Object.assign(this.list,{offset:0},e),this.loadList()}walk(e){let t=this.list.rows.map(e=>e.id),n=this.place.at===`study`,r=n&&this.place.at===`study`?this.place.id:this.list.at,i=wt(t,r,e);i&&i!==r&&(this.list.at=i,n?this.go({at:`study`,id:i}):this.changed())}async job(e,t){try{await this.api.job(e,t),this.tell(`done`,t===`retry`?`The study will be read again.`:`The reading was cancelled.`)}catch(e){this.complain(e)}await this.loadList(!0)}async#s(){let e=await this.api.jobs().catch(()=>null);e&&(this.list.jobs=new Map(e.rows.map(e=>[e.study,e])))}#c(){let e=this.api.events(e=>this.#l(e),t=>{(t||e.readyState!==EventSource.CLOSED||this.list.live!==null)&&(t&&this.list.live===!1&&this.list.rows.length&&this.loadList(!0),this.list.live=t,this.changed())});addEventListener(`pagehide`,()=>e.close())}#l(e){let t=this.list.rows.find(t=>t.id===e.study),n=!t||t.state!==e.state;t&&Object.assign(t,{state:e.state,progress:e.progress,reason:e.reason}),t||this.list.loading||this.list.text||this.list.state||this.list.offset!==0||(this.said=`A study arrived.`),n&&(clearTimeout(this.#i),this.#i=window.setTimeout(()=>void this.loadList(!0),400)),this.problem&&this.place.at===`study`&&this.place.id===e.study&&n&&this.loadStudy(e.study);let r=this.saved;r&&r.id===e.study&&r.state!==e.state&&!this.unsaved&&!this.saving&&this.loadStudy(r.id,!0),this.changed()}async loadStudy(e,t=!1){this.#n.abort();let{signal:n}=this.#n=new AbortController;t||(this.#u(),this.stage?.edit(!1)),this.loading=!t,this.problem=null,this.changed();try{let t=await this.api.study(e,n);this.#d(t),this.loading=!1,this.changed(),await this.hang(),this.canEdit&&!this.concepts&&this.#_()}catch(e){if(n.aborted)return;this.loading=!1,this.problem=J(e),this.#v(this.problem),this.changed()}}#u(){this.#t.abort(),Object.assign(this,{saved:null,shown:null,problem:null,selected:``,hovered:``,writing:null,hung:null,drawing:``,drafting:!1}),this.edits=E}#d(e){this.#t.abort(),this.saved=e,this.shown=e,this.edits=E,this.writing=null,this.drafting=!1,e.findings.some(e=>e.key===this.selected)||(this.selected=``)}async hang(){let e=this.shown;e&&this.stage&&(await this.stage.show(this.hung?{...e,prior:this.hung}:e),this.selected&&this.stage.select(this.selected))}async hangPrior(e){try{if(e===null||e===this.saved?.prior?.id)this.hung=null;else{let{time:t,label:n,films:r,findings:i}=await this.api.study(e);this.hung={id:e,time:t,label:n,films:r,findings:i}}this.changed(),await this.hang(),this.stage?.prior(`beside`)}catch(e){this.complain(e)}}get prior(){return this.hung??this.shown?.prior??null}select(e,t=`list`){this.selected=e,t!==`stage`&&this.stage?.select(e||null);let n=this.item(e);n&&(this.folded.delete(n.state),t!==`list`&&(this.said=Ie(n))),this.changed()}selectSentence(e){let t=(this.shown?.report.sentences[e]?.findings??[]).filter(e=>this.item(e));t.length&&this.select(Dt(t,this.selected),`report`)}stepFinding(e){this.select(wt(Ct(this.shown?.findings??[]),this.selected,e))}hover(e){this.hovered!==e&&(this.hovered=e,this.changed())}item(e){return this.shown?.findings.find(t=>t.key===e)}get unsaved(){return this.edits.now.length>0||this.typed}get typed(){return this.writing!==null&&this.writing.text!==(this.shown?.report.sections[this.writing.section]??``)}get canEdit(){return this.session!==null&&!this.session.readonly&&this.saved!==null&&!this.saving&&!this.coming}get coming(){return this.saved?.state===`waiting`||this.saved?.state===`reading`}get canAdmin(){return this.session?.roles.includes(`admin`)??!1}async act(e){if(!this.canEdit||!this.shown)return!1;let t=new Set(this.shown.findings.map(e=>e.key));this.edits=_e(this.edits,e),this.shown={...this.shown,findings:Ce(this.shown.findings,e)},this.#h(),this.changed();let n=await this.#p(()=>this.edits=k(this.edits));if(n&&e.do===`add`){let e=this.shown.findings.find(e=>!t.has(e.key));e&&this.select(e.key)}return n}judge(e,t){if(!this.canEdit||!this.shown)return;let n=this.saved?.findings.find(t=>t.key===e.key)?.verdict??``,r=e.verdict===`${t}ed`,i=ve(this.edits,e.key,t,n);this.shown={...this.shown,findings:Ce(this.shown.findings,{do:r?`restore`:t,key:e.key})},this.#f(i,r?`Verdict taken back`:`${e.label} ${t}ed`)}undo(){this.#f(be(this.edits),`Undone`)}redo(){this.#f(xe(this.edits),`Done again`)}unwrite(e){this.#f(ye(this.edits,e),`The text follows the list again`)}#f(e,t){if(e===this.edits||!this.canEdit)return;let n=this.edits;this.edits=e,this.said=t,this.changed(),this.#p(()=>this.edits=n)}async#p(e){this.#t.abort();let{signal:t}=this.#t=new AbortController,n=this.saved?.id??``;this.drafting=!0;try{let e=this.edits.now.length?await this.api.draft(n,this.edits.now,t):this.saved;if(t.aborted||this.saved?.id!==n||!e)return!1;this.shown=e,this.selected&&!this.item(this.selected)&&(this.selected=``)}catch(r){return t.aborted||this.#v(J(r))||(e(),await this.#m(n),this.complain(r)),!1}finally{t.aborted||(this.drafting=!1),this.#h(),this.changed()}return!0}async#m(e){for(;this.saved?.id===e;){let t=this.edits.now.length?await this.api.draft(e,this.edits.now).catch(J):this.saved;if(!(t instanceof G)){this.saved?.id===e&&(this.shown=t);return}if(t.status<400||t.status>=500||t.status===401)return;this.edits=this.edits.past.length?k(this.edits):E}}#h(){let e=this.shown;if(!e||!this.stage)return;let t=e.findings.filter(e=>e.verdict!==`rejected`);this.stage.setBoxes(t,this.prior?.findings??[]),this.stage.select(this.selected||null)}boxMoved(e,t){this.act({do:`move`,key:e,boxes:t})}async draw(e){if(!this.stage)return null;this.drawing=e,this.said=`Draw a box for ${e} on a film. Escape stops.`,this.changed();let t=await this.stage.drawBox(e).catch(()=>null);return this.drawing=``,this.changed(),t}async drawFor(e){let t=await this.draw(e.label);t&&await this.act({do:`move`,key:e.key,boxes:[...e.boxes,t]})}async write(){let e=this.writing;if(!e)return;let t=this.typed;this.writing=null,this.changed(),t&&!await this.act({do:`write`,...e})&&(this.writing=e,this.changed())}async save(e){if(this.writing&&await this.write(),!this.writing&&this.saved&&!this.saving&&(this.unsaved||e)){this.saving=!0,this.close();try{let t=await this.api.save(this.saved.id,this.saved.revision,this.edits.now,e);this.#d(t),this.tell(`done`,e?`Marked final and written.`:`Saved: study.json, SR, SEG, GSPS and FHIR are written.`),this.#h(),this.loadList(!0)}catch(e){let t=J(e);t.status===409?await this.#g():this.complain(t)}finally{this.saving=!1,this.changed()}}}async#g(){let e=await this.api.study(this.saved?.id??``).catch(()=>null);this.open({open:`moved`,theirs:e})}async takeTheirs(e,t){let n=new Set(this.saved?.findings.map(e=>e.key)),r=(this.shown?.findings??[]).filter(e=>!n.has(e.key)).map(e=>e.key),{kept:i,lost:a}=Se(this.edits.now,e.findings,r);this.saving=!1,this.#d(e),this.close(),t&&i.length&&(this.edits={past:[[]],now:i,next:[]},await this.#p(()=>this.edits=E)&&this.tell(`done`,`Your edits stand on top of the newer version${a.length?`; ${a.length} did not fit it any more`:``}. Look at them, then save.`)),this.#h(),this.changed()}async#_(){if(!this.#o){this.#o=!0;try{this.concepts=await this.api.concepts()}catch(e){this.complain(e)}this.#o=!1,this.changed()}}tell(e,t,n=``){let r=++this.#a;this.toasts=[...this.toasts.slice(-3),{id:r,kind:e,text:t,fix:n}],e===`done`&&window.setTimeout(()=>this.dismiss(r),5e3),this.changed()}dismiss(e){this.toasts=this.toasts.filter(t=>t.id!==e),this.changed()}complain(e){let t=J(e);this.#v(t)||this.tell(`problem`,t.message,t.fix)}async again(){try{this.session=await this.api.session(),this.trouble=null,this.close(),this.tell(`done`,`Signed in again. Nothing was lost.`),this.loadList(!0),!this.saved&&this.place.at===`study`?this.loadStudy(this.place.id):this.edits.now.length&&this.#p(()=>this.edits=k(this.edits))}catch{this.said=`Still signed out.`,this.changed()}}#v(e){return e.status===401&&this.open({open:`expired`}),e.status===401}};function J(e){return e instanceof G?e:new G(-1,`Something went wrong in this page.`,e instanceof Error?`${e.message}. Reload the page.`:`Reload the page.`)}function In(e,t=.04){if(e.length<2)return e.map(()=>.5);if(t*(e.length-1)>=1)return e.map((t,n)=>n/(e.length-1));let n=e.map(e=>Date.parse(e));n.forEach((e,t)=>{Number.isNaN(e)&&(n[t]=n[t-1]??0)});let r=n[0]??0,i=(n.at(-1)??r)-r;return i<=0?e.map((t,n)=>n/(e.length-1)):Rn(Ln(n.slice(1).map((e,t)=>Math.max(0,(e-(n[t]??0))/i)),t))}function Ln(e,t){let n=new Set(e.flatMap((e,n)=>e<t?[n]:[]));for(;;){let r=e.reduce((e,t,r)=>n.has(r)?e:e+t,0),i=(1-t*n.size)/r,a=e.findIndex((e,r)=>!n.has(r)&&e*i<t);if(a<0)return e.map((e,r)=>n.has(r)?t:e*i);n.add(a)}}function Rn(e){let t=0;return[0,...e.map(e=>Math.min(1,t+=e))]}function zn(e){let t=new Map;e.forEach((e,n)=>{for(let r of e.findings){let e=t.get(r.concept)??{concept:r.concept,label:r.label,marks:[],spans:[]};t.set(r.concept,e);let i={at:n,state:r.state,side:r.side,change:r.change,probability:r.probability},a=e.marks.findIndex(e=>e.at===n);a<0?e.marks.push(i):Bn(r.state)>Bn(e.marks[a]?.state??``)&&(e.marks[a]=i)}});let n=[...t.values()].filter(e=>e.marks.some(e=>e.state!==`absent`));for(let e of n)e.spans=Vn(e.marks);let r=e=>Math.max(...e.marks.filter(e=>e.state!==`absent`).map(e=>e.at)),i=e=>e.marks.filter(e=>e.state!==`absent`).length;return n.sort((e,t)=>i(t)-i(e)||r(t)-r(e)||e.label.localeCompare(t.label))}function Bn(e){return[`absent`,`uncertain`,`present`].indexOf(e)}function Vn(e){return e.slice(1).flatMap((t,n)=>{let r=e[n];if(!r||r.state===`absent`||t.state===`absent`)return[];let i=r.state===`present`&&t.state===`present`?`present`:`uncertain`;return[{from:r.at,to:t.at,state:i}]})}function Hn(e,t,n=[]){let r=new Set,i=e.map((t,n)=>e.length-1-n);for(let a of[...n.filter(t=>t>=0&&t<e.length),...i]){let n=e[a]??0;[...r].every(r=>r===a||Math.abs((e[r]??0)-n)>=t)&&r.add(a)}return r}var Un=1e3,Wn=24,Gn=24,Kn=()=>innerHeight<820?4:6,qn=92,Jn=26,Y=``,X=800,Z=!1;function Yn(e){let t=e.shown;return!t||t.timeline.length<2?x:v`<section class="timeline ${e.timeline?``:`shut`}" aria-labelledby="timeline-title">
    <header class="panel-head">
      <h2 id="timeline-title">
        <button aria-expanded=${e.timeline} @click=${()=>Xn(e)} data-tip="Timeline (t)">
          <span class="chevron ${e.timeline?`open`:``}">${A(`right`)}</span>Timeline
        </button>
      </h2>
      <span class="count">${t.timeline.length} studies</span>
      <span class="told">${Qn(e,t)}</span>
      ${e.timeline?$n(e,t):x}
    </header>
    ${e.timeline?er(e,t):x}
  </section>`}function Xn(e){e.timeline=!e.timeline,e.changed()}function Zn(e){return e.timeline.find(e=>e.id===Y)??e.timeline.find(e=>e.current)}function Qn(e,t){let n=Zn(t);if(!n)return v``;let r=n.current?`this study`:Ne(n.time,t.time);return v`<strong>${N(n.time)}</strong>${r?v`<span class="soft"> ${r}</span>`:x} <span class="words">${n.sentence||`No sentence.`}</span>`}function $n(e,t){let n=Zn(t);if(!n||n.current)return e.hung?v`<button class="button quiet" @click=${()=>void e.hangPrior(null)}>${A(`reset`)}Usual prior</button>`:x;let r=e.prior?.id===n.id;return v`<span class="choices-row">
    <button class="button quiet" ?disabled=${r} @click=${()=>void e.hangPrior(n.id)}>${A(`beside`)}${r?`Hangs as prior`:`Hang as prior`}</button>
    <a class="button quiet" href=${q({at:`study`,id:n.id})}>${A(`right`)}Open</a>
  </span>`}function er(e,t){let n=t.timeline,r=In(n.map(e=>e.time),Math.max(.03,Jn/(.95*X))),i=zn(n),a=Z?i:tr(i,e.item(e.selected)?.concept),o=Math.max(1,a.length)*Wn,s=e=>Gn+(r[e]??0)*952,c=n.findIndex(e=>e.current),l=n.findIndex(t=>t.id===e.prior?.id),u=Hn(r,qn/X,[c,l,0]),d=e=>100*s(e)/Un;return v`<div class="chart scroll">
    <div class="names">
      ${a.map(t=>v`<button class="name ${t.concept===e.item(e.selected)?.concept?`selected`:``}" @click=${()=>or(e,t.concept)}>${t.label}</button>`)}
      ${a.length?x:v`<span class="name faint">Nothing present on any date</span>`}
      ${i.length>Kn()?v`<button class="name faint" aria-expanded=${Z} @click=${()=>nr(e)}>${Z?`fewer`:`+ ${i.length-a.length} more`}</button>`:x}
    </div>
    <div class="plot">
      <svg viewBox="0 0 ${Un} ${o}" preserveAspectRatio="none" height=${o} aria-hidden="true">
        ${n.map((e,t)=>y`<line class="date ${e.current?`current`:``} ${t===l?`prior`:``} ${e.id===Y?`pointed`:``}" x1=${s(t)} x2=${s(t)} y1="0" y2=${o}></line>`)}
        ${a.flatMap((e,t)=>e.spans.map(e=>y`<line class="span ${e.state}" x1=${s(e.from)} x2=${s(e.to)} y1=${rr(t)} y2=${rr(t)}></line>`))}
      </svg>
      <svg class="marks-layer" height=${o} role="img" aria-label="Findings over time; the dates below carry the same in words">
        ${a.map((e,t)=>e.marks.map(e=>ir(e,d(e.at),rr(t))))}
      </svg>
      <div class="dates" role="group" aria-label="Studies by date">
        ${n.map((t,n)=>ar(e,t,d(n),u.has(n),e.prior?.id===t.id,o))}
      </div>
    </div>
  </div>`}function tr(e,t){let n=e.slice(0,Kn()),r=e.find(e=>e.concept===t);return r&&!n.includes(r)?[...n.slice(0,-1),r]:n}function nr(e){Z=!Z,e.changed()}function rr(e){return e*Wn+Wn/2}function ir(e,t,n){let r=`${t.toFixed(2)}%`,i=e.state===`absent`?3:4.5,a=e.change===`worsened`?`▲`:e.change===`improved`?`▼`:e.change===`new`?`+`:``;return y`<circle class="dot ${e.state} ${e.change}" cx=${r} cy=${n} r=${i}></circle>
    ${a?y`<text class="sign ${e.change}" x=${r} y=${n} dx="7" dy="3">${a}</text>`:x}`}function ar(e,t,n,r,i,a){let o=t.findings.filter(e=>e.state!==`absent`).map(e=>[e.label,e.state===`uncertain`?`uncertain`:``,F(e.side),e.change].filter(Boolean).join(` `)).join(`; `),s=()=>{Y!==t.id&&(Y=t.id,e.changed())};return v`<button
    class="stop ${t.current?`current`:``} ${i?`prior`:``} ${t.id===Y?`pointed`:``}"
    aria-current=${t.current?`date`:`false`}
    aria-pressed=${t.id===Y}
    aria-label="${N(t.time)}${t.current?` this study`:``}${i?` prior`:``}: ${o||`nothing present`}"
    data-left=${n.toFixed(2)}
    data-height=${a}
    @mouseenter=${s}
    @focus=${s}
    @click=${s}
    @dblclick=${()=>t.current||e.go({at:`study`,id:t.id})}
  >${r?v`<span>${N(t.time)} ${i?v`<small>prior</small>`:x}${t.current?v`<small>this study</small>`:x}</span>`:x}</button>`}function or(e,t){let n=e.shown?.findings.find(e=>e.concept===t);n&&e.select(n.key)}function sr(e){let t=X;for(let t of e.querySelectorAll(`.stop[data-left]`))t.style.left=`${t.dataset.left}%`;for(let t of e.querySelectorAll(`.dates`)){let e=t.querySelector(`.stop`)?.dataset.height;e&&t.style.setProperty(`--rows`,`${e}px`),X=t.clientWidth||X}return Math.abs(X-t)>8}function cr(){Y=``,Z=!1}function lr(){let e=document.createElement(`div`);e.id=`tip`,e.setAttribute(`role`,`tooltip`),e.hidden=!0,document.body.append(e);let t=null,n=0,r=()=>{clearTimeout(n),t?.removeAttribute(`aria-describedby`),t=null,e.hidden=!0},i=(i,a)=>{let o=i instanceof Element?i.closest(`[data-tip]`):null;o!==t&&(r(),o?.getAttribute(`data-tip`)&&(t=o,n=window.setTimeout(()=>ur(e,o),a)))};document.addEventListener(`mouseover`,e=>i(e.target,350)),document.addEventListener(`focusin`,e=>{e.target instanceof Element&&e.target.matches(`:focus-visible`)&&i(e.target,120)}),document.addEventListener(`focusout`,r),document.addEventListener(`pointerdown`,r),document.addEventListener(`scroll`,r,{capture:!0,passive:!0}),document.addEventListener(`keydown`,r)}function ur(e,t){if(!t.isConnected)return;(t.closest(`dialog`)??document.body).append(e),e.textContent=t.getAttribute(`data-tip`),e.hidden=!1,t.setAttribute(`aria-describedby`,`tip`);let{left:n,bottom:r,top:i,width:a}=t.getBoundingClientRect(),o=e.getBoundingClientRect(),s=Math.min(Math.max(8,n+a/2-o.width/2),innerWidth-o.width-8),c=r+8+o.height<innerHeight;e.style.left=`${Math.round(s)}px`,e.style.top=`${Math.round(c?r+6:i-o.height-6)}px`}function dr(e){return v`<div class="toasts">
      ${ln(e.toasts,e=>e.id,t=>v`<div class="toast ${t.kind}" role=${t.kind===`problem`?`alert`:`status`}>
          ${A(t.kind===`problem`?`alert`:`check`)}
          <div><strong>${t.text}</strong>${t.fix?v`<p>${t.fix}</p>`:x}</div>
          <button class="close" aria-label="Close this message" @click=${()=>e.dismiss(t.id)}>${A(`cross`)}</button>
        </div>`)}
    </div>
    <div class="unseen" aria-live="polite">${e.said}</div>`}function fr(e){let{stage:t,status:n}=e;if(!t||!n||!e.shown?.films.length)return x;let r=(e,t,n,r,i)=>v`<button class="tool" aria-label=${t} aria-pressed=${i===void 0?x:i} data-tip="${t} (${n})" @click=${r}>${A(e)}</button>`;return v`<div class="tools" role="toolbar" aria-label="Film tools">
    ${pr(e)}
    <span class="tool-group">
      ${r(`invert`,`Invert`,`i`,()=>t.invert(),n.inverted)}
      ${r(`turn`,`Rotate right`,`r`,()=>t.rotate(90))}
      ${r(`flip`,`Mirror`,`f`,()=>t.flip())}
      ${r(`ruler`,`Measure`,`m`,()=>t.ruler(),n.ruler)}
      ${r(`reset`,`As it was hung`,`space`,()=>t.reset())}
    </span>
    <span class="tool-group">
      ${r(`eye`,`Boxes and masks`,`o`,()=>t.overlays(),n.overlays)}
      <label class="slider" data-tip="How strong boxes and masks are ([ and ])">
        <span class="unseen">Strength of boxes and masks</span>
        <input type="range" min="0" max="1" step="0.1" .value=${String(n.opacity)} ?disabled=${!n.overlays} @input=${e=>t.opacity(Number(e.target.value))} />
      </label>
    </span>
    ${n.bones===null?x:v`<label class="slider tool-group" data-tip="From the film as it is to the film without bones (b)">${A(`bone`)}
          <span class="unseen">Bones</span>
          <input type="range" min="0" max="1" step="0.05" .value=${String(n.bones)} @input=${e=>t.bones(Number(e.target.value))} />
        </label>`}
    ${n.prior===`none`?x:v`<span class="tool-group">
          ${r(`beside`,`Prior beside`,`P`,()=>t.prior(n.prior===`off`?`beside`:`off`),n.prior!==`off`)}
          ${r(`swap`,`Swap with the prior`,`p`,()=>t.prior(`swap`),n.prior===`swapped`)}
        </span>`}
    <span class="grow"></span>
    <span class="stage-says" role="status">${e.drawing?v`<strong>Draw a box for ${e.drawing.toLowerCase()}</strong> · Escape stops`:n.edit?v`Drag a box or its corners <button class="link" @click=${()=>t.edit(!1)}>done</button>`:n.message}</span>
  </div>`}function pr(e){let t=e.status?.presets??[];return t.length?v`<span class="tool-group" role="group" aria-label="Windows">
    ${t.slice(0,4).map((t,n)=>v`<button class="tool word" data-tip="Window ${t} (${n+1})" @click=${()=>e.stage?.preset(n+1)}>${t}</button>`)}
  </span>`:x}var mr=[[``,`All`],[`unread`,`Unread`],[`waiting`,`Waiting`],[`reading`,`Reading`],[`read`,`Read`],[`edited`,`Edited`],[`final`,`Final`],[`refused`,`Refused`],[`failed`,`Failed`],[`quarantined`,`Quarantined`]],hr=3,gr=0;function _r(e){let{list:t}=e,n=e.session?.features.jobs??!1;return v`<div class="list-page">
    <header class="list-head">
      <div class="list-title">
        <h1>${e.session?.features.worklist?`Worklist`:`Studies`}</h1>
        <span class="count" role="status">${vr(e)}</span>
        ${e.session?.features.worklist&&t.live!==null?v`<span class="live ${t.live?`on`:``}" data-tip=${t.live?`New studies appear by themselves`:`Not connected; the list is as it was last asked for`}>${t.live?`Live`:`Not live`}</span>`:x}
      </div>
      <div class="finder">
        ${A(`search`)}
        <input id="search" type="search" placeholder="Patient, study or finding" aria-label="Search the worklist" .value=${z(t.text)} @input=${t=>yr(e,t)} />
        <kbd>/</kbd>
      </div>
      <fieldset class="filter">
        <legend class="unseen">State</legend>
        ${mr.filter(([e])=>n||e!==`quarantined`).map(([n,r])=>v`<label class=${t.state===n?`on`:``}>
            <input type="radio" name="state" .checked=${z(t.state===n)} @change=${()=>e.find({state:n})} />${r}
          </label>`)}
      </fieldset>
    </header>
    <div class="list-body scroll" aria-busy=${t.loading}>${br(e,n)}</div>
    ${Dr(e)}
  </div>`}function vr(e){let{total:t,loading:n,rows:r,problem:i}=e.list;return n&&!r.length||i?``:`${t} ${t===1?`study`:`studies`}`}function yr(e,t){let n=t.target.value;e.list.text=n,clearTimeout(gr),gr=window.setTimeout(()=>e.find({text:n}),200)}function br(e,t){let{list:n}=e;return n.problem&&!n.rows.length?v`<div class="empty large" role="alert">
      ${A(`alert`)}
      <p><strong>${n.problem.message}</strong></p>
      <p>${n.problem.fix}</p>
      <button class="button" @click=${()=>void e.loadList()}>${A(`retry`)}Try again</button>
    </div>`:n.loading&&!n.rows.length?v`<div class="bones" aria-label="Loading the worklist">${Array.from({length:8},()=>v`<div class="bone-row"></div>`)}</div>`:n.rows.length?v`<table>
    <thead>
      <tr>
        <th scope="col">State</th>
        <th scope="col">Patient</th>
        <th scope="col" class="narrow-off">Study</th>
        <th scope="col">Taken</th>
        <th scope="col">Views</th>
        <th scope="col">Present</th>
        <th scope="col" class="narrow-off">Prior</th>
        ${t&&e.canAdmin?v`<th scope="col"><span class="unseen">Job</span></th>`:x}
      </tr>
    </thead>
    <tbody>
      ${ln(n.rows,e=>e.id,n=>Sr(e,n,t&&e.canAdmin))}
    </tbody>
  </table>`:xr(e)}function xr(e){let{text:t,state:n}=e.list,r=t||n;return v`<div class="empty large">
    ${A(r?`search`:`list`)}
    <p><strong>${r?`No study fits this search.`:`No study has arrived yet.`}</strong></p>
    <p>${r?`Fewer words or another state may find more.`:`Studies appear here when they are sent by C-STORE or STOW, or lie in the folder that is shown.`}</p>
    ${r?v`<button class="button" @click=${()=>e.find({text:``,state:``})}>Show all studies</button>`:x}
  </div>`}function Sr(e,t,n){let r=e.list.at===t.id,i=q({at:`study`,id:t.id});return v`<tr class=${r?`at`:``} data-id=${t.id} @click=${n=>{n.target.closest(`a, button`)||e.go({at:`study`,id:t.id})}}>
    <td>${wr(t)}</td>
    <td><a href=${i} class="patient" @focus=${()=>Cr(e,t.id)}>${t.patient||t.label||t.id}</a></td>
    <td class="narrow-off soft">${t.label}</td>
    <td class="when">${N(t.time,{hour:!0,unknown:`–`})}</td>
    <td class="soft views">${t.views.join(` · `)||`–`}</td>
    <td class="told">${Tr(t)}</td>
    <td class="narrow-off">${t.prior?v`<span class="soft" data-tip="An earlier study hangs beside it">${A(`clock`)}yes</span>`:v`<span class="faint">–</span>`}</td>
    ${n?v`<td class="job">${Er(e,t)}</td>`:x}
  </tr>`}function Cr(e,t){e.list.at!==t&&(e.list.at=t,e.changed())}function wr(e){let t=e.state===`reading`&&e.progress!==null;return v`<span class="state ${e.state}"><i></i>${M(e.state)}</span>
    ${t?v`<progress max="1" .value=${e.progress??0} aria-label="Reading, ${Math.round(100*(e.progress??0))} percent"></progress>`:x}`}function Tr(e){if(e.reason)return v`<span class="reason">${M(e.reason)}</span>`;if(e.state===`waiting`||e.state===`reading`)return v`<span class="faint">Not read yet</span>`;if(!e.present.length)return v`<span class="faint">${e.state===`unread`?`Not read`:`Nothing present among those assessed`}</span>`;let t=e.present.length-hr;return v`<span class="founds">
    ${e.present.slice(0,hr).map(e=>v`<span class="found">${e.label}${e.side?v` <span class="soft">${F(e.side)}</span>`:x}${e.probability===null?x:v` <span class="number">${P(e.probability)}</span>`}</span>`)}
    ${t>0?v`<span class="soft" data-tip=${e.present.slice(hr).map(e=>e.label).join(`
`)}>+ ${t} more</span>`:x}
  </span>`}function Er(e,t){let n=e.list.jobs.get(t.id);if(!n)return x;let r=t.state===`waiting`||t.state===`reading`,i=r?`cancel`:`retry`;return v`<button class="button quiet" data-tip=${n.attempts>1?`Tried ${n.attempts} times`:``} aria-label="${M(i)} the reading of ${t.label}" @click=${()=>void e.job(n.id,i)}>
    ${A(r?`cross`:`retry`)}${M(i)}
  </button>`}function Dr(e){let{total:t,offset:n,rows:r}=e.list;return t<=40&&n===0?x:v`<nav class="pages" aria-label="Pages">
    <button class="button quiet" ?disabled=${n===0} @click=${()=>e.find({offset:Math.max(0,n-40)})}>${A(`left`)}Newer</button>
    <span>${n+1} to ${n+r.length} of ${t}</span>
    <button class="button quiet" ?disabled=${n+r.length>=t} @click=${()=>e.find({offset:n+40})}>Older${A(`right`)}</button>
  </nav>`}var Q=new Fn,Or=document.createElement(`div`);Or.className=`films`;function kr(){Q.stage||Q.place.at!==`study`||(Q.stage=tt(Or,{onBoxClick:e=>Q.select(e,`stage`),onBoxMoved:(e,t)=>Q.boxMoved(e,t),onStatus:e=>{Q.status=e,Q.changed()},onHelp:()=>Q.open({open:`help`})}),Q.stage.opacity(.4),Q.shown&&Q.hang())}function Ar(){return Q.trouble?Lr(Q.trouble.message,Q.trouble.fix,()=>location.reload()):Q.session?v`
    <div class="screen ${Q.place.at} ${Q.timeline?``:`no-timeline`}">
      ${Ve(Q)}
      ${Q.place.at===`worklist`?v`<main id="main" tabindex="-1">${_r(Q)}</main>`:jr()}
      <footer class="caution">${A(`alert`)}<span>${Q.shown?.caution||Q.session.caution}</span></footer>
    </div>
    ${Tn(Q)} ${dr(Q)} ${$t(Q)}
  `:v`<p class="waking" role="status">Opening the reading room…</p>`}function jr(){if(Q.problem)return v`<main id="main" class="whole" tabindex="-1">${Lr(Q.problem.message,Q.problem.fix,()=>Q.place.at===`study`&&void Q.loadStudy(Q.place.id))}</main>`;let e=Q.shown!==null;return v`<main id="main" class="desk" tabindex="-1">
    <section class="view" aria-label="Films of the study">
      ${fr(Q)}
      ${Pr()}
      <div class="stage-frame ${e&&Q.shown?.films.length?``:`covered`}">${Or}${Mr(e)}</div>
    </section>
    ${e?Fr():v`<aside class="side" aria-busy="true"><div class="bones">${Array.from({length:7},()=>v`<div class="bone-row"></div>`)}</div></aside>`}
    ${Yn(Q)}
  </main>`}function Mr(e){return e?Q.shown?.films.length?x:v`<p class="cover">This study has no films that can be shown.</p>`:v`<p class="cover" role="status">Opening the study…</p>`}var Nr={waiting:`This study waits to be read.`,reading:`This study is being read.`,refused:`This study was refused.`,failed:`This study could not be read.`,quarantined:`This study was set aside.`};function Pr(){let e=Q.shown;if(!e)return x;let t=e.films.filter(e=>!e.accepted&&e.reason).map(e=>`${e.view||`Film`}: ${e.reason}`),n=[e.reason,...t].filter(Boolean).join(` `);return n?v`<p class="why ${e.state}" role="status">${A(`alert`)}<span><strong>${Nr[e.state]??`Not all films were read.`}</strong> ${n}</span></p>`:x}function Fr(){let e=(e,t)=>v`<button
    role="tab" id="tab-${e}" aria-controls="pane" aria-selected=${Q.tab===e} tabindex=${Q.tab===e?0:-1}
    @click=${()=>Ir(e)}
    @keydown=${t=>{(t.key===`ArrowLeft`||t.key===`ArrowRight`)&&(t.stopPropagation(),Ir(e===`report`?`record`:`report`),requestAnimationFrame(()=>document.querySelector(`#tab-${Q.tab}`)?.focus()))}}
  >${t}</button>`;return v`<aside class="side" aria-label="Findings and report">
    ${dn(Q)} ${kn(Q)}
    <section class="panel lower">
      <div class="tabs">
        <span role="tablist" aria-label="Report and record">${e(`report`,`Report`)}${e(`record`,`Record`)}</span>
        ${Q.tab===`report`?Bt(Q):x}
      </div>
      <div id="pane" class="scroll" role="tabpanel" aria-labelledby="tab-${Q.tab}" tabindex="0">${Q.tab===`report`?zt(Q):Sn(Q)}</div>
    </section>
  </aside>`}function Ir(e){Q.tab!==e&&document.querySelector(`#pane`)?.scrollTo(0,0),Q.tab=e,Q.changed()}function Lr(e,t,n){return v`<div class="empty large" role="alert">
    ${A(`alert`)}
    <p><strong>${e}</strong></p>
    <p>${t}</p>
    <span class="pair"><button class="button primary" @click=${n}>${A(`retry`)}Try again</button>${Q.session?v`<a class="button" href="#/">Worklist</a>`:x}</span>
  </div>`}var Rr=!1,zr=``;function $(){Rr=!1;let e=document.querySelector(`#room`);if(!e)return;he(Ar(),e),sr(e)&&Q.changed(),An(e),en(Q,e),kr(),Br(e);let t=Q.shown&&Q.place.at===`study`?`${Q.unsaved?`• `:``}${Q.shown.label} · Hilum`:`Reading room · Hilum`;document.title!==t&&(document.title=t)}function Br(e){let t=Q.place.at===`study`?`finding ${Q.selected} ${Q.item(Q.selected)?.state??``}`:`row ${Q.list.at}`;if(t===zr)return;zr=t;let n={block:`nearest`,behavior:matchMedia(`(prefers-reduced-motion: reduce)`).matches?`auto`:`smooth`};for(let t of[`.finding.selected`,`.sentence.selected`,`tr.at`])e.querySelector(t)?.scrollIntoView(n)}Q.watch(e=>{if(e)return $();Rr||(Rr=!0,requestAnimationFrame($))}),addEventListener(`hashchange`,()=>{cr(),Q.follow()}),addEventListener(`resize`,()=>Q.changed()),addEventListener(`beforeunload`,e=>{Q.unsaved&&e.preventDefault()}),document.addEventListener(`keydown`,e=>Yt(Q,e),!0),document.querySelector(`.skip`)?.addEventListener(`click`,e=>{e.preventDefault(),document.querySelector(`#main`)?.focus()}),lr(),$(),Q.start(),setTimeout(Qe,300);export{Ye as t};