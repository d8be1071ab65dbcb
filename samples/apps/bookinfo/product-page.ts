/** The product page as HTML: one self-contained document, light and dark. */
export type Part = { ok: true; value: Record<string, unknown> } | { ok: false; error: string };

export interface ProductPage {
  title: string;
  summary: string;
  user: string | undefined;
  details: Part;
  reviews: Part;
}

interface Review {
  reviewer: string;
  text: string;
  rating?: { stars?: number; color?: string; error?: string };
}

const STYLE = `
:root{--bg:#f6f4ef;--card:#fff;--ink:#1d2330;--soft:#667085;--line:#e4e0d6;--accent:#0b6e6e;--star:#1d2330}
@media (prefers-color-scheme:dark){:root{--bg:#11151c;--card:#1a202b;--ink:#e9edf3;--soft:#98a2b3;--line:#2b3444;--accent:#4fd1c5;--star:#e9edf3}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.6 ui-sans-serif,system-ui,"Segoe UI",sans-serif}
header{display:flex;align-items:center;gap:1rem;padding:1rem clamp(1rem,5vw,4rem);border-bottom:1px solid var(--line);background:var(--card)}
header b{font-size:1.1rem;letter-spacing:.01em}header form{margin-left:auto;display:flex;gap:.5rem;align-items:center}
input,button,.button{font:inherit;padding:.4rem .8rem;border-radius:.5rem;border:1px solid var(--line);background:transparent;color:inherit;text-decoration:none}
button,.button{background:var(--accent);border-color:var(--accent);color:#fff;cursor:pointer}
main{max-width:70rem;margin:0 auto;padding:2rem clamp(1rem,5vw,4rem);display:grid;gap:1.5rem}
.hero{display:grid;grid-template-columns:10rem 1fr;gap:2rem;align-items:center}
.cover{aspect-ratio:2/3;border-radius:.4rem .8rem .8rem .4rem;background:linear-gradient(155deg,#0b6e6e,#123b5d 70%);color:#fff;padding:1rem;display:flex;flex-direction:column;justify-content:space-between;box-shadow:0 12px 30px #0004;font-family:Georgia,serif}
.cover span{font-size:.75rem;opacity:.8}h1{font:600 clamp(1.8rem,4vw,2.8rem)/1.15 Georgia,serif;margin:.2rem 0}h2{font-size:1.1rem;margin:0 0 1rem}
.soft{color:var(--soft)}.grid{display:grid;gap:1.5rem;grid-template-columns:minmax(16rem,1fr) 2fr}.card{background:var(--card);border:1px solid var(--line);border-radius:1rem;padding:1.5rem}
dl{display:grid;grid-template-columns:auto 1fr;gap:.4rem 1rem;margin:0}dt{color:var(--soft)}dd{margin:0;text-align:right}
blockquote{margin:0 0 1.2rem;padding:0 0 1.2rem;border-bottom:1px solid var(--line)}blockquote:last-of-type{border:0;margin:0;padding:0}blockquote p{margin:0 0 .4rem;font-size:1.05rem}
.glyphicon-star,.glyphicon-star-empty{font-style:normal;font-size:1.2rem;letter-spacing:.1em}.glyphicon-star::before{content:"★"}.glyphicon-star-empty::before{content:"☆"}
.stars-black{color:var(--star)}.stars-red{color:#e5484d}.alert{color:#c2410c}footer{font-size:.85rem}
@media (max-width:44rem){.hero,.grid{grid-template-columns:1fr}.cover{max-width:9rem}}`;

export function renderProductPage(page: ProductPage): string {
  return `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Simple Bookstore App</title><style>${STYLE}</style></head>
<body>
<header><b>Bookinfo</b><span class="soft">a sample of four services</span>${renderSession(page.user)}</header>
<main>
<section class="hero"><div class="cover"><span>William Shakespeare</span><strong>${escape(page.title)}</strong><span>1595</span></div>
<div><span class="soft">Paperback</span><h1>${escape(page.title)}</h1><p>${escape(page.summary)}</p></div></section>
<section class="grid"><div class="card"><h2>Book Details</h2>${renderDetails(page.details)}</div><div class="card"><h2>Book Reviews</h2>${renderReviews(page.reviews)}</div></section>
</main>
</body>
</html>
`;
}

function renderSession(user: string | undefined): string {
  if (user !== undefined) return `<form action="/logout"><span>${escape(user)}</span><a class="button" href="/logout">Sign out</a></form>`;
  return '<form action="/login" method="post"><input name="username" aria-label="User name" placeholder="User name, e.g. jason" required pattern="[A-Za-z0-9._@\\-]{1,64}"><input type="hidden" name="passwd" value=""><button>Sign in</button></form>';
}

function renderDetails(part: Part): string {
  if (!part.ok) return `<p class="alert">Error fetching product details!</p><p>${escape(part.error)}</p>`;
  const rows = [['Type', 'type'], ['Pages', 'pages'], ['Publisher', 'publisher'], ['Language', 'language'], ['ISBN-10', 'ISBN-10'], ['ISBN-13', 'ISBN-13']] as const;
  return `<dl>${rows.map(([label, key]) => `<dt>${label}</dt><dd>${escape(String(part.value[key] ?? ''))}</dd>`).join('')}</dl>`;
}

function renderReviews(part: Part): string {
  if (!part.ok) return `<p class="alert">Error fetching product reviews!</p><p>${escape(part.error)}</p>`;
  const reviews = (part.value['reviews'] ?? []) as Review[];
  return `${reviews.map(renderReview).join('\n')}<footer class="soft">Reviews served by: <code>${escape(String(part.value['podname'] ?? ''))}</code></footer>`;
}

function renderReview(review: Review): string {
  const { stars, color, error } = review.rating ?? {};
  const rating = error !== undefined ? `<p class="alert">${escape(error)}</p>` : stars === undefined ? '' : renderStars(stars, color === 'red' ? 'red' : 'black');
  return `<blockquote><p>“${escape(review.text)}”</p><small class="soft">${escape(review.reviewer)}</small><div>${rating}</div></blockquote>`;
}

function renderStars(stars: number, color: 'black' | 'red'): string {
  const filled = Math.max(0, Math.min(5, Math.round(stars)));
  const icon = (kind: string) => `<span class="glyphicon ${kind}"></span>`;
  return `<font color="${color}" class="stars-${color}" role="img" aria-label="${filled} of 5 stars">${icon('glyphicon-star').repeat(filled)}${icon('glyphicon-star-empty').repeat(5 - filled)}</font>`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text: string) => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
