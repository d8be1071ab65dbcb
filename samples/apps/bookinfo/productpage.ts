/** Bookinfo `productpage`: the page that people see, made from `details` and `reviews`. */
import { readBody, send, sendJson, serve } from '../http-app.ts';
import { readSession, sessionCookie } from './session.ts';
import { renderProductPage, type Part } from './product-page.ts';
import { traceHeaders } from './trace-headers.ts';
import { getJson, type Answer } from './upstream.ts';

const PRODUCTS = [{ id: 0, title: 'The Comedy of Errors', descriptionHtml: 'One of Shakespeare’s earliest and shortest plays: twin brothers, twin servants, and a day on which everybody in Ephesus greets the wrong man.' }];
const CALL_TIMEOUT_MS = 3000;
const domain = process.env['SERVICES_DOMAIN'] ? `.${process.env['SERVICES_DOMAIN']}` : '';
const base = (name: string) => `http://${process.env[`${name.toUpperCase()}_HOSTNAME`] ?? name}${domain}:${process.env[`${name.toUpperCase()}_SERVICE_PORT`] ?? '9080'}/${name}`;
const urls = { details: base('details'), reviews: base('reviews'), ratings: base('ratings') };

const details = (id: number, headers: Record<string, string>) => getJson(`${urls.details}/${id}`, headers, CALL_TIMEOUT_MS);
const ratings = (id: number, headers: Record<string, string>) => getJson(`${urls.ratings}/${id}`, headers, CALL_TIMEOUT_MS);

/** Reviews are tried twice, as the original does: its lesson is that a time-out in the app can undo the one in the mesh. */
async function reviews(id: number, headers: Record<string, string>): Promise<Answer> {
  const first = await getJson(`${urls.reviews}/${id}`, headers, CALL_TIMEOUT_MS);
  return first.status === 200 ? first : getJson(`${urls.reviews}/${id}`, headers, CALL_TIMEOUT_MS);
}

const part = (answer: Answer, what: string): Part =>
  answer.status === 200 ? { ok: true, value: answer.body as Record<string, unknown> } : { ok: false, error: `Sorry, product ${what} are currently unavailable for this book.` };

const served = { pages: 0, api: 0 };

serve(Number(process.argv[2] ?? 9080), async (request, response, url) => {
  const user = readSession(request.headers.cookie);
  const headers = { ...traceHeaders(request.headers), ...(user === undefined ? {} : { 'end-user': user }) };
  switch (url.pathname) {
    case '/':
    case '/index.html':
      return send(response, 302, { type: 'text/plain', body: '', headers: { location: '/productpage' } });
    case '/health':
      return send(response, 200, { type: 'text/plain', body: 'Product page is healthy' });
    case '/metrics':
      return send(response, 200, {
        type: 'text/plain; version=0.0.4',
        body: `# HELP bookinfo_productpage_requests_total Requests answered, by kind.\n# TYPE bookinfo_productpage_requests_total counter\nbookinfo_productpage_requests_total{kind="page"} ${served.pages}\nbookinfo_productpage_requests_total{kind="api"} ${served.api}\n`,
      });
    case '/login': {
      const name = new URLSearchParams((await readBody(request)).toString()).get('username') ?? url.searchParams.get('username') ?? '';
      return send(response, 302, { type: 'text/plain', body: '', headers: { location: request.headers.referer ?? '/productpage', 'set-cookie': sessionCookie(name) } });
    }
    case '/logout':
      return send(response, 302, { type: 'text/plain', body: '', headers: { location: request.headers.referer ?? '/productpage', 'set-cookie': sessionCookie(undefined) } });
    case '/productpage': {
      served.pages++;
      const [detail, review] = await Promise.all([details(0, headers), reviews(0, headers)]);
      const product = PRODUCTS[0];
      const body = renderProductPage({ title: product?.title ?? '', summary: product?.descriptionHtml ?? '', user, details: part(detail, 'details'), reviews: part(review, 'reviews') });
      return send(response, 200, { type: 'text/html; charset=utf-8', body });
    }
  }
  const api = /^\/api\/v1\/products(?:\/(\d+)(?:\/(reviews|ratings))?)?$/.exec(url.pathname);
  if (!api) return sendJson(response, 404, { error: `no page at ${url.pathname}; the product page is at /productpage` });
  served.api++;
  const [, id, what] = api;
  if (id === undefined) return sendJson(response, 200, PRODUCTS);
  const answer = await (what === 'reviews' ? reviews : what === 'ratings' ? ratings : details)(Number(id), headers);
  sendJson(response, answer.status === 0 ? 500 : answer.status, answer.status === 0 ? { error: answer.error } : answer.body);
});
